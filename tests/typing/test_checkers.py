"""mypy and pyright refuse what would go wrong, line by line."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final, TypedDict

import pytest

ROOT: Final = Path(__file__).parents[2]

PREAMBLE: Final = """\
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import asyncpg

import quantdb
from quantdb import (
    Database, Ingest, NewUser, Page, Pool, PoolConfig, Position, Price, PriceRepo, Query, Trade,
    TradeRepo, User, UserRepo, transaction,
)

NOW = datetime.fromisoformat("2024-07-01T12:00Z")
MINUTE = timedelta(minutes=1)
ONE = Decimal(1)
trades_query = Query(Path("trades.sql"), Trade)
count_query = Query(Path("count.sql"), int)
run_query = Query(Path("run.sql"))


async def wrong(
    db: Database, pool: Pool, trades: TradeRepo, prices: PriceRepo, users: UserRepo, trade: Trade,
    price: Price, user: User, position: Position, page: Page[Trade], later: AsyncIterator[Price],
) -> None:
"""

# Each line is a mistake; none may be accepted.
MISTAKES: Final = """\
Trade("AAPL", "buy", 1.5, ONE, NOW, "XNAS")
Trade("AAPL", "buy", ONE, 187.25, NOW, "XNAS")
Trade("AAPL", "buy", ONE, "187.25", NOW, "XNAS")
Trade("AAPL", "BUY", ONE, ONE, NOW, "XNAS")
Trade("AAPL", "buy", ONE, ONE, date.today(), "XNAS")
Trade("AAPL", "buy", ONE, ONE, NOW, None)
Trade("AAPL", "buy", ONE, ONE, NOW)
Trade("AAPL", "buy", ONE, ONE, NOW, "XNAS", user_id="1")
Trade("AAPL", "buy", ONE, ONE, NOW, "XNAS", id="018f")
Trade("AAPL", "buy", ONE, ONE, NOW, "XNAS", colour="red")
Price("AAPL", 60, NOW, ONE, ONE, ONE, ONE, ONE)
Price("AAPL", MINUTE, NOW, ONE, ONE, ONE, ONE, 1000.0)
NewUser(None)
NewUser("Ada", born="1815-12-10")
Ingest(1, 2, 3)
trade.price = ONE
price.close = ONE
page.next = None
trade.colour
position.pnl(187.25)
PoolConfig("postgresql://h/db", transactions="implicit")
PoolConfig("postgresql://h/db", min_size="5")
PoolConfig("postgresql://h/db", colour="red")
quantdb.create_pool(5)
quantdb.create_pool(None)
pool.acquire(5)
pool.config = PoolConfig("postgresql://h/db")
TradeRepo("postgresql://h/db")
TradeRepo()
transaction("postgresql://h/db")
transaction(db, isolation="dirty")
await trades.insert(price)
await trades.insert_many(trade)
await trades.insert_many([price])
await trades.insert_many(later)
await trades.get("018f")
await trades.between("AAPL", "2024-07-01", NOW)
await trades.between("AAPL", NOW)
await trades.page("AAPL", after=2)
await trades.latest("AAPL", limit=1.0)
await trades.positions(user_id="1")
only: Trade = await trades.find(trade.id)
average: Decimal = await trades.vwap("AAPL", NOW, NOW)
one_price: Price = (await trades.page("AAPL")).items[0]
page.items.append(price)
await prices.upsert(trade)
await prices.get("AAPL", 60, NOW)
await prices.as_of_many(MINUTE, [("AAPL", "2024-07-01")])
bar: Price = (await prices.as_of_many(MINUTE, [("AAPL", NOW)]))[0]
await users.insert(user)
await users.update(user, name=None)
await users.update(user, age=36)
await users.update(1, name="Ada")
async for one in await trades.stream("AAPL", NOW, NOW): print(one)
Query("trades.sql", Trade)
Query(Path("trades.sql"), 5)
Query(Path("trades.sql"), Trade, Price)
bad_row: Price = await trades_query.one(db)
maybe: Trade = await trades_query.find(db)
many: list[Price] = await trades_query.all(db)
text: str = await count_query.one(db)
nothing: Trade = await run_query.one(db)
await trades_query.one("postgresql://h/db")
await quantdb.migrate(db, "sql/schema")
""".splitlines()

SOURCE: Final = PREAMBLE + "".join(f"    {line}\n" for line in MISTAKES)


class Position(TypedDict):
    line: int


class Range(TypedDict):
    start: Position


class Diagnostic(TypedDict):
    file: str
    severity: str
    range: Range


class Report(TypedDict):
    generalDiagnostics: list[Diagnostic]


def run(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 1, done.stdout + done.stderr  # 1: there are mistakes, and no crash
    return done.stdout


def refused_by_mypy(file: Path) -> set[int]:
    """The lines, from 1, with which mypy finds fault."""
    said = run("mypy", "--strict", f"--cache-dir={os.devnull}", str(file))
    return {int(line) for line in re.findall(rf"{file.name}:(\d+): error:", said)}


def refused_by_pyright(file: Path) -> set[int]:
    """The lines, from 1, with which pyright finds fault."""
    settings = {"include": [file.name], "typeCheckingMode": "standard", "extraPaths": [str(ROOT)]}
    project = file.with_name("pyrightconfig.json")
    project.write_text(json.dumps(settings))
    said = run("pyright", "--outputjson", "--pythonpath", sys.executable, "--project", str(project))
    report: Report = json.loads(said)
    return {
        found["range"]["start"]["line"] + 1
        for found in report["generalDiagnostics"]
        if found["severity"] == "error"
    }


@pytest.mark.parametrize(
    ("checker", "refused"), [("mypy", refused_by_mypy), ("pyright", refused_by_pyright)]
)
def test_a_type_checker_refuses_each_mistake_and_nothing_else(
    tmp_path: Path, checker: str, refused: Callable[[Path], set[int]]
) -> None:
    if find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed; make lint installs it")
    file = tmp_path / "mistakes.py"
    file.write_text(SOURCE)
    first = PREAMBLE.count("\n") + 1

    lines = refused(file)

    accepted = [line for number, line in enumerate(MISTAKES, first) if number not in lines]
    assert accepted == []
    assert {number for number in lines if number < first} == set(), "the preamble is right"
