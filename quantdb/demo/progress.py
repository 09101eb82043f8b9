"""Steps of work on a terminal, each with its time."""

from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import attrs
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.text import Text

__all__ = ["Step", "Steps"]


class _Seconds(ProgressColumn):
    def render(self, task: Task) -> Text:
        seconds = task.finished_time if task.finished else task.elapsed
        return Text(f"{seconds or 0:6.1f} s", style="progress.elapsed")


class _Bar(ProgressColumn):
    """A bar for what is under way and has parts."""

    _bar = BarColumn(bar_width=24)

    def render(self, task: Task) -> RenderableType:
        return "" if task.finished or task.total == 1 else self._bar.render(task)


@attrs.frozen
class Step:
    """A step under way."""

    _progress: Progress
    _id: TaskID

    def advance(self) -> None:
        """Count one more part as done."""
        self._progress.advance(self._id)

    def done(self, said: str) -> None:
        """End the step, with a sentence about its outcome."""
        total = self._progress.tasks[self._id].total
        self._progress.update(self._id, description=said, completed=total or 0, refresh=True)


class Steps:
    """The steps of a job; inside ``with`` they are shown as they go, in a pipe at the end."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            _Seconds(),
            TextColumn("{task.description}", markup=False),
            _Bar(),
            console=console,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    @contextmanager
    def step(self, what: str, parts: int = 1) -> Generator[Step]:
        """Begin a step of so many parts; who does it says `Step.done`."""
        yield Step(self._progress, self._progress.add_task(what, total=parts))
