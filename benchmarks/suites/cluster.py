"""Ray: a call in each of many tasks, calls of an actor, datasets; by workers and by rows."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from tempfile import TemporaryDirectory
from typing import Final

import attrs

from benchmarks import data, totals
from benchmarks.case import Case, Contender, Reset, Site
from benchmarks.relay import relayed
from benchmarks.suites.bulk import emptied
from benchmarks.totals import Totals
from benchmarks.verify import WrongError
from quantdb import Trade

__all__ = ["cases"]

_TASKS: Final = 100
_STORED: Final = 10_000
_MILLISECONDS: Final = (0, 10)
_WORKERS: Final = (1, 2, 4, 8)
_FASTEST_ONLY: Final = 100_000
"""Rows beyond which `write_sql` takes minutes."""
_HELD: Final = 1_000_000
"""Rows that are in memory at once: `read_sql` has all of them as Python's objects, and a dataset is
there before it is written. More are read from their files while they are written; of turns, which
take a minute each then, there is one."""


async def cases(site: Site) -> AsyncGenerator[Case]:
    # Ray is imported by nobody who measures something else.
    from benchmarks import onray  # noqa: PLC0415

    with onray.cluster():
        trades = data.tape(_STORED)
        await data.fill(site.dsn, trades)
        for delay in _MILLISECONDS:
            async with relayed(site.dsn, delay / 1_000) as dsn:
                calls = _Calls(attrs.evolve(site, dsn=dsn), trades[:_TASKS], delay)
                yield calls.case("tasks", onray.tasks())
                yield calls.case("calls of an actor", onray.actors())
                for workers in _WORKERS:
                    yield calls.case(f"tasks, workers: {workers}", onray.few(workers))
        for rows in site.sizes.growth:
            await emptied(site.dsn)()
            await totals.filled(site.dsn, rows)
            many = _Many(site, rows, await totals.stored(site.dsn))
            yield many.read(onray.readers(rows, slow=rows <= _HELD), onray.totals)
            with TemporaryDirectory() as folder:
                await asyncio.to_thread(onray.files, site.dsn, folder)
                dataset = await asyncio.to_thread(onray.of_files, folder, held=rows <= _HELD)
                yield many.written(onray.writers(dataset, slow=rows <= _FASTEST_ONLY))
                del dataset


@attrs.frozen
class _Calls:
    """Trades that are read by a call each, over a way that takes so many milliseconds."""

    site: Site
    asked: Sequence[Trade]
    delay: int

    def case(self, how: str, contenders: Sequence[Contender]) -> Case:
        return Case(
            "ray",
            f"{how}, {self.delay} ms each way",
            self.site,
            contenders,
            feed=lambda: self.asked,
            reads=lambda: self.asked,
            rounds=self.site.sizes.rounds,
            rows=len(self.asked),
        )


@attrs.frozen
class _Many:
    """Trades that are read as a dataset, or written as one, and what is in all of them."""

    site: Site
    rows: int
    whole: Totals

    def read(self, contenders: Sequence[Contender], totals_of: Callable[[object], Totals]) -> Case:
        async def check(dataset: object) -> None:
            self._compare(await asyncio.to_thread(totals_of, dataset))

        return self._case("read", contenders, check, None)

    def written(self, contenders: Sequence[Contender]) -> Case:
        async def check(_answer: object) -> None:
            self._compare(await totals.stored(self.site.dsn))

        return self._case("write", contenders, check, emptied(self.site.dsn))

    def _compare(self, found: Totals) -> None:
        if found != self.whole:
            raise WrongError(f"the trades are {found} instead of {self.whole}")

    def _case(
        self,
        verb: str,
        contenders: Sequence[Contender],
        check: Callable[[object], Awaitable[None]],
        reset: Reset | None,
    ) -> Case:
        return Case(
            "ray",
            f"{verb} a dataset of {self.rows:,} trades",
            self.site,
            contenders,
            check=check,
            rounds=self.site.sizes.bulk_rounds if self.rows <= _HELD else 1,
            rows=self.rows,
            reset=reset,
        )
