"""The faults that strike the server and the network, one function each, under load."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Final, Literal

from proxy import Act, Link, Message, When, kind, says

from soak.stage import Stage

Scenario = Callable[[Stage], Awaitable[None]]

BEGIN, COMMIT = says("BEGIN"), says("COMMIT;")
ANSWER: Final[When] = says("COMMIT", side="server")
HOLES: Final[dict[str, tuple[When, Act]]] = {
    "connecting": (kind("startup"), "hole"),
    "BEGIN": (BEGIN, "hole"),
    "a statement": (kind("B"), "hole"),
    "COMMIT": (COMMIT, "hole"),
    "the answer to COMMIT": (ANSWER, "hole"),
}


def every(when: When, which: Iterable[int]) -> When:
    """Match only those messages that come in the given places, from 0, among those that match."""
    places, seen = set(which), -1

    def chosen(link: Link, message: Message) -> bool:
        nonlocal seen
        if not when(link, message):
            return False
        seen += 1
        return seen in places

    return chosen


async def backends_are_terminated(stage: Stage) -> None:
    """SIGTERM ends one session; the others do not notice."""
    async with stage.under_load():
        for _round in range(round(8 * stage.scale)):
            await stage.busy(0.1)
            await _signal_one(stage, signal.SIGTERM)


async def backends_are_killed(stage: Stage) -> None:
    """SIGKILL of one session makes the server end all and recover."""
    async with stage.under_load():
        for _round in range(max(1, round(2 * stage.scale))):
            await stage.busy(0.4)
            async with stage.outage("kill -9"):
                await _signal_one(stage, signal.SIGKILL)


async def _signal_one(stage: Stage, number: signal.Signals) -> None:
    backends = await stage.backends()
    if not backends:
        return
    if number is signal.SIGTERM:
        async with stage.fault("SIGTERM"):
            with suppress(ProcessLookupError):
                os.kill(stage.rng.choice(backends), number)
        return
    os.kill(stage.rng.choice(backends), number)


async def the_server_restarts(stage: Stage) -> None:
    """A restart, fast or by a crash."""
    modes: list[Literal["fast", "immediate"]] = ["fast", "immediate"]
    async with stage.under_load():
        for mode in modes * max(1, round(stage.scale / 2)):
            await stage.busy(0.4)
            async with stage.outage(f"restart {mode}"):
                await asyncio.to_thread(stage.server.restart, mode)


async def the_server_is_away_for_long(stage: Stage) -> None:
    """A server that comes back when the first callers have given up."""
    async with stage.under_load():
        await stage.busy(0.2)
        async with stage.outage("stopped"):
            await asyncio.to_thread(stage.server.stop, "immediate")
            await asyncio.sleep(stage.rng.uniform(2, 2 + 4 * (stage.scale - 1)))
            await asyncio.to_thread(stage.server.restart)


async def connections_are_reset(stage: Stage) -> None:
    """RST and FIN to all connections, and at any message."""
    points = (BEGIN, COMMIT, ANSWER, kind("B"), kind("startup"), kind("Z", side="server"))
    async with stage.under_load():
        for _round in range(round(5 * stage.scale)):
            await stage.busy(0.15)
            async with stage.fault("reset"):
                act: Act = stage.rng.choice(("reset", "reset after", "close", "close after"))
                stage.proxy.once(stage.rng.choice(points), act, times=stage.rng.randint(1, 5))
                await stage.busy(0.1)
                stage.proxy.cut(reset=stage.rng.random() < 0.5)


async def the_network_is_a_hole(stage: Stage) -> None:
    """A black hole opens at each of five points, and then everywhere."""
    async with stage.under_load():
        for name, (when, act) in HOLES.items():
            async with stage.fault(f"hole at {name}"):
                stage.proxy.once(when, act, times=2)
                if name == "connecting":
                    await stage.pool.expire_connections()
                await stage.busy(0.4)
        began = stage.record.now()
        stage.proxy.hole()
        await asyncio.sleep(stage.rng.uniform(0.5, 0.5 + 3 * (stage.scale - 1)))
        stage.heal()
        await stage.recovered("hole", began, stage.dsn)


async def the_network_is_slow(stage: Stage) -> None:
    """Latency, and bytes that come one by one."""
    async with stage.under_load():
        async with stage.fault("latency"):
            stage.proxy.latency = stage.rng.uniform(0.01, 0.05)
            await stage.busy(0.8)
            stage.proxy.heal()
        async with stage.fault("one byte at a time"):
            stage.proxy.slices = 1
            await stage.busy(0.8)
            stage.proxy.heal()


async def commit_replies_are_lost(stage: Stage) -> None:
    """Of all replies to COMMIT, one in ten never arrives: by a reset, or into silence."""
    acts: list[Act] = ["reset", "close", "hole"]
    async with stage.under_load():
        for act in acts:
            places = random.Random(stage.rng.random()).sample(range(200), 20)
            async with stage.fault(f"replies to COMMIT: {act}"):
                stage.proxy.once(every(ANSWER, places), act, times=2 if act == "hole" else None)
                await stage.busy(0.5)
            stage.heal()


SERVER: Final[tuple[Scenario, ...]] = (
    backends_are_terminated,
    backends_are_killed,
    the_server_restarts,
    the_server_is_away_for_long,
)
NETWORK: Final[tuple[Scenario, ...]] = (
    connections_are_reset,
    the_network_is_a_hole,
    the_network_is_slow,
    commit_replies_are_lost,
)
