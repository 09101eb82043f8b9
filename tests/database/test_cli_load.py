"""``quantdb load`` and ``migrate``: all of a file, once, or nothing and the line at fault."""

import asyncio
import gzip
import os
import random
import signal
import subprocess
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Final

import pytest
from cli_runs import MAIN, Run, counts, runner
from support import fresh, look, look_once

import quantdb
from quantdb.cli import main

HEADER: Final = "symbol,side,price,size,time,venue,trade_id\n"


@pytest.fixture
def run(dsn: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line on the session's database."""
    return runner(dsn, capsys, monkeypatch)


def tape(symbol: str, rows: int) -> list[str]:
    """Return lines of a tape: every fifth print is its predecessor's twin, some are numbered."""
    rng = random.Random(symbol)
    lines: list[str] = []
    for n in range(rows):
        if n % 5 == 4:
            lines.append(lines[-1])
            continue
        price = Decimal(rng.randrange(1, 10**9)).scaleb(-rng.randrange(9))
        size = Decimal(rng.randrange(1, 10**7)).scaleb(-rng.randrange(7))
        # Out of order, and several at once.
        time = f"2024-03-08T14:{rng.randrange(30, 60)}:{rng.randrange(60):02}.{n % 7}Z"
        number = str(n) if n % 5 == 3 else ""
        lines.append(f"{symbol},{rng.choice(['buy', 'SELL'])},{price:f},{size:f},{time},V,{number}")
    return lines


def written(file: Path, *lines: str, header: str = HEADER) -> str:
    file.write_text(header + "".join(f"{line}\n" for line in lines), "utf-8")
    return str(file)


async def stored(pool: quantdb.Pool, symbol: str) -> tuple[object, ...]:
    sql = "SELECT count(*), sum(price), sum(quantity), sum(price * quantity) FROM trades"
    [row] = await look(pool, f"{sql} WHERE symbol = $1", symbol)
    return row


async def test_a_tape_is_stored_to_the_last_digit_and_only_once(
    run: Run, pool: quantdb.Pool, tmp_path: Path
) -> None:
    symbol = fresh()
    lines = tape(symbol, 2_000)
    file = written(tmp_path / "tape.csv", *lines)
    cells = [line.split(",") for line in lines]
    exact = [(Decimal(price), Decimal(size)) for _s, _side, price, size, *_rest in cells]
    numbered = {number for *_rest, number in cells if number}
    # Twins that are numbered are one trade; those that are not are two.
    twins = sum(
        1
        for line, before in zip(lines[1:], lines, strict=False)
        if line == before and line[-1] != ","
    )

    first = await run("load", "trades", file)
    again = await run("load", "trades", file)

    assert (first[0], first[2]) == (0, "")
    assert counts(first[1]) == {"rows": 2_000, "inserted": 2_000 - twins, "existing": twins}
    assert counts(again[1]) == {"rows": 2_000, "existing": 2_000}
    assert twins == len(numbered) == 400
    alone = [
        figure
        for figure, line, before in zip(exact, lines, ["", *lines], strict=False)
        if line != before or line[-1] == ","
    ]
    with localcontext(prec=200):
        sums = (
            sum(price for price, _size in alone),
            sum(size for _price, size in alone),
            sum(price * size for price, size in alone),
        )
    assert await stored(pool, symbol) == (1_600, *sums)


async def test_the_report_says_what_was_taken_from_where(run: Run, tmp_path: Path) -> None:
    header = "ticker,Side,last,qty,timestamp,condition\n"
    row = f"{fresh()},b,1,2,2024-03-08T14:30:00,@"
    file = written(tmp_path / "f.csv", row, header=header)

    code, told, _err = await run(
        *("load", "trades", file, "--map", "price=last", "--set", "venue=XNAS", "--assume-utc")
    )

    assert code == 0
    lines = {line[:10].strip(): line[10:].strip() for line in told.splitlines()}
    assert lines["columns"] == (
        "price=last, symbol=ticker, side=Side, quantity=qty, executed_at=timestamp"
    )
    assert lines["set"] == "venue=XNAS"
    assert lines["defaults"] == "fee=0, currency=USD for every row"
    assert lines["not used"] == "condition"
    assert lines["ids"].startswith("1 made of the row's number and values")


async def test_a_gzipped_file_under_any_name_is_loaded(run: Run, tmp_path: Path) -> None:
    symbol = fresh()
    file = tmp_path / "tape.txt"
    file.write_bytes(gzip.compress((HEADER + "\n".join(tape(symbol, 10))).encode()))

    assert counts((await run("load", "trades", str(file)))[1])["rows"] == 10


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("S,buy,1e400000,1,2024-03-08T14:30:00Z,V,", "price: has more than 131072 digits"),
        ("S,buy,1,1,2024-03-08T14:30:00,V,", "executed_at: has no zone"),
        ("S,buy,1,1,2024-03-08T14:30:00Z,V", "has 6 cells, but the header has 7"),
        ('S,buy,1,1,2024-03-08T14:30:00Z,V,"', "a quoted cell is never closed"),
    ],
)
async def test_a_bad_row_is_named_by_its_line_and_nothing_is_stored(
    run: Run, pool: quantdb.Pool, tmp_path: Path, bad: str, said: str
) -> None:
    symbol = fresh()
    file = written(tmp_path / "f.csv", *tape(symbol, 1_500), f'"{symbol}\n{symbol}"{bad[1:]}')

    code, told, err = await run("load", "trades", file)

    assert (code, told) == (1, "")
    assert err.startswith(f"quantdb: {file}:1502: {said}")
    assert err.count("\n") == 1
    assert (await stored(pool, symbol))[0] == 0


async def test_a_conflict_is_named_by_the_line_of_its_row(
    run: Run, pool: quantdb.Pool, tmp_path: Path
) -> None:
    symbol = fresh()
    good = f"{symbol},buy,1,1,2024-03-08T14:30:00Z,V,"
    spanning = f'{symbol},buy,1,1,2024-03-08T14:30:00Z,"V\nW\nX",9'
    file = written(
        tmp_path / "f.csv", good + "1", spanning, "", good + "2", good.replace("buy", "sell") + "1"
    )

    code, told, err = await run("load", "trades", file)

    assert (code, told) == (1, "")
    assert err.startswith(f"quantdb: {file}:8: row 4 (id ")
    assert err.endswith("nothing was stored\n")
    assert (await stored(pool, symbol))[0] == 0


async def test_a_user_who_is_not_there_is_named_by_the_line_of_the_row(
    run: Run, pool: quantdb.Pool, tmp_path: Path
) -> None:
    symbol = fresh()
    good = f"{symbol},buy,1,1,2024-03-08T14:30:00Z,V,"
    file = written(
        tmp_path / "f.csv",
        f"{good}1,",
        f"{good.replace('V', chr(34) + 'V' + chr(10) + 'W' + chr(34))}2,",
        "",
        f"{good}3,999999",
        f"{good}4,999998",
        header=HEADER.replace("\n", ",user_id\n"),
    )

    code, told, err = await run("load", "trades", file)

    assert (code, told) == (1, "")
    assert err.count("\n") == 1
    assert err.startswith(f"quantdb: {file}:6: row 3 (id ")
    assert err.endswith("user_id 999999 is of no user; and 1 others; nothing was stored\n")
    assert (await stored(pool, symbol))[0] == 0


async def test_files_of_a_fill_each_are_kept_apart_by_the_names_of_their_tapes(
    run: Run, pool: quantdb.Pool, tmp_path: Path
) -> None:
    symbol = fresh()
    fill = f"{symbol},buy,1,1,2024-03-08T14:30:00Z,V,"
    one, two = (written(tmp_path / name, fill) for name in ("one.csv", "two.csv"))

    found = [
        counts((await run("load", "trades", *arguments))[1])
        for arguments in (
            *((one,), (two,)),
            *((one, "--tape", "one"), (two, "--tape", "two"), (two, "--tape", "two")),
        )
    ]

    new, there = {"rows": 1, "inserted": 1}, {"rows": 1, "existing": 1}
    assert found == [new, there, new, new, there]
    assert (await stored(pool, symbol))[0] == 3


@pytest.mark.parametrize(("name", "said"), [(" ", "must not be blank"), ("\udcff", "has a lone")])
async def test_the_name_of_a_tape_is_a_text(run: Run, tmp_path: Path, name: str, said: str) -> None:
    code, _told, err = await run(
        *("load", "trades", written(tmp_path / "f.csv", *tape("S", 1)), "--tape", name)
    )

    assert code == 2
    assert err.startswith(f"quantdb: --tape: {said}")


async def test_bars_are_inserted_updated_and_found(
    run: Run, pool: quantdb.Pool, tmp_path: Path
) -> None:
    symbol = fresh()
    header = "symbol,resolution,date,open,high,low,close,volume,adj_close\n"
    bars = [f"{symbol},daily,2024-03-{day:02},1,2,0.50,1.{day},{day},x" for day in range(1, 29)]
    file = written(tmp_path / "f.csv", *bars, header=header)
    first = await run("load", "prices", file)
    changed = [bar.replace(",0.50,", ",0.25,") if "-28," in bar else bar for bar in bars]

    second = await run("load", "prices", written(tmp_path / "g.csv", *changed, header=header))

    assert counts(first[1]) == {"rows": 28, "inserted": 28}
    assert "not used  adj_close" in first[1]
    assert "28 bars start on a date: taken as 00:00 UTC of that day." in first[1]
    assert counts(second[1]) == {"rows": 28, "updated": 1, "existing": 27}
    sql = "SELECT sum(close), sum(low), min(start)::text FROM prices WHERE symbol = $1"
    [[close, low, start]] = await look(pool, sql, symbol)
    exact = sum(Decimal(f"1.{day}") for day in range(1, 29))
    assert (close, low, start) == (exact, Decimal("13.75"), "2024-03-01 00:00:00+00")


async def test_one_bar_twice_with_other_values_is_a_conflict_with_its_line(
    run: Run, tmp_path: Path
) -> None:
    symbol = fresh()
    header = "symbol,interval,start,open,high,low,close,volume\n"
    bar = f"{symbol},1m,2024-03-08T14:30:00Z,1,1,1,1,"
    file = written(tmp_path / "f.csv", bar + "0", bar + "1", header=header)

    code, _told, err = await run("load", "prices", file)

    assert code == 1
    assert err.startswith(f"quantdb: {file}:3: row 2 ({symbol}, 0:01:00, ")


async def test_a_file_that_grew_adds_what_is_new(
    run: Run, pool: quantdb.Pool, tmp_path: Path
) -> None:
    symbol = fresh()
    lines = [line for line in tape(symbol, 300) if line.endswith(",")]
    await run("load", "trades", written(tmp_path / "f.csv", *lines[:100]))

    _code, told, _err = await run("load", "trades", written(tmp_path / "f.csv", *lines))

    assert counts(told) == {"rows": len(lines), "inserted": len(lines) - 100, "existing": 100}
    assert (await stored(pool, symbol))[0] == len(lines)


async def test_a_pipe_is_loaded(dsn: str, pool: quantdb.Pool) -> None:
    symbol = fresh()
    text = HEADER + "\n".join(tape(symbol, 10))

    done = await asyncio.to_thread(
        subprocess.run,
        [*MAIN, "load", "trades", "-", "--dsn", dsn],
        input=text.encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert (await stored(pool, symbol))[0] == 8


async def test_an_interrupted_load_ends_soon_and_stores_nothing(
    dsn: str, pool: quantdb.Pool
) -> None:
    symbol = fresh()
    process = await asyncio.create_subprocess_exec(
        *MAIN,
        *("load", "trades", "-", "--dsn", dsn),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # A shell's background job ignores Ctrl-C, and so would all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    feeder, told, errors = process.stdin, process.stdout, process.stderr
    assert feeder is not None
    assert told is not None
    assert errors is not None
    feeder.write(HEADER.encode())
    line = f"{symbol},buy,1,1,2024-03-08T14:30:00Z,V,\n".encode()

    async def feed() -> None:
        with_more = line * 1_000
        while True:
            feeder.write(with_more)
            await feeder.drain()

    feeding = asyncio.create_task(feed())
    copying = """
        SELECT count(*) FROM pg_stat_activity
        WHERE query LIKE 'COPY %trades%' AND datname = current_database()
    """
    while not await look_once(pool, copying):  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.05)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(60):
        code = await process.wait()
    feeding.cancel()

    assert code == 130
    assert await told.read() == b""
    assert await errors.read() == b"quantdb: interrupted\n"
    assert (await stored(pool, symbol))[0] == 0


async def test_a_terminal_shows_progress_and_then_the_report(dsn: str, tmp_path: Path) -> None:
    file = written(tmp_path / "f.csv", *tape(fresh(), 5_000))
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "QUANTDB_DSN": dsn}
    process = await asyncio.create_subprocess_exec(
        *MAIN, "load", "trades", file, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    shown = b""
    while process.returncode is None or shown == b"":
        try:
            shown += await asyncio.to_thread(os.read, ours, 65_536)
        except OSError:  # the other end is closed
            break
    code = await process.wait()
    os.close(ours)

    assert code == 0
    assert b"reading" in shown
    assert b"5,000" in shown
    assert max(len(line) for line in shown.decode().splitlines()) < 400
    assert b"Traceback" not in shown


async def test_migrate_makes_the_tables_once(
    empty_dsn: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = written(tmp_path / "f.csv", *tape("S", 1))
    before = await asyncio.to_thread(main, ["load", "trades", file, "--dsn", empty_dsn])
    told_before = capsys.readouterr().err
    first = await asyncio.to_thread(main, ["migrate", "--dsn", empty_dsn])
    told_first = capsys.readouterr().out
    second = await asyncio.to_thread(main, ["migrate", "--dsn", empty_dsn])
    told_second = capsys.readouterr().out

    assert (before, first, second) == (1, 0, 0)
    assert "run: quantdb migrate" in told_before or "does not exist" in told_before
    assert "applied  0001_users.sql" in told_first
    assert "applied" not in told_second
    assert "nothing to do" in told_second
