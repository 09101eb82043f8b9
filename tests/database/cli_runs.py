"""How the tests of the command line run it and read what it told."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from quantdb.cli import main
from quantdb.cli.console import out

Run = Callable[..., Awaitable[tuple[int, str, str]]]

MAIN: Final = [sys.executable, "-c", "import sys; from quantdb.cli import main; sys.exit(main())"]


def runner(dsn: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs the command line on a database and returns code, output and errors."""
    monkeypatch.setenv("QUANTDB_DSN", dsn)
    monkeypatch.setattr(out, "width", 200)

    async def run(*arguments: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, arguments)
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def figures(told: str) -> dict[str, str]:
    """Return the table of figures in what was told."""
    titles, values = (
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in told.splitlines()
        if line.startswith("│")
    )
    return dict(zip(titles, values, strict=True))


def counts(told: str) -> dict[str, int]:
    """Return the counts of rows that were told, but for zeros."""
    return {
        title: int(value.replace(",", ""))
        for title, value in figures(told).items()
        if title in {"rows", "inserted", "updated", "existing"} and value != "0"
    }
