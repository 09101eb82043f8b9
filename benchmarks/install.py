"""Install the peers, one after the other: one that cannot be had is left out, and said.

Run by the Python of the benchmarks' own environment; it needs nothing but pip.
"""

import subprocess
import sys
from typing import Final

PEERS: Final = {
    "aiosql": ["aiosql>=13"],
    "psycopg 3": ["psycopg[binary]>=3.2", "psycopg-pool>=3.2"],
    "psqlpy": ["psqlpy>=0.11"],
    "SQLAlchemy": ["SQLAlchemy[asyncio]>=2.1.0b1"],
    "Piccolo": ["piccolo[postgres]>=1.22"],
    "Tortoise": ["tortoise-orm[asyncpg]>=1.0"],
    "ADBC": ["adbc-driver-postgresql>=1.5"],
    "ConnectorX": ["connectorx>=0.4"],
    "pgpq": ["pgpq>=0.10"],
    "Ray Data": ["ray[data]>=2.60"],
}


def install(names: list[str]) -> bool:
    """Let pip install packages, and say whether it could."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return subprocess.run([*command, *names], check=False).returncode == 0


def main() -> int:
    """Install quantdb with its extras, which must succeed, then each peer, which need not."""
    if not install(["--editable", ".[arrow,embedded,uvloop]"]):
        return 1
    for name, packages in PEERS.items():
        if not install(packages):
            print(f"{name} could not be installed and is left out", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
