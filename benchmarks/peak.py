"""The peak memory of one call, in a process of its own: what others left behind is not counted.

python -m benchmarks.peak        (started by `peak`; what is wanted comes by standard input)
"""

import asyncio
import gc
import json
import sys
from pathlib import Path
from typing import Final

import attrs

from benchmarks.case import Case, Site, Sizes

__all__ = ["peak"]

_STATUS: Final = Path("/proc/self/status")
_FORGET: Final = Path("/proc/self/clear_refs")


async def peak(case: Case, name: str, mode: str) -> int | None:
    """Return the bytes that one call took at most, beyond what was taken before; None: unknown."""
    if not _STATUS.exists():
        return None
    wanted = {
        "site": attrs.asdict(case.site),
        "suite": case.suite,
        "case": case.name,
        "contender": name,
        "mode": mode,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.peak",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )
    said, _ = await process.communicate(json.dumps(wanted).encode())
    return int(said) if process.returncode == 0 else None


def _kilobytes(field: str) -> int:
    for line in _STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0])
    raise LookupError(field)


async def _one(case: Case, name: str, mode: str) -> int:
    contender = next(one for one in case.contenders if (one.name, one.mode) == (name, mode))
    async with contender.opened(case.site) as work:
        if case.reset is not None:
            await case.reset()
        given = case.feed()
        gc.collect()
        _FORGET.write_text("5")  # the peak so far
        before = _kilobytes("VmRSS")
        answer = await work(given)
        taken = _kilobytes("VmHWM") - before
        del answer
    return taken * 1024


async def _main() -> None:
    from benchmarks.suites import find  # noqa: PLC0415 - suites measure peaks

    wanted = json.loads(sys.stdin.read())
    sizes = wanted["site"].pop("sizes")
    site = Site(sizes=Sizes(**sizes), **wanted["site"])
    case = await find(attrs.evolve(site, filled=True), wanted["suite"], wanted["case"])
    print(await _one(case, wanted["contender"], wanted["mode"]))


if __name__ == "__main__":
    asyncio.run(_main())
