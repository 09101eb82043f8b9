"""How the server writes values while they are read as columns: as texts that mean one thing."""

from typing import Final

from quantdb import sqlfile

__all__ = ["AS_READ", "SETTINGS", "SETTLE"]

AS_READ: Final = ("ISO, YMD", "postgres", "UTC", "1", "hex")
"""DateStyle, IntervalStyle, TimeZone, extra_float_digits and bytea_output."""

with sqlfile.mistakes_deferred():
    _FOLDER: Final = sqlfile.sql_folder() / "columns"
    SETTINGS: Final = sqlfile.read(_FOLDER / "settings.sql")
    """Says what they are."""
    SETTLE: Final = sqlfile.read(_FOLDER / "settle.sql")
    """Makes them so until the transaction ends."""
