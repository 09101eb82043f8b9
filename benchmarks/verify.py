"""Nobody is timed who does not do the work: answers are compared before."""

import importlib
from collections.abc import Sequence
from typing import TypeGuard

import asyncpg

from benchmarks.case import Case, Work
from benchmarks.data import COLUMNS, values
from quantdb import Trade

__all__ = ["WrongError", "verify"]


class WrongError(Exception):
    """A contender that does not do the work of its case."""


async def verify(case: Case, work: Work) -> None:
    """Run *work* once and raise unless it returns what is stored, or stores what it is given."""
    if case.reset is not None:
        await case.reset()
    given = case.feed()
    answer = await work(given)
    if case.check is not None:
        await case.check(answer)
    elif case.reads is None:
        await _stored(case.site.dsn, given)
    else:
        _returned(answer, case.reads() or given)


async def _stored(dsn: str, given: Sequence[Trade]) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            f"SELECT {', '.join(COLUMNS)} FROM trades WHERE id = ANY($1)",
            [trade.id for trade in given],
        )
    finally:
        await connection.close()
    if {tuple(row) for row in rows} != {values(trade) for trade in given}:
        raise WrongError(f"stored {len(rows)} of {len(given)} rows as they were given")


def _returned(answer: object, expected: Sequence[Trade]) -> None:
    if isinstance(answer, int):
        if answer != len(expected):
            raise WrongError(f"{answer} rows instead of {len(expected)}")
        return
    if hasattr(answer, "__arrow_c_stream__"):
        _columns(answer, expected)
        return
    found = answer if _are_rows(answer) else [answer]
    for n, (one, other) in enumerate(zip(found, expected, strict=True)):
        if values(one) != values(other):
            raise WrongError(f"row {n + 1} is {values(one)} instead of {values(other)}")


def _are_rows(answer: object) -> TypeGuard[list[object]]:
    return isinstance(answer, list)


def _columns(table: object, expected: Sequence[Trade]) -> None:
    shown: object = vars(importlib.import_module("benchmarks.peers.arrow"))["shown"]
    assert callable(shown)
    wanted = (
        len(expected),
        sum(trade.quantity for trade in expected),
        sum(trade.price for trade in expected),
        sum(trade.fee for trade in expected),
    )
    found: object = shown(table)
    if found != wanted:
        raise WrongError(f"rows and sums are {found} instead of {wanted}")
