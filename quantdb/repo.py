"""What every repository has: a database to work on."""

from quantdb.database import Database

__all__ = ["Repo"]


class Repo:
    """Methods over SQL files; a subclass adds them.

    Args:
        db: A pool, and each method is a transaction of its own on a pooled connection; or a
            connection, and each method joins the transaction that it is in.
    """

    __slots__ = ("db",)

    def __init__(self, db: Database) -> None:
        self.db = db

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.db!r})"
