"""``quantdb export``: one snapshot, digit by digit, whole or not at all."""

import asyncio
import csv
import gzip
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import attrs
import pyarrow as pa
import pytest
from cli_runs import MAIN, Run, counts, figures, runner
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from strategies import prices as any_price
from strategies import trades as any_trade
from support import DAWN, DAY, DUSK, HOUR, MICROSECOND, MINUTE, NOON, a_price, a_trade, few, fresh

import quantdb
from quantdb import Price, PriceRepo, Trade, TradeRepo
from quantdb.cli import main


@pytest.fixture
async def own(empty_dsn: str) -> AsyncIterator[quantdb.Pool]:
    """A pool on a database of the test's own, with tables."""
    async with quantdb.create_pool(quantdb.PoolConfig(empty_dsn, min_size=0)) as pool:
        await quantdb.migrate(pool)
        yield pool


@pytest.fixture
def run(empty_dsn: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line on that database."""
    return runner(empty_dsn, capsys, monkeypatch)


def content(*parts: str) -> bytes:
    return Path(*parts).read_bytes()


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


@few
@given(st.lists(any_trade(), min_size=1, max_size=5, unique_by=lambda trade: trade.venue))
async def test_trades_come_back_as_they_were(
    dsn: str, pool: quantdb.Pool, rows: list[Trade]
) -> None:
    symbol = fresh()
    kept = [attrs.evolve(trade, symbol=symbol, id=uuid4()) for trade in rows]
    await TradeRepo(pool).insert_many(kept)

    with tempfile.TemporaryDirectory() as folder:
        for name in ("first.csv", "second.csv"):
            file = str(Path(folder, name))
            await command("export", "trades", file, "--symbol", symbol, "--dsn", dsn)
            await pool.execute("DELETE FROM trades WHERE symbol = $1", symbol)
            await command("load", "trades", file, "--dsn", dsn)
        assert content(folder, "first.csv") == content(folder, "second.csv")

    assert {trade.id: trade for trade in await TradeRepo(pool).latest(symbol, 9)} == {
        trade.id: trade for trade in kept
    }


@few
@given(st.lists(any_price(), min_size=1, max_size=5, unique_by=lambda bar: bar.start))
async def test_prices_come_back_as_they_were(
    dsn: str, pool: quantdb.Pool, rows: list[Price]
) -> None:
    symbol = fresh()
    kept = [attrs.evolve(bar, symbol=symbol) for bar in rows]
    await PriceRepo(pool).upsert_many(kept)

    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder, "bars.csv.gz"))
        await command("export", "prices", file, "--symbol", symbol, "--dsn", dsn)
        await pool.execute("DELETE FROM prices WHERE symbol = $1", symbol)
        await command("load", "prices", file, "--dsn", dsn)

    for bar in kept:
        assert await PriceRepo(pool).get(symbol, bar.interval, bar.start) == bar


async def command(*arguments: str) -> None:
    assert await asyncio.to_thread(main, arguments) == 0


async def test_everything_is_exported_and_found_again(
    run: Run, own: quantdb.Pool, tmp_path: Path
) -> None:
    # The last instant there is lies in no half-open span.
    times = [DAWN, NOON, NOON, DUSK - MICROSECOND, DUSK, DUSK]
    trades = [a_trade(symbol, executed_at=at) for symbol in ("B", "A", "a") for at in times]
    bars = [a_price(symbol, interval=span) for symbol in ("B", "A") for span in (DAY, MINUTE)]
    await TradeRepo(own).insert_many(trades)
    await PriceRepo(own).upsert_many(bars)
    tape, candles = str(tmp_path / "t.csv.gz"), str(tmp_path / "p.csv")

    told_trades = await run("export", "trades", tape)
    told_prices = await run("export", "prices", candles)

    assert (told_trades[0], told_trades[2]) == (0, "")
    assert counts(told_trades[1]) == {"rows": 18}
    assert counts(told_prices[1]) == {"rows": 4}
    assert figures(told_prices[1])["symbols"] == "2"
    with gzip.open(tape, "rt", encoding="utf-8") as text:
        keys = [(row["symbol"], row["executed_at"], row["id"]) for row in csv.DictReader(text)]
    assert [symbol for symbol, _at, _id in keys] == [*["A"] * 6, *["B"] * 6, *["a"] * 6]
    assert keys[:6] == sorted(keys[:6])
    assert counts((await run("load", "trades", tape))[1]) == {"rows": 18, "existing": 18}
    assert counts((await run("load", "prices", candles))[1]) == {"rows": 4, "existing": 4}


async def test_values_are_plain_text(run: Run, own: quantdb.Pool) -> None:
    trade = a_trade("A", price=Decimal("-1E-10"), quantity=Decimal("1E+3"), strategy='a "b", c')
    await TradeRepo(own).insert(trade)

    code, told, _err = await run("export", "trades", "-")

    assert code == 0
    assert told.splitlines() == [
        "symbol,side,quantity,price,executed_at,venue,venue_trade_id,user_id,strategy,fee,currency,id",
        'A,buy,1000,-0.0000000001,2024-03-10T12:00:00Z,XNAS,,,"a ""b"", c",0,USD,' + str(trade.id),
    ]


async def test_the_filters_are_a_half_open_span_of_symbols(run: Run, own: quantdb.Pool) -> None:
    bars = [
        a_price(symbol, NOON + n * HOUR, interval=span)
        for symbol in ("A", "B", "C")
        for n in range(4)
        for span in (HOUR, MINUTE)
    ]
    await PriceRepo(own).upsert_many(bars)

    _code, told, err = await run(
        *("export", "prices", "-", "--symbol", "B", "--symbol", "A", "--symbol", "Z"),
        *("--interval", "1h", "--start", "2024-03-10T13:00:00Z", "--end", "2024-03-10T16:00+01:00"),
    )

    assert [(row["symbol"], row["start"][11:13]) for row in rows_of(told)] == [
        *(("A", "13"), ("A", "14"), ("B", "13"), ("B", "14")),
    ]
    assert {row["interval"] for row in rows_of(told)} == {"1h"}
    assert "no rows  Z" in err


async def test_a_date_is_the_first_instant_of_its_day(run: Run, own: quantdb.Pool) -> None:
    start = NOON.replace(hour=0)
    await TradeRepo(own).insert_many(
        [a_trade("A", executed_at=at) for at in (start - MICROSECOND, start, start + DAY)]
    )

    span = ("--start", "2024-03-10", "--end", "2024-03-11")
    _code, told, _err = await run("export", "trades", "-", *span)

    assert [row["executed_at"] for row in rows_of(told)] == ["2024-03-10T00:00:00Z"]


async def test_a_file_that_is_there_is_kept_unless_forced(
    run: Run, own: quantdb.Pool, tmp_path: Path
) -> None:
    await TradeRepo(own).insert(a_trade("A"))
    file = tmp_path / "f.csv"
    file.write_text("mine")

    kept = await run("export", "trades", str(file))
    assert (kept[0], file.read_text()) == (1, "mine")
    assert kept[2] == f"quantdb: {file}: exists; --force overwrites it\n"

    forced = await run("export", "trades", str(file), "--force")
    assert forced[0] == 0
    assert len(rows_of(file.read_text())) == 1
    assert names_in(tmp_path) == ["f.csv"]


async def test_a_link_is_followed(run: Run, own: quantdb.Pool, tmp_path: Path) -> None:
    await TradeRepo(own).insert(a_trade("A"))
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")

    assert (await run("export", "trades", str(tmp_path / "link.csv"), "--force"))[0] == 0

    assert (tmp_path / "link.csv").is_symlink()
    assert len(rows_of((tmp_path / "real.csv").read_text())) == 1


@pytest.mark.parametrize(
    ("file", "said"), [("/dev/null", "no regular file"), ("no/f", "no folder")]
)
async def test_what_cannot_be_a_file_is_refused(
    run: Run, tmp_path: Path, file: str, said: str
) -> None:
    code, told, err = await run("export", "trades", str(tmp_path / file), "--force")

    assert (code, told, err.count("\n")) == (1, "", 1)
    assert said in err


async def test_an_export_that_fails_leaves_no_file(run: Run, tmp_path: Path) -> None:
    code, _told, err = await run("export", "trades", str(tmp_path / "f.csv"))

    assert code == 1
    assert "run: quantdb migrate" in err
    assert names_in(tmp_path) == []


async def test_the_file_is_one_snapshot(
    run: Run, own: quantdb.Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trade that is committed while the file is being written is not in it."""
    await TradeRepo(own).insert_many([a_trade("A"), a_trade("B")])
    symbols = TradeRepo.symbols

    async def then_another(self: TradeRepo) -> list[str]:
        found = await symbols(self)
        await asyncio.to_thread(asyncio.run, intrude())
        return found

    async def intrude() -> None:
        async with quantdb.create_pool(own.config) as pool:
            await TradeRepo(pool).insert_many([a_trade("A"), a_trade("B"), a_trade("C")])

    monkeypatch.setattr(TradeRepo, "symbols", then_another)
    _code, told, _err = await run("export", "trades", str(tmp_path / "f.csv"))

    assert counts(told) == {"rows": 2}
    assert await TradeRepo(own).symbols() == ["A", "B", "C"]


async def test_a_reader_that_leaves_is_no_error_to_speak_of(
    own: quantdb.Pool, empty_dsn: str
) -> None:
    await TradeRepo(own).insert_many(a_trade("A") for _ in range(5_000))

    done = await asyncio.to_thread(
        subprocess.run,
        ["sh", "-c", '"$@" | head -n 1', "sh", *MAIN, "export", "trades", "-", "--dsn", empty_dsn],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.stdout.startswith("symbol,side")
    assert done.stderr == ""


async def test_a_parquet_file_holds_what_the_table_holds(
    own: quantdb.Pool, run: Run, tmp_path: Path
) -> None:
    symbols = sorted(fresh() for _ in range(3))
    ends = [NOON, DAWN, DUSK]
    kept = [a_trade(symbol, executed_at=at) for symbol in symbols for at in sorted(ends)]
    await TradeRepo(own).insert_many(kept)
    bars = [a_price(symbol, NOON + n * MINUTE) for symbol in symbols for n in range(2)]
    await PriceRepo(own).upsert_many(bars)

    trades, prices = str(tmp_path / "trades.parquet"), str(tmp_path / "prices.parquet")
    await run("export", "trades", trades)
    await run("export", "prices", prices)

    assert [attrs.asdict(trade) for trade in kept] == read_parquet(trades).to_pylist()
    assert [attrs.asdict(bar) for bar in bars] == read_parquet(prices).to_pylist()
    assert names_in(tmp_path) == ["prices.parquet", "trades.parquet"]


async def test_a_number_that_parquet_cannot_hold_leaves_no_file(
    own: quantdb.Pool, run: Run, tmp_path: Path
) -> None:
    await TradeRepo(own).insert(a_trade(fresh(), price=Decimal("1e-19")))
    code, _told, said = await run("export", "trades", str(tmp_path / "trades.parquet"))
    assert (code, names_in(tmp_path)) == (1, [])
    assert "more than 18 decimals" in said


def read_parquet(file: str) -> pa.Table:
    read: Callable[[str], pa.Table] = getattr(parquet, "read_table")  # noqa: B009 - its types
    return read(file)
