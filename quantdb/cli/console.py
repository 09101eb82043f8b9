"""Where a person reads: results on the standard output, progress and errors on the other."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

__all__ = ["Tell", "clock", "err", "facts", "figures", "out", "progress", "speed"]

out: Final = Console(highlight=False, markup=False, emoji=False)
err: Final = Console(stderr=True, highlight=False, markup=False, emoji=False)

Tell = Callable[[float | None, str], None]
"""Tells how much is done, None if nobody knows any more, and what a person should see of it."""


def figures(console: Console, titles: Sequence[str], values: Sequence[str]) -> None:
    """Print one row of figures under their titles, or below each other if the room is too small."""
    room = sum(max(map(len, pair)) + len(" │ ") for pair in zip(titles, values, strict=True))
    if room >= console.width:
        facts(console, list(zip(titles, values, strict=True)))
        return
    table = Table(box=box.ROUNDED, header_style="bold")
    for title in titles:
        table.add_column(title, justify="right", no_wrap=True)
    table.add_row(*map(Text, values))
    console.print(table)


def facts(console: Console, lines: Sequence[tuple[str, str]]) -> None:
    """Print sentences, each behind its title."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for title, sentence in lines:
        table.add_row(Text(title), Text(sentence))
    console.print(table)


@contextmanager
def progress(what: str, total: float | None) -> Generator[Tell, None, None]:
    """Show a bar on a terminal, and nothing anywhere else.

    Args:
        what: What is going on.
        total: How much is to be done; None if nobody knows.
    """
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[detail]}", markup=False),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    with bar:
        task = bar.add_task(what, total=total, detail="")

        def tell(done: float | None, detail: str) -> None:
            if done is None:
                bar.reset(task, total=None, detail=detail)
            else:
                bar.update(task, completed=done, detail=detail)

        yield tell


def clock() -> Callable[[], float]:
    """Start a clock; what is returned gives the seconds since."""
    began = perf_counter()
    return lambda: perf_counter() - began


def speed(rows: int, seconds: float) -> str:
    """Return rows per second for a person."""
    return f"{rows / seconds:,.0f}" if seconds > 0 else "-"
