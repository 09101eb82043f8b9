"""Each fault once, in its short form, under load, and a ledger that must be exact after it."""

import random
from collections.abc import Iterator
from typing import Final

import pytest
from soak.callers import CALLERS
from soak.histories import HISTORIES
from soak.promotion import a_standby_is_promoted
from soak.record import Record
from soak.scenarios import NETWORK, SERVER, Scenario
from soak.stage import SETTINGS, Mode, staged

from quantdb.embedded import EmbeddedPostgres


@pytest.fixture(scope="module")
def own_server() -> Iterator[EmbeddedPostgres]:
    """A server that may be killed: nobody else's."""
    with EmbeddedPostgres(settings=SETTINGS) as server:
        yield server


SCENARIOS: Final[dict[str, Scenario]] = {
    one.__name__: one for one in (*SERVER, *NETWORK, *CALLERS, *HISTORIES)
}


@pytest.mark.parametrize("name", SCENARIOS)
async def test_nothing_is_lost_doubled_late_or_left_over_when(
    name: str, own_server: EmbeddedPostgres
) -> None:
    record, number = Record(), [*SCENARIOS].index(name)
    # Each in some way; the soak plays all of them in all ways.
    mode: Mode = "statement" if number % 2 else "explicit"
    size = 3 * (number // 2 % 2)
    async with staged(own_server, record, random.Random(1), mode=mode, min_size=size) as stage:
        await SCENARIOS[name](stage)
        assert any(call.outcome == "acked" for call in record.calls)
    assert not record.problems, "\n".join(record.problems)


async def test_nothing_is_lost_doubled_late_or_left_over_when_a_standby_is_promoted() -> None:
    record = Record()
    await a_standby_is_promoted(record, random.Random(1))
    assert any(call.outcome == "acked" for call in record.calls)
    assert not record.problems, "\n".join(record.problems)
