"""The faults that come from the callers and from the schema, one function each."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeVar
from uuid import UUID, uuid4

import attrs
from proxy import Act, FaultProxy

import quantdb
from quantdb import (
    Conflict,
    ConnectionLost,
    Ingest,
    PoolTimeout,
    Query,
    Trade,
    TradeRepo,
)
from soak.ledger import Unit
from soak.load import INSERT, trade_of
from soak.scenarios import ANSWER, Scenario, every
from soak.stage import Stage, config_of

T = TypeVar("T")


async def a_commit_reply_in_ten_is_lost(stage: Stage) -> None:
    """Of 1 000 inserts 100 lose the reply to their COMMIT; retried by id, they are 1 000 rows."""
    async with stage.under_load():
        for repeats in (False, True):
            async with (
                stage.fault("lost replies"),
                FaultProxy.before(stage.dsn) as proxy,
                _pool(proxy, repeats=repeats) as pool,
            ):
                await _with_lost_replies(stage, proxy, pool, repeats=repeats)


async def _with_lost_replies(
    stage: Stage, proxy: FaultProxy, pool: quantdb.Pool, *, repeats: bool
) -> None:
    total, tenth = 1_000, 100
    act: Act = stage.rng.choice(("reset", "close"))
    rule = proxy.once(every(ANSWER, stage.rng.sample(range(total), tenth)), act, times=tenth)
    sent = [_entered(stage) for _ in range(total)]
    await _each(sent, lambda one: _insert(stage, pool, *one), at_once=8)
    proxy.heal()
    unknown = [one for one in sent if one[1].fate == "unknown"]
    if (rule.hits, len(unknown)) != (tenth, 0 if repeats else tenth):
        stage.record.problems.append(f"{rule.hits} replies lost, {len(unknown)} unknown")
    await _each(unknown, lambda one: _insert(stage, pool, *one), at_once=8)
    keys = [trade.id for trade, _unit in sent]
    if await _present(stage, keys) != total or any(unit.fate != "acked" for _t, unit in sent):
        stage.record.problems.append("inserts that were retried by id are not all there")


async def rows_without_a_key_lose_replies(stage: Stage) -> None:
    """What has no key is never written twice, and what is not known is said not to be."""
    total, tenth = 300, 30
    async with (
        stage.under_load(),
        FaultProxy.before(stage.dsn) as proxy,
        _pool(proxy, repeats=True) as pool,
        stage.fault("lost replies, no key"),
    ):
        proxy.once(every(ANSWER, stage.rng.sample(range(total), tenth)), "reset", times=tenth)

        async def write(unit: Unit) -> None:
            async def work(tx: quantdb.Connection) -> None:
                await tx.execute(INSERT, unit.keys[0], None)

            await stage.load.timed("unit", lambda: quantdb.retrying(pool, work), unit)

        units = [stage.ledger.unit("soak_entries", uuid4()) for _ in range(total)]
        await _each(units, write, at_once=8)
    unknown = [unit for unit in units if unit.fate == "unknown"]
    if len(unknown) != tenth:
        stage.record.problems.append(f"{len(unknown)} of {tenth} are unknown")


async def commit_is_never_sent(stage: Stage) -> None:
    """Connections end between the last statement and COMMIT: nothing was applied; it is said."""
    async with stage.under_load(), _pool(stage.proxy, repeats=False) as pool:

        async def work(unit: Unit) -> None:
            async with quantdb.transaction(pool) as tx:
                for key in unit.keys:
                    await tx.execute(INSERT, key, None)
                await _cut(stage, await tx.fetchval("SELECT pg_backend_pid()"))

        for _round in range(round(20 * stage.scale)):
            unit = stage.ledger.unit("soak_entries", uuid4(), uuid4())
            result = await stage.load.timed("cut", partial(work, unit), unit)
            if not isinstance(result, ConnectionLost):
                stage.record.problems.append(f"a transaction without COMMIT came to {result!r}")


async def _cut(stage: Stage, pid: object) -> None:
    await stage.look("SELECT pg_terminate_backend($1)", pid)
    while await stage.look("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid):  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.01)


async def calls_are_cancelled(stage: Stage) -> None:
    """A thousand calls are cancelled at any moment; each is resolved by its id."""
    async with stage.under_load(), _pool(stage.proxy, repeats=True) as pool:
        stage.proxy.latency = 0.001
        resolve: list[tuple[Trade, Unit]] = []

        async def one(_number: int) -> None:
            trade, unit = _entered(stage)
            call = asyncio.create_task(_insert(stage, pool, trade, unit))
            await asyncio.sleep(stage.rng.uniform(0, 0.025))
            call.cancel()
            (result,) = await asyncio.gather(call, return_exceptions=True)
            if isinstance(result, asyncio.CancelledError):
                unit.told("unknown")
                resolve.append((trade, unit))

        async with stage.fault("1 000 cancellations"):
            await _each(range(round(1_000 * min(1, stage.scale))), one, at_once=12)
        stage.proxy.heal()
        if not resolve:
            stage.record.problems.append("nothing was cancelled")
        await _each(resolve, lambda one: _insert(stage, pool, *one), at_once=8)
        if pool.get_size() != pool.get_idle_size():
            stage.record.problems.append("a cancelled call keeps its slot")


async def the_pool_is_saturated(stage: Stage) -> None:
    """A hundred callers for each connection: all are served in turn, or told in time."""
    async with (
        stage.under_load(),
        _pool(stage.proxy, repeats=True, max_size=2) as pool,
        stage.fault("100 callers a connection"),
    ):
        sent = [_entered(stage) for _ in range(200)]
        await _each(sent, lambda one: _insert(stage, pool, *one), at_once=200)
        fates = {unit.fate for _trade, unit in sent}
        if "acked" not in fates or not fates <= {"acked", "not_applied"}:
            stage.record.problems.append(f"callers of a saturated pool were told {fates}")

        async def told(_number: int) -> None:
            result = await stage.load.timed("saturated", lambda: _lent(pool), limit=0.5)
            if not isinstance(result, PoolTimeout) or result.in_use != pool.get_max_size():
                stage.record.problems.append(f"a caller of a full pool was told {result!r}")

        async with pool.acquire(), pool.acquire():
            await _each(range(200), told, at_once=200)
        await stage.load.timed("after", lambda: TradeRepo(pool).latest("SPY"))


async def _lent(pool: quantdb.Pool) -> None:
    async with pool.acquire(timeout=0.5):
        pass


_CHANGES: Final = (
    "ALTER TABLE soak_entries ADD COLUMN IF NOT EXISTS note text DEFAULT 'x';",
    "LOCK TABLE trades IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(0.3);",
    "ALTER TABLE trades ADD COLUMN soak integer; ALTER TABLE trades DROP COLUMN soak;",
    "ALTER TABLE soak_entries ALTER COLUMN amount TYPE numeric;",
    "CREATE INDEX IF NOT EXISTS soak_entries_unit ON soak_entries (unit); ANALYZE soak_entries;",
)


def _as_text(value: object) -> str:
    return str(value)


async def the_schema_changes(stage: Stage) -> None:
    """Migrations that take locks, and column types that change under prepared statements."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        await stage.pool.execute("TRUNCATE soak_prepared; INSERT INTO soak_prepared VALUES (7)")
        (folder / "q.sql").write_text("-- name: q :one\nSELECT n FROM soak_prepared\n")
        (folder / "write.sql").write_text(
            "-- name: write :exec\nINSERT INTO soak_prepared (n) VALUES ($1)\n"
        )
        read, write = Query(folder / "q.sql", _as_text), Query(folder / "write.sql")
        reads, stopping = 0, asyncio.Event()

        async def use() -> None:
            nonlocal reads
            while not stopping.is_set():
                result = await stage.load.timed("prepared", lambda: read.one(stage.pool))
                if isinstance(result, Exception) or result != "7":
                    stage.record.problems.append(f"a prepared statement gave {result!r}")
                reads += 1
                await asyncio.sleep(0.002)

        async with stage.under_load():
            users = [asyncio.create_task(use()) for _ in range(3)]
            await stage.busy(0.2)
            for number, change in enumerate(_CHANGES):
                sets = folder / f"set{number}"
                sets.mkdir()
                (sets / "0001_change.sql").write_text(change)
                async with stage.fault("migration"):
                    await _both_migrate(stage, sets, f"soak {uuid4()}")
                for kind in ("bigint", "numeric", "text", "integer"):
                    await stage.look(
                        f"ALTER TABLE soak_prepared ALTER COLUMN n TYPE {kind} USING n::{kind}"
                    )
                    await stage.busy(0.05)
            stopping.set()
            await asyncio.gather(*users)
            if not reads:
                stage.record.problems.append("nobody read by a prepared statement")
        # What is written by a statement that was prepared for another type is exact or refused.
        await stage.look("TRUNCATE soak_prepared")
        await stage.look("ALTER TABLE soak_prepared ALTER COLUMN n TYPE integer USING n::integer")
        for value in (1, 2**31 - 1):
            await write.run(stage.pool, value)
        await stage.look("ALTER TABLE soak_prepared ALTER COLUMN n TYPE bigint")
        await write.run(stage.pool, 2**40)
        if await stage.look("SELECT sum(n) FROM soak_prepared") != 2**31 + 2**40:
            stage.record.problems.append("a statement that was prepared stored something else")


async def _both_migrate(stage: Stage, folder: Path, name: str) -> None:
    """Two processes migrate at once; one of them applies it."""
    done = await asyncio.gather(
        *(
            stage.load.timed(
                "migrate", lambda: quantdb.migrate(stage.pool, folder, set_name=name), limit=60
            )
            for _ in range(2)
        )
    )
    if sorted(str(one) for one in done) != ["['0001_change.sql']", "[]"]:
        stage.record.problems.append(f"two migrations at once came to {done}")


async def a_bulk_row_is_poisoned(stage: Stage) -> None:
    """One row of a bulk is refused: it is named, none is stored, and the others' writes go on."""
    repo = TradeRepo(stage.pool)
    async with stage.under_load():
        for _round in range(round(6 * stage.scale)):
            trades = [trade_of(uuid4(), stage.rng) for _ in range(500)]
            unit = stage.ledger.unit("trades", *(trade.id for trade in trades))
            place = stage.rng.randrange(1, 500)
            twin = stage.rng.randrange(place)
            poisoned = [*trades]
            poisoned[place] = attrs.evolve(
                trades[place], id=trades[twin].id, fee=trades[twin].fee + 1
            )
            result = await stage.load.timed(
                "poisoned", partial(repo.insert_many, poisoned), limit=30
            )
            if not isinstance(result, Conflict) or result.row != place + 1:
                stage.record.problems.append(f"row {place + 1} was poisoned: {result!r}")
            unit.told("not_applied")
            present = await stage.look(
                "SELECT count(*) FROM trades WHERE id = ANY($1)", list(unit.keys)
            )
            if present:
                stage.record.problems.append(f"{present} rows of a refused bulk are stored")
            result = await stage.load.timed(
                "bulk", partial(repo.insert_many, trades), unit, limit=30
            )
            if result != Ingest(inserted=500, existing=0):
                stage.record.problems.append(f"a bulk without its poison came to {result!r}")


_MILLION: Final = 1_000_000
_A_SECOND: Final = 30_000
"""Rows that a bulk write stores in a second, more or less, beside the load."""


async def the_server_restarts_in_a_bulk(stage: Stage) -> None:
    """Restarts and resets in the middle of a large bulk; all of it is stored once, or none."""
    acts, count = ["fast", "immediate", "reset"], 10_000
    if stage.scale > 1:
        acts, count = ([stage.rng.choice(acts)], _MILLION) if stage.scale > 2 else (acts, 100_000)
    for act in acts:
        trades = [trade_of(uuid4(), stage.rng) for _ in range(count)]
        unit = stage.ledger.unit("trades", *(trade.id for trade in trades))
        async with stage.under_load():
            call = partial(TradeRepo(stage.pool).insert_many, trades)
            bulk = asyncio.create_task(stage.load.timed("large bulk", call, unit, limit=300))
            await asyncio.sleep(count / _A_SECOND * stage.rng.uniform(0.1, 0.9))
            await _struck(stage, act)
            await bulk
            await _resolved(stage, trades, unit)


async def _struck(stage: Stage, act: str) -> None:
    if act == "reset":
        async with stage.fault("reset in a bulk"):
            stage.proxy.cut()
    else:
        async with stage.outage(f"restart {act} in a bulk"):
            await asyncio.to_thread(stage.server.restart, "fast" if act == "fast" else "immediate")


async def _resolved(stage: Stage, trades: Sequence[Trade], unit: Unit) -> None:
    """Hold what is stored against what was told, and send it again."""
    present = await _present(stage, unit.keys)
    allowed = {"acked": {len(trades)}, "not_applied": {0}, "unknown": {0, len(trades)}}
    if present not in allowed[unit.fate]:
        stage.record.problems.append(f"{present} rows of a bulk that was said {unit.fate}")
    result = await stage.load.timed(
        "large bulk", lambda: TradeRepo(stage.pool).insert_many(iter(trades)), unit, limit=300
    )
    if isinstance(result, Exception) or result.inserted + result.existing != len(trades):
        stage.record.problems.append(f"a bulk that was sent again came to {result!r}")


async def _present(stage: Stage, keys: Sequence[UUID]) -> object:
    return await stage.look("SELECT count(*) FROM trades WHERE id = ANY($1)", list(keys))


def _pool(proxy: FaultProxy, *, repeats: bool, max_size: int = 6) -> quantdb.Pool:
    config = config_of(proxy.dsn, max_size=max_size)
    return quantdb.create_pool(
        attrs.evolve(config, retry_timeout=5 if repeats else 0, transactions="explicit")
    )


def _entered(stage: Stage) -> tuple[Trade, Unit]:
    trade = trade_of(uuid4(), stage.rng)
    return trade, stage.ledger.unit("trades", trade.id)


async def _insert(stage: Stage, pool: quantdb.Pool, trade: Trade, unit: Unit) -> None:
    await stage.load.timed("insert", lambda: TradeRepo(pool).insert(trade), unit)


async def _each(items: Iterable[T], work: Callable[[T], Awaitable[None]], *, at_once: int) -> None:
    """Do *work* with every item, by so many tasks."""
    left = iter(items)

    async def some() -> None:
        for item in left:
            await work(item)

    await asyncio.gather(*(some() for _ in range(at_once)))


CALLERS: Final[tuple[Scenario, ...]] = (
    a_commit_reply_in_ten_is_lost,
    rows_without_a_key_lose_replies,
    commit_is_never_sent,
    calls_are_cancelled,
    the_pool_is_saturated,
    the_schema_changes,
    a_bulk_row_is_poisoned,
    the_server_restarts_in_a_bulk,
)
