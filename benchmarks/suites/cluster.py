"""Ray: a call in each of many tasks, calls of an actor, datasets; by workers and by rows."""

from collections.abc import AsyncGenerator, Sequence
from typing import Final

import attrs

from benchmarks import data
from benchmarks.case import Case, Contender, Site
from benchmarks.relay import relayed
from benchmarks.suites.bulk import emptied
from quantdb import Trade

__all__ = ["cases"]

_TASKS: Final = 100
_STORED: Final = 10_000
_MILLISECONDS: Final = (0, 10)
_WORKERS: Final = (1, 2, 4, 8)
_FASTEST_ONLY: Final = 100_000
"""Rows beyond which `write_sql` takes minutes."""


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
            tape = data.tape(rows)
            await emptied(site.dsn)()
            await data.fill(site.dsn, tape)
            yield _reading(site, tape, onray.readers())
            yield _writing(site, tape, onray.writers(tape, slow=rows <= _FASTEST_ONLY))


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


def _reading(site: Site, tape: Sequence[Trade], contenders: Sequence[Contender]) -> Case:
    return Case(
        "ray",
        f"read a dataset of {len(tape):,} trades",
        site,
        contenders,
        reads=lambda: tape,
        rounds=site.sizes.bulk_rounds,
        rows=len(tape),
    )


def _writing(site: Site, tape: Sequence[Trade], contenders: Sequence[Contender]) -> Case:
    return Case(
        "ray",
        f"write a dataset of {len(tape):,} trades",
        site,
        contenders,
        feed=lambda: tape,
        rounds=site.sizes.bulk_rounds,
        rows=len(tape),
        reset=emptied(site.dsn),
    )
