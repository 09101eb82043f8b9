"""Each fault once, in its short form, under load, and a ledger that must be exact after it."""

import random
from collections.abc import Iterator

import pytest
from soak.callers import CALLERS
from soak.histories import HISTORIES
from soak.promotion import a_standby_is_promoted
from soak.record import Record
from soak.scenarios import NETWORK, SERVER, Scenario
from soak.stage import SETTINGS, staged

from quantdb.embedded import EmbeddedPostgres


@pytest.fixture(scope="module")
def own_server() -> Iterator[EmbeddedPostgres]:
    """A server that may be killed: nobody else's."""
    with EmbeddedPostgres(settings=SETTINGS) as server:
        yield server


@pytest.mark.parametrize(
    "scenario", [*SERVER, *NETWORK, *CALLERS, *HISTORIES], ids=lambda one: one.__name__
)
async def test_nothing_is_lost_doubled_late_or_left_over_when(
    scenario: Scenario, own_server: EmbeddedPostgres
) -> None:
    record = Record()
    async with staged(own_server, record, random.Random(1)) as stage:
        await scenario(stage)
        assert any(call.outcome == "acked" for call in record.calls)
    assert not record.problems, "\n".join(record.problems)


async def test_nothing_is_lost_doubled_late_or_left_over_when_a_standby_is_promoted() -> None:
    record = Record()
    await a_standby_is_promoted(record, random.Random(1))
    assert any(call.outcome == "acked" for call in record.calls)
    assert not record.problems, "\n".join(record.problems)
