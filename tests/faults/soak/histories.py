"""Jepsen's workloads, a bank and lists that are appended to, at SERIALIZABLE and under faults."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final
from uuid import UUID, uuid4

import attrs
from proxy import kind

import quantdb
from quantdb import retrying
from soak.anomalies import Append, Read, Transaction, anomalies
from soak.ledger import Unit
from soak.scenarios import ANSWER, BEGIN, COMMIT, Scenario
from soak.stage import Stage

TABLES: Final = """
CREATE TABLE IF NOT EXISTS soak_accounts (
    bank uuid, account integer, balance bigint, PRIMARY KEY (bank, account)
);
CREATE TABLE IF NOT EXISTS soak_transfers (
    bank uuid, id uuid, source integer, target integer, amount bigint
);
CREATE TABLE IF NOT EXISTS soak_lists (
    book uuid, key integer, elements bigint[], PRIMARY KEY (book, key)
);
"""
_ACCOUNTS: Final = 8
_START: Final = 1_000
_CLIENTS: Final = 6
_LISTS: Final = 5


async def a_bank_keeps_its_money(stage: Stage) -> None:
    """Money moves between accounts; every reader sees all of it, and so does the end."""
    bank = _Bank(stage, uuid4())
    await bank.open()
    async with _chaos(stage) as is_over:
        await asyncio.gather(
            *(bank.transfers(is_over) for _ in range(_CLIENTS)),
            *(bank.reads(is_over) for _ in range(2)),
        )
    await stage.settled()
    await bank.audit()


@attrs.frozen
class _Transfer:
    source: int
    target: int
    amount: int


class _Bank:
    def __init__(self, stage: Stage, name: UUID) -> None:
        self._stage = stage
        self._name = name
        self._sent: list[tuple[UUID, _Transfer, Unit]] = []

    async def open(self) -> None:
        await self._stage.script(TABLES)
        await self._stage.look(
            "INSERT INTO soak_accounts SELECT $1::uuid, n, $2::bigint "
            "FROM generate_series(1, $3::int) AS n",
            self._name,
            _START,
            _ACCOUNTS,
        )

    async def transfers(self, is_over: Callable[[], bool]) -> None:
        rng = random.Random(self._stage.rng.random())
        while not is_over():
            source, target = rng.sample(range(1, _ACCOUNTS + 1), 2)
            transfer = _Transfer(source, target, rng.randint(1, 300))
            await self._transfer(transfer)
            await asyncio.sleep(0.002)

    async def _transfer(self, transfer: _Transfer) -> None:
        number = uuid4()
        # Not of the ledger's tables, but of its fates.
        unit = Unit("soak_entries", [number])
        self._sent.append((number, transfer, unit))

        async def work(tx: quantdb.Connection) -> None:
            held = await tx.fetchval(
                "SELECT balance FROM soak_accounts WHERE bank = $1 AND account = $2",
                self._name,
                transfer.source,
            )
            other = await tx.fetchval(
                "SELECT balance FROM soak_accounts WHERE bank = $1 AND account = $2",
                self._name,
                transfer.target,
            )
            assert isinstance(held, int)
            assert isinstance(other, int)
            # What was read is written: an update that is lost would make or lose money.
            for account, balance in {
                transfer.source: held - transfer.amount,
                transfer.target: other + transfer.amount,
            }.items():
                await tx.execute(
                    "UPDATE soak_accounts SET balance = $3 WHERE bank = $1 AND account = $2",
                    self._name,
                    account,
                    balance,
                )
            await tx.execute(
                "INSERT INTO soak_transfers VALUES ($1, $2, $3, $4, $5)",
                self._name,
                number,
                transfer.source,
                transfer.target,
                transfer.amount,
            )

        pool = self._stage.pool
        await self._stage.load.timed(
            "transfer", lambda: retrying(pool, work, isolation="serializable"), unit
        )

    async def reads(self, is_over: Callable[[], bool]) -> None:
        async def work(tx: quantdb.Connection) -> int:
            # One account at a time: only isolation makes the sum right.
            total = 0
            for account in range(1, _ACCOUNTS + 1):
                balance = await tx.fetchval(
                    "SELECT balance FROM soak_accounts WHERE bank = $1 AND account = $2",
                    self._name,
                    account,
                )
                assert isinstance(balance, int)
                total += balance
            return total

        pool = self._stage.pool
        while not is_over():
            total = await self._stage.load.timed(
                "bank", lambda: retrying(pool, work, isolation="serializable", readonly=True)
            )
            if not isinstance(total, Exception) and total != _START * _ACCOUNTS:
                self._stage.record.problems.append(f"a reader of the bank saw {total}")
            await asyncio.sleep(0.005)

    async def audit(self) -> None:
        """Hold the balances against the transfers that are stored, and these against the ledger."""
        connection = await self._stage.direct()
        try:
            rows = await connection.fetch(
                "SELECT id::text FROM soak_transfers WHERE bank = $1", self._name
            )
            balances = await connection.fetch(
                "SELECT account, balance FROM soak_accounts WHERE bank = $1", self._name
            )
        finally:
            await connection.close()
        present = Counter(UUID(row["id"]) for row in rows)
        expected = dict.fromkeys(range(1, _ACCOUNTS + 1), _START)
        for number, transfer, unit in self._sent:
            expected[transfer.source] -= transfer.amount * present[number]
            expected[transfer.target] += transfer.amount * present[number]
            allowed = {"acked": {1}, "not_applied": {0}, "unknown": {0, 1}}[unit.fate]
            if present[number] not in allowed:
                self._stage.record.problems.append(
                    f"a transfer that was said {unit.fate} is there {present[number]} times"
                )
        found = {row["account"]: row["balance"] for row in balances}
        if found != expected or sum(expected.values()) != _START * _ACCOUNTS:
            self._stage.record.problems.append(f"the bank has {found}, and should have {expected}")
        if not any(unit.fate == "acked" for _number, _transfer, unit in self._sent):
            self._stage.record.problems.append("no transfer was made")


async def lists_keep_their_order(stage: Stage) -> None:
    """Transactions append to lists and read them; the history has no anomaly."""
    await stage.script(TABLES)
    book, history = uuid4(), list[Transaction]()

    async def client(first: int, is_over: Callable[[], bool]) -> None:
        rng = random.Random(stage.rng.random())
        number = first
        while not is_over():
            history.append(await _appended(stage, book, number, rng))
            number += _CLIENTS
            await asyncio.sleep(0.002)

    async with _chaos(stage) as is_over:
        await asyncio.gather(*(client(first, is_over) for first in range(_CLIENTS)))
    await stage.settled()
    connection = await stage.direct()
    try:
        rows = await connection.fetch("SELECT key, elements FROM soak_lists WHERE book = $1", book)
    finally:
        await connection.close()
    final = {row["key"]: tuple(row["elements"]) for row in rows}
    stage.record.problems += anomalies(history, final)
    if sum(one.fate == "acked" for one in history) < _CLIENTS:
        stage.record.problems.append("hardly a transaction was acknowledged")


async def _appended(stage: Stage, book: UUID, number: int, rng: random.Random) -> Transaction:
    plan: list[tuple[int, int | None]] = [
        (rng.randrange(_LISTS), number * 10 + place if rng.random() < 0.6 else None)
        for place in range(rng.randint(1, 4))
    ]
    steps: list[Append | Read] = []

    async def work(tx: quantdb.Connection) -> None:
        steps.clear()
        for key, value in plan:
            if value is None:
                steps.append(Read(key, await _list(tx, book, key)))
            else:
                steps.append(Append(key, value))
                await tx.execute(
                    "INSERT INTO soak_lists VALUES ($1, $2, ARRAY[$3::bigint]) "
                    "ON CONFLICT (book, key) DO UPDATE "
                    "SET elements = soak_lists.elements || EXCLUDED.elements",
                    book,
                    key,
                    value,
                )

    unit = Unit("soak_entries", [])
    await stage.load.timed(
        "append", lambda: retrying(stage.pool, work, isolation="serializable"), unit
    )
    # An attempt that was cut short knows only the first steps; the server may have had all.
    done: Sequence[Append | Read] = steps
    if unit.fate != "acked":
        done = [Append(key, value) for key, value in plan if value is not None]
    fate = "unknown" if unit.fate == "open" else unit.fate
    return Transaction(number, tuple(done), fate)


async def _list(tx: quantdb.Connection, book: UUID, key: int) -> tuple[int, ...]:
    found = await tx.fetchval(
        "SELECT array_to_string(elements, ' ') FROM soak_lists WHERE book = $1 AND key = $2",
        book,
        key,
    )
    if found is None:
        return ()
    return tuple(int(value) for value in str(found).split())


@asynccontextmanager
async def _chaos(stage: Stage) -> AsyncGenerator[Callable[[], bool]]:
    """Have faults strike for a while, and tell when they are over."""
    over = False

    async def strike() -> None:
        nonlocal over
        try:
            for number in range(round(12 * stage.scale)):
                await asyncio.sleep(0.15)
                await _blow(stage, number)
        finally:
            over = True

    faults = asyncio.create_task(strike())
    try:
        yield lambda: over
    finally:
        await faults


async def _blow(stage: Stage, number: int) -> None:
    stage.proxy.heal()
    blows = ("reply", "SIGTERM", "commit", "cut", "statement", "begin", "SIGKILL")
    name = blows[number % len(blows)]
    async with stage.fault(f"{name} in a history"):
        match name:
            case "reply":
                stage.proxy.once(ANSWER, "reset", times=3)
            case "commit":
                stage.proxy.once(COMMIT, "reset", times=3)
            case "begin":
                stage.proxy.once(BEGIN, "close", times=3)
            case "statement":
                stage.proxy.once(kind("B"), "reset", times=3)
            case "cut":
                stage.proxy.cut()
            case _:
                number_of = signal.SIGTERM if name == "SIGTERM" else signal.SIGKILL
                for pid in (await stage.backends())[:1]:
                    with suppress(ProcessLookupError):
                        os.kill(pid, number_of)
                if name == "SIGKILL":
                    await asyncio.sleep(0.1)


HISTORIES: Final[tuple[Scenario, ...]] = (a_bank_keeps_its_money, lists_keep_their_order)
