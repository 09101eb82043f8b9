"""What Ray and matplotlib are told through the environment; they read it when they are imported."""

import logging
import os
import secrets
from typing import Final

__all__ = ["prepare"]

_SETTINGS: Final = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Have Ray listen on loopback only, as it does on macOS and Windows. On Linux it would listen
    # on every interface, whatever address it is given.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # Under "uv run", Ray would pack the working directory and build an environment from it.
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}


def prepare() -> None:
    """Have Ray be quiet and by itself, and matplotlib quiet; to be called before their import."""
    os.environ.update(_SETTINGS)
    # Other users of this machine reach the loopback too. Ray's default is one token for good, in a
    # file of the home folder that everybody may read.
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    # It tells at length where it puts its cache when the home folder is closed.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
