"""The line of those who wait: in order, each in his time, with one timer for all."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

import pytest

from quantdb.progress import Progress
from quantdb.waiters import TimeUp, Waiters

SOON: Final = 0.02
LATER: Final = 0.2
NEVER: Final = 60.0


async def waits(
    line: Waiters[str], limit: float, *, renewable: bool = False
) -> str | type[BaseException]:
    """Take a place and wait; give what came, or what kind of error."""
    waiter = line.join(limit, renewable=renewable)
    try:
        return await waiter
    except (Exception, asyncio.CancelledError) as error:
        assert line.leave(waiter) is None
        return type(error)


async def begun(
    line: Waiters[str], *limits: float, renewable: bool = False
) -> list[asyncio.Task[str | type[BaseException]]]:
    """Have tasks wait, in the order of their limits."""
    tasks = [asyncio.create_task(waits(line, limit, renewable=renewable)) for limit in limits]
    await asyncio.sleep(0)
    return tasks


@contextmanager
def timers() -> Generator[list[asyncio.TimerHandle]]:
    """Give the timers that are set in a block."""
    loop, found = asyncio.get_running_loop(), list[asyncio.TimerHandle]()
    call_at = loop.call_at

    def noted(when: float, look: Callable[[], None]) -> asyncio.TimerHandle:
        found.append(call_at(when, look))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "call_at", noted)
        yield found


async def test_the_first_who_came_is_the_first_who_is_served() -> None:
    line = Waiters[str](None)
    tasks = await begun(line, NEVER, NEVER, NEVER)

    assert [line.serve("a"), line.serve("b")] == [True, True]

    assert await asyncio.gather(*tasks[:2]) == ["a", "b"]
    assert (len(line), line.tasks()) == (1, {tasks[2]})
    assert line.serve("c")
    assert await tasks[2] == "c"
    assert not line.serve("d")
    assert len(line) == 0


async def test_nobody_is_served_who_waits_no_more() -> None:
    line = Waiters[str](None)
    cancelled, left = await begun(line, NEVER, NEVER)
    cancelled.cancel()

    assert line.serve("a")

    assert (await cancelled, await left) == (asyncio.CancelledError, "a")


async def test_what_came_too_late_is_there_for_somebody_else() -> None:
    line = Waiters[str](None)
    waiter = line.join(NEVER, renewable=False)
    assert line.serve("a")

    assert line.leave(waiter) == "a"


async def test_whoever_is_cancelled_when_he_was_served_leaves_it_to_another() -> None:
    line = Waiters[str](None)
    waiter = line.join(NEVER, renewable=False)

    async def wait() -> str:
        return await waiter

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    assert line.serve("a")
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert line.leave(waiter) == "a"


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
async def test_no_time_is_up_at_once(limit: float) -> None:
    (task,) = await begun(Waiters[str](None), limit)

    async with asyncio.timeout(LATER):
        assert await task is TimeUp


async def test_the_clock_is_not_looked_at_for_each_of_very_many() -> None:
    line = Waiters[str](None)
    with timers() as looks:
        tasks = await begun(line, *(SOON + place * 0.0001 for place in range(1_000)))
        assert await asyncio.gather(*tasks) == [TimeUp] * 1_000

    assert len(looks) <= 15  # of a hundredth of a second each, in a tenth


async def test_each_is_told_when_his_own_time_is_up() -> None:
    line, loop = Waiters[str](None), asyncio.get_running_loop()
    began = loop.time()
    first, soon, last = await begun(line, NEVER, SOON, LATER)

    assert await soon is TimeUp
    assert loop.time() - began >= SOON * 0.9
    assert not last.done()
    assert await last is TimeUp
    assert loop.time() - began >= LATER * 0.9
    assert line.serve("a")
    assert await first == "a"


async def test_whoever_was_served_just_in_time_has_it() -> None:
    line, loop = Waiters[str](None), asyncio.get_running_loop()
    (task,) = await begun(line, SOON)
    until = loop.time() + 2 * SOON
    while loop.time() < until:  # nobody looks at the clock meanwhile
        pass
    assert line.serve("a")

    assert await task == "a"


async def test_progress_gives_more_time_to_those_who_may_have_it() -> None:
    progress, loop = Progress(), asyncio.get_running_loop()
    line = Waiters[str](progress)
    (renewed,) = await begun(line, 5 * SOON, renewable=True)
    (other,) = await begun(line, 5 * SOON)
    began = loop.time()
    for _ in range(10):
        progress.note()
        await asyncio.sleep(SOON)

    assert await other is TimeUp
    assert not renewed.done()
    assert await renewed is TimeUp
    assert loop.time() - began >= 14 * SOON


async def test_an_error_is_that_of_the_first_in_line() -> None:
    line = Waiters[str](None)
    first, second = await begun(line, NEVER, NEVER)

    assert line.disappoint(ConnectionRefusedError())
    assert line.serve("a")

    assert (await first, await second) == (ConnectionRefusedError, "a")
    assert not line.disappoint(ConnectionRefusedError())


async def test_nobody_looks_at_the_clock_of_a_line_that_has_stopped() -> None:
    line = Waiters[str](None)
    with timers() as looks:
        tasks = await begun(line, LATER, LATER, SOON, LATER)
    assert len(looks) == 2  # for the first, and for the one whose time is up before his
    while line.serve("a"):
        pass
    line.close()

    assert await asyncio.gather(*tasks) == ["a"] * 4
    assert all(timer.cancelled() for timer in looks)
