"""The examples of web applications, as programs of their own, by real HTTP."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from decimal import Context, Decimal
from pathlib import Path
from uuid import uuid4

import asyncpg
import attrs
import httpx
import pytest
from support import fresh, until

import quantdb
from quantdb import TradeRepo

ROOT = Path(__file__).parents[2]
SECONDS = 30
EXACT = Context(prec=100)


@attrs.define
class Program:
    """An example that runs.

    Attributes:
        name: The application's, in ``pg_stat_activity``.
        port: Where it listens.
        process: It.
        told: What it wrote, once it has ended.
    """

    name: str
    port: int
    process: asyncio.subprocess.Process
    told: str = ""

    async def end(self) -> int:
        """Ask it to end, and wait; return its code.

        A uvicorn that has ended well passes the signal on to itself.
        """
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(SECONDS):
                told, _none = await self.process.communicate()
            self.told = told.decode()
        code = self.process.returncode
        assert code is not None
        return 0 if code == -signal.SIGTERM and "shutdown complete" in self.told else code


@pytest.fixture(params=["aiohttp", "fastapi"])
async def program(request: pytest.FixtureRequest, dsn: str) -> AsyncIterator[Program]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-X",
        "dev",
        str(ROOT / f"examples/{request.param}_app.py"),
        env=os.environ | {"QUANTDB_DSN": dsn, "PORT": str(port), "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    program = Program(f"{request.param} example", port, process)
    try:
        await until(lambda: process.returncode is not None or answers(port), SECONDS)
        yield program
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
async def client(program: Program) -> AsyncIterator[httpx.AsyncClient]:
    address = f"http://127.0.0.1:{program.port}"
    async with httpx.AsyncClient(base_url=address, timeout=SECONDS, trust_env=False) as client:
        client.headers["content-type"] = "application/json"
        client.headers["x-numbers"] = "bare" if program.name.startswith("aiohttp") else "quoted"
        yield client


@pytest.fixture
async def admin(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@asynccontextmanager
async def no_writes(dsn: str) -> AsyncGenerator[None]:
    """Let every write to the trades wait."""
    holder = await asyncpg.connect(dsn)
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE trades IN SHARE MODE")
            yield
    finally:
        await holder.close()


async def sessions(admin: asyncpg.Connection, program: Program, what: str = "true") -> int:
    """Return how many sessions of the program there are, of which *what* is true."""
    sql = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND {what}"
    count: object = await admin.fetchval(sql, program.name)
    assert isinstance(count, int)
    return count


async def until_sessions(
    admin: asyncpg.Connection, program: Program, what: str, count: int
) -> None:
    async with asyncio.timeout(SECONDS):
        while await sessions(admin, program, what) != count:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.02)


def fill(symbol: str, quantity: str = "1.5", **other: object) -> dict[str, object]:
    return {
        "id": str(uuid4()),
        "symbol": symbol,
        "side": "buy",
        "quantity": quantity,
        "price": "100",
        "executed_at": "2024-03-10T12:00:00Z",
        "venue": "XNAS",
        "strategy": symbol,
        **other,
    }


def as_json(said: dict[str, object], client: httpx.AsyncClient) -> bytes:
    """Write what a client tells: FastAPI's example takes exact numbers as texts only."""
    text = json.dumps(said)
    if client.headers["x-numbers"] == "bare":
        text = re.sub(r'("(?:quantity|price)": )"([^"]+)"', r"\1\2", text)
    return text.encode()


async def test_a_trade_comes_back_to_the_last_digit(client: httpx.AsyncClient) -> None:
    quantity = "0.10000000000000000000000000000000000000010"
    said = fill(fresh(), quantity)

    answer = await client.post("/trades", content=as_json(said, client))
    again = await client.post("/trades", content=as_json(said, client))
    stored = await client.get(f"/trades/{said['id']}")

    assert (answer.status_code, again.status_code, stored.status_code) == (201, 201, 200)
    assert Decimal(quantity) == Decimal(stored.json()["quantity"])
    assert answer.json() == again.json()
    assert Decimal(quantity).scaleb(2, EXACT) == Decimal(answer.json()["bought_notional"])


async def test_what_is_wrong_is_said_by_its_status(client: httpx.AsyncClient) -> None:
    symbol = fresh()
    said = fill(symbol)
    await client.post("/trades", content=as_json(said, client))
    other = said | {"price": "7"}
    wrong = fill(symbol, "-1")

    assert (await client.post("/trades", content=as_json(other, client))).status_code == 409
    assert (await client.post("/trades", content=as_json(wrong, client))).status_code == 400
    assert (await client.get(f"/trades/{uuid4()}")).status_code == 404


async def test_a_hundred_at_once_are_all_stored_once(
    client: httpx.AsyncClient, program: Program, pool: quantdb.Pool
) -> None:
    symbol = fresh()
    fills = [fill(symbol) for _ in range(100)]

    answers = await asyncio.gather(
        *(client.post("/trades", content=as_json(each, client)) for each in fills)
    )

    assert [answer.status_code for answer in answers] == [201] * 100
    positions = await TradeRepo(pool).positions(strategy=symbol)
    assert [Decimal(150)] == [position.quantity for position in positions]
    health = (await client.get("/health")).json()
    assert health["open"] == health["idle"] <= 20
    assert await program.end() == 0
    assert "Traceback" not in program.told


async def test_an_answer_comes_after_its_commit(
    client: httpx.AsyncClient, admin: asyncpg.Connection
) -> None:
    await admin.execute(
        """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN RAISE EXCEPTION 'refused at COMMIT'; END$$;
        CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON trades DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION refuse();
        """
    )
    try:
        answer = await client.post("/trades", content=as_json(fill(fresh()), client))
    finally:
        await admin.execute("DROP TRIGGER refuse ON trades; DROP FUNCTION refuse()")

    assert answer.status_code == 500


async def test_a_client_that_hangs_up_takes_its_transaction_back(
    client: httpx.AsyncClient, program: Program, admin: asyncpg.Connection, dsn: str
) -> None:
    symbol, waiting = fresh(), "wait_event_type = 'Lock'"
    async with no_writes(dsn):
        for _ in range(25):  # more than the pool has connections
            _reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
            body = as_json(fill(symbol), client)
            head = f"POST /trades HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            writer.write(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
            await until_sessions(admin, program, waiting, 1)
            writer.transport.abort()
            await until_sessions(admin, program, waiting, 0)
        health = (await client.get("/health")).json()
    await until_sessions(admin, program, "state <> 'idle'", 0)

    assert health["open"] <= 20
    assert await admin.fetchval("SELECT count(*) FROM trades WHERE symbol = $1", symbol) == 0
    after = await client.post("/trades", content=as_json(fill(symbol), client))
    assert after.status_code == 201
    assert await program.end() == 0
    for word in ("Traceback", "was never", "was destroyed"):
        assert word not in program.told


async def test_the_health_page_sends_nothing(
    client: httpx.AsyncClient, program: Program, admin: asyncpg.Connection
) -> None:
    for _ in range(20):
        assert (await client.get("/health")).json() == {"open": 0, "idle": 0}
    assert await sessions(admin, program) == 0


async def test_the_end_is_clean_and_lets_work_finish(
    client: httpx.AsyncClient, program: Program, admin: asyncpg.Connection, dsn: str
) -> None:
    symbol = fresh()
    async with no_writes(dsn):
        answer = asyncio.create_task(client.post("/trades", content=as_json(fill(symbol), client)))
        await until_sessions(admin, program, "wait_event_type = 'Lock'", 1)
        ending = asyncio.create_task(program.end())
        await asyncio.sleep(0.5)
    assert (await answer).status_code == 201
    await client.aclose()
    assert await ending == 0
    assert "Traceback" not in program.told
    assert "Warning" not in program.told
    assert await sessions(admin, program) == 0
