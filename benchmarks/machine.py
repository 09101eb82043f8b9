"""What a run was made on."""

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Final

import asyncpg

__all__ = ["machine", "versions"]

_LIBRARIES: Final = (
    "quantdb",
    "asyncpg",
    "uvloop",
    "aiosql",
    "psycopg",
    "psqlpy",
    "SQLAlchemy",
    "piccolo",
    "tortoise-orm",
    "pyarrow",
    "pgpq",
    "adbc-driver-postgresql",
    "connectorx",
)


def machine(pinned: str) -> dict[str, str]:
    """Return the machine, its load before the run, and whether one processor was used."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "processors": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
        "pinned": pinned,
    }


def _processor() -> str:
    cpu = Path("/proc/cpuinfo")
    if cpu.exists():
        for line in cpu.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


async def versions(dsn: str) -> dict[str, str]:
    """Return the versions of Python, the server and the libraries that are installed."""
    connection = await asyncpg.connect(dsn)
    try:
        server: object = await connection.fetchval("SHOW server_version")
    finally:
        await connection.close()
    found = {"Python": platform.python_version(), "PostgreSQL": str(server)}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
