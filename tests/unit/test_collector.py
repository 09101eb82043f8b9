"""The cycle collector rests for as long as many rows are made, and never longer."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from quantdb.collector import MANY, at_rest, feed_at_rest
from quantdb.rows import builder


@pytest.fixture(autouse=True)
def collector_is_as_it_was() -> Iterator[None]:
    assert gc.isenabled()
    yield
    left = gc.isenabled()
    gc.enable()
    assert left


class Receiver(asyncio.Protocol):
    """Notes what it is told, and whether the collector was on."""

    def __init__(self) -> None:
        self.told: list[tuple[object, bool]] = []

    def note(self, what: object) -> None:
        self.told.append((what, gc.isenabled()))

    def data_received(self, data: bytes) -> None:
        self.note(len(data))
        if data.startswith(b"bad"):
            raise ValueError("bad")

    def eof_received(self) -> bool:
        self.note("eof")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.note(exc)

    def pause_writing(self) -> None:
        self.note("pause")

    def resume_writing(self) -> None:
        self.note("resume")


class Transport:
    """Has a protocol, as every transport."""

    def __init__(self) -> None:
        self.protocol: asyncio.Protocol | None = None

    def set_protocol(self, protocol: asyncio.Protocol) -> None:
        self.protocol = protocol


class NoColumns(tuple[object, ...]):
    """A row."""

    __slots__ = ()

    def keys(self) -> Iterator[str]:
        return iter(())


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def fed(receiver: Receiver) -> asyncio.Protocol:
    transport = Transport()
    feed_at_rest(receiver, transport)
    assert transport.protocol is not None
    return transport.protocol


def test_a_block_ends_the_rest_that_it_began() -> None:
    with at_rest():
        assert not gc.isenabled()
        with at_rest():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_ends_it_too() -> None:
    with pytest.raises(ValueError, match="inside"), at_rest():
        raise ValueError("inside")
    assert gc.isenabled()


def test_whoever_has_switched_it_off_finds_it_off() -> None:
    gc.disable()
    with at_rest():
        assert not gc.isenabled()
    assert not gc.isenabled()
    gc.enable()


def test_it_rests_for_large_pieces_only(receiver: Receiver, fed: asyncio.Protocol) -> None:
    for size in (1, 16_383, 16_384, 100_000):
        fed.data_received(b"x" * size)

    assert receiver.told == [(1, True), (16_383, True), (16_384, False), (100_000, False)]


def test_a_piece_that_cannot_be_read_ends_the_rest(
    receiver: Receiver, fed: asyncio.Protocol
) -> None:
    with pytest.raises(ValueError, match="bad"):
        fed.data_received(b"bad" * 10_000)

    assert receiver.told == [(30_000, False)]
    assert gc.isenabled()


def test_the_driver_hears_all_else(receiver: Receiver, fed: asyncio.Protocol) -> None:
    lost = OSError("lost")
    assert fed.eof_received() is True
    fed.pause_writing()
    fed.resume_writing()
    fed.connection_lost(lost)

    assert [what for what, _on in receiver.told] == ["eof", "pause", "resume", lost]


@pytest.mark.parametrize("transport", [None, object()])
def test_a_transport_of_another_kind_is_left_alone(transport: object) -> None:
    feed_at_rest(Receiver(), transport)


def test_it_rests_while_many_records_become_models() -> None:
    seen: list[bool] = []

    def look(*_columns: object) -> None:
        seen.append(gc.isenabled())

    build = builder(look, "x.sql")
    for rows in (MANY - 1, MANY):
        build([NoColumns()] * rows)

    assert seen == [True] * (MANY - 1) + [False] * MANY
    assert gc.isenabled()
