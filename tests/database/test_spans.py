"""One span a call, named after the method, with what the database did and with no value."""

import asyncio
import pickle
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

import asyncpg
import attrs
import pytest
from methods import every_method
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from proxy import FaultProxy, says
from support import DAWN, DUSK, NOON, a_trade, fresh, query

import quantdb
from quantdb import (
    Conflict,
    InexactValue,
    NotFound,
    PoolConfig,
    PoolTimeout,
    PriceRepo,
    Query,
    Repo,
    StatementTimeout,
    TradeRepo,
    UserRepo,
    transaction,
)
from quantdb.sqlfile import read, sql_folder

BETWEEN: Final = read(sql_folder() / "trades/between.sql")
CANARY: Final = "c4n4ry"


@pytest.fixture(scope="session")
def exporter() -> InMemorySpanExporter:
    """Where the spans of the process end; a process has one provider."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> Iterator[InMemorySpanExporter]:
    exporter.clear()
    yield exporter
    exporter.clear()


@pytest.fixture(params=["explicit", "statement"])
async def traced(dsn: str, request: pytest.FixtureRequest) -> AsyncIterator[quantdb.Pool]:
    mode: Literal["explicit", "statement"] = request.param
    config = PoolConfig(dsn, min_size=0, max_size=4, tracing=True, transactions=mode)
    async with quantdb.create_pool(pickle.loads(pickle.dumps(config))) as pool:
        yield pool


def names(spans: InMemorySpanExporter) -> list[str]:
    return [span.name for span in spans.get_finished_spans()]


def only(spans: InMemorySpanExporter) -> ReadableSpan:
    [span] = spans.get_finished_spans()
    return span


def told(span: ReadableSpan) -> Mapping[str, object]:
    return dict(span.attributes or {})


async def test_every_method_is_a_span_of_its_name(
    traced: quantdb.Pool, spans: InMemorySpanExporter
) -> None:
    await every_method(traced, fresh())

    methods = {
        f"{kind.__name__}.{name}"
        for kind in (TradeRepo, PriceRepo, UserRepo)
        for name in vars(kind)
        if not name.startswith("_")
    }
    assert methods == set(names(spans))
    assert {SpanKind.CLIENT} == {span.kind for span in spans.get_finished_spans()}


async def test_a_span_says_what_the_conventions_ask_for(
    dsn: str, traced: quantdb.Pool, spans: InMemorySpanExporter
) -> None:
    await TradeRepo(traced).between("x", DAWN, DUSK)

    span, parts = only(spans), urlsplit(dsn)
    server = told(span)
    assert {
        "db.system.name": "postgresql",
        "db.namespace": parts.path[1:],
        "db.operation.name": "SELECT",
        "db.query.summary": "TradeRepo.between",
        "db.query.text": BETWEEN.text,
        "db.response.returned_rows": 0,
        "code.file.path": BETWEEN.path,
        "quantdb.attempts": 1,
    } == {key: value for key, value in server.items() if not key.startswith("server.")}
    assert span.name == "TradeRepo.between"
    assert span.status.status_code is StatusCode.UNSET
    assert (span.end_time or 0) > (span.start_time or 0)


async def test_the_server_is_the_one_that_answered(
    proxy: FaultProxy, spans: InMemorySpanExporter
) -> None:
    parts = urlsplit(proxy.dsn)
    nowhere = f"127.0.0.1:1,{parts.hostname}:{parts.port}"
    dsn = parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{nowhere}".lstrip("@")).geturl()
    config = PoolConfig(dsn, min_size=0, tracing=True)
    async with quantdb.create_pool(config) as pool:
        await TradeRepo(pool).latest("x")

    assert (parts.hostname, parts.port) == (
        told(only(spans))["server.address"],
        told(only(spans))["server.port"],
    )


async def test_a_users_own_methods_are_named_too(
    traced: quantdb.Pool, spans: InMemorySpanExporter, tmp_path: Path
) -> None:
    folder = tmp_path / "fills"
    folder.mkdir()
    (folder / "by_day.sql").write_text(
        "-- name: by_day :many\nSELECT generate_series(1, $1::int)\n"
    )

    class Fills(Repo):
        _by_day = Query(folder / "by_day.sql", int)
        _again = _by_day

        async def by_day(self, count: int) -> list[int]:
            return await self._by_day.all(self.db, count)

        async def days(self, count: int) -> list[int]:
            return await self._by_day.all(self.db, count, method="days")

    class More(Fills):
        pass

    alone = Query(folder / "by_day.sql", int)
    await Fills(traced).by_day(3)
    await More(traced).by_day(2)
    await Fills(traced).days(2)
    await alone.all(traced, 4)
    await alone.all(traced, 4, method="others")

    expected = ["Fills.by_day", "Fills.by_day", "Fills.days", "fills/by_day", "fills/others"]
    assert expected == names(spans)
    assert [told(span)["db.response.returned_rows"] for span in spans.get_finished_spans()] == [
        3,
        2,
        2,
        4,
        4,
    ]


async def test_a_bulk_write_is_one_span_with_its_figures(
    traced: quantdb.Pool, spans: InMemorySpanExporter
) -> None:
    trades = [a_trade(fresh()) for _ in range(5)]
    await TradeRepo(traced).insert_many(trades[:2])
    spans.clear()
    await TradeRepo(traced).insert_many(trades)

    found = told(only(spans))
    assert (only(spans).name, found["db.operation.name"]) == ("TradeRepo.insert_many", "INSERT")
    figures = {key: value for key, value in found.items() if key.startswith("quantdb.rows.")}
    assert figures == {
        "quantdb.rows.inserted": 3,
        "quantdb.rows.updated": 0,
        "quantdb.rows.existing": 2,
    }
    assert "db.response.returned_rows" not in found


async def test_a_unit_of_work_has_a_span_for_each_call(
    traced: quantdb.Pool, spans: InMemorySpanExporter
) -> None:
    async with transaction(traced.bound({"app.tenant": "7"})) as tx:
        await TradeRepo(tx).insert(a_trade(fresh()))
        await TradeRepo(tx).insert_many([a_trade(fresh())])
        stream = TradeRepo(tx).stream("x", DAWN, DUSK)
        async with aclosing(stream):
            async for _trade in stream:
                pass
        await TradeRepo(tx).latest("x")
    await TradeRepo(traced.bound({"app.tenant": "7"})).latest("x")

    expected = ["insert", "insert_many", "stream", "latest", "latest"]
    assert [f"TradeRepo.{name}" for name in expected] == names(spans)


async def test_a_span_is_a_child_of_the_one_that_is_current_in_its_task(
    traced: quantdb.Pool, spans: InMemorySpanExporter
) -> None:
    tracer = trace.get_tracer("test")

    async def asks(number: int) -> None:
        with tracer.start_as_current_span(f"outer {number}"):
            await TradeRepo(traced).latest(str(number))
            assert trace.get_current_span().is_recording()

    await asyncio.gather(*(asks(number) for number in range(4)))

    outer = {
        span.context.span_id: span
        for span in spans.get_finished_spans()
        if span.context is not None and span.name.startswith("outer")
    }
    inner = [span for span in spans.get_finished_spans() if span.name == "TradeRepo.latest"]
    parents = {span.parent.span_id for span in inner if span.parent is not None}
    assert set(outer) == parents
    assert len(inner) == 4
    assert not trace.get_current_span().get_span_context().is_valid


async def test_what_happens_while_a_stream_waits_for_its_reader_is_none_of_it(
    traced: quantdb.Pool, spans: InMemorySpanExporter
) -> None:
    symbol = fresh()
    await TradeRepo(traced).insert_many([a_trade(symbol) for _ in range(3)])
    spans.clear()
    async with transaction(traced) as tx:
        async for _trade in TradeRepo(tx).stream(symbol, DAWN, DUSK):
            assert not trace.get_current_span().is_recording()
            await TradeRepo(tx).latest(symbol)

    *latest, stream = spans.get_finished_spans()
    assert [span.name for span in latest] == ["TradeRepo.latest"] * 3
    assert [span.parent for span in (*latest, stream)] == [None] * 4
    assert (stream.name, told(stream)["db.response.returned_rows"]) == ("TradeRepo.stream", 3)


async def test_a_stream_that_is_left_early_ends_its_span_and_is_no_error(
    traced: quantdb.Pool, spans: InMemorySpanExporter
) -> None:
    symbol = fresh()
    await TradeRepo(traced).insert_many([a_trade(symbol) for _ in range(3)])
    spans.clear()
    async with aclosing(TradeRepo(traced).stream(symbol, DAWN, DUSK)) as stream:
        async for _trade in stream:
            break

    assert only(spans).name == "TradeRepo.stream"
    assert only(spans).status.status_code is StatusCode.UNSET


async def test_an_error_is_told_by_its_type_and_state_alone(
    traced: quantdb.Pool, spans: InMemorySpanExporter
) -> None:
    trade = a_trade(f"{CANARY}{fresh()}")
    await TradeRepo(traced).insert(trade)
    spans.clear()
    with pytest.raises(Conflict):
        await TradeRepo(traced).insert(attrs.evolve(trade, strategy=CANARY))
    with pytest.raises(NotFound):
        await TradeRepo(traced).get(a_trade("x").id)
    with pytest.raises(InexactValue):
        await TradeRepo(traced).insert_many([attrs.evolve(trade, id=a_trade("x").id, user_id=-7)])

    conflict, missing, inexact = spans.get_finished_spans()
    assert [told(span)["error.type"] for span in (conflict, missing, inexact)] == [
        "Conflict",
        "NotFound",
        "InexactValue",
    ]
    assert told(conflict)["quantdb.outcome"] == "not_applied"
    assert told(inexact)["db.response.status_code"] == "23503"
    for span in (conflict, missing, inexact):
        assert span.status.status_code is StatusCode.ERROR
        assert not span.status.description
        assert [event.name for event in span.events] == ["exception"]


async def test_no_value_and_no_secret_is_in_any_span(
    dsn: str, spans: InMemorySpanExporter, tmp_path: Path
) -> None:
    config = PoolConfig(dsn, min_size=0, max_size=1, acquire_timeout=0.2, tracing=True)
    bad = query(tmp_path, "SELECT $1::text::int", int)
    slow = query(tmp_path, "SELECT $1::text FROM pg_sleep(5)", str)
    trade = a_trade(CANARY, strategy=CANARY, price=Decimal("123456.789"))
    async with quantdb.create_pool(config) as pool:
        trades = TradeRepo(pool)
        await trades.insert(trade)
        await trades.between(CANARY, NOON, DUSK)
        with pytest.raises(Conflict):
            await trades.insert_many([attrs.evolve(trade, price=Decimal(CANARY[1]))])
        with pytest.raises(asyncpg.InvalidTextRepresentationError, match=CANARY):
            await bad.all(pool, CANARY)
        with pytest.raises(StatementTimeout):
            await slow.all(pool, CANARY, timeout=0.1)
        async with pool.acquire():
            with pytest.raises(PoolTimeout):
                await trades.latest(CANARY)

    assert len(spans.get_finished_spans()) == 6
    everything = "".join(span.to_json() for span in spans.get_finished_spans())
    password = unquote(urlsplit(dsn).password or "")
    for secret in (CANARY, "123456", *([password] if len(password) > 8 else [])):
        assert secret not in everything.replace(str(tmp_path), "")


async def test_a_call_that_is_repeated_says_how_often_and_why(
    proxy: FaultProxy, spans: InMemorySpanExporter
) -> None:
    async with quantdb.create_pool(PoolConfig(proxy.dsn, min_size=0, tracing=True)) as pool:
        await TradeRepo(pool).latest("x")
        spans.clear()
        proxy.once(says("BEGIN"), "reset", times=2)
        await TradeRepo(pool).latest("x")

    span = only(spans)
    assert told(span)["quantdb.attempts"] == 3
    assert span.status.status_code is StatusCode.UNSET
    assert [(event.name, dict(event.attributes or {})) for event in span.events] == [
        ("quantdb.retry", {"quantdb.attempt": 2, "error.type": "ConnectionLost"}),
        ("quantdb.retry", {"quantdb.attempt": 3, "error.type": "ConnectionLost"}),
    ]


async def test_a_call_that_is_cancelled_is_an_error_and_ends(
    traced: quantdb.Pool, spans: InMemorySpanExporter, tmp_path: Path
) -> None:
    slow = query(tmp_path, "SELECT 1 FROM pg_sleep(20)", int)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await slow.one(traced)
    await TradeRepo(traced).latest("x")

    cancelled, latest = spans.get_finished_spans()
    assert told(cancelled)["error.type"] == "CancelledError"
    assert latest.parent is None


async def test_who_did_not_ask_gets_none(
    pool: quantdb.Pool, plain_pool: quantdb.Database, spans: InMemorySpanExporter
) -> None:
    for db in (pool, plain_pool):
        await TradeRepo(db).latest("x")
        await TradeRepo(db).insert_many([a_trade(fresh())])

    assert names(spans) == []


def test_to_ask_without_the_package_says_what_to_install() -> None:
    code = """
import sys
sys.modules["opentelemetry"] = None
import quantdb
config = quantdb.PoolConfig("postgresql:///x", tracing=True)
try:
    quantdb.create_pool(config)
except quantdb.ConfigError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert re.search(r"pip install 'quantdb\[otel\]'", done.stdout)
