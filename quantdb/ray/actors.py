"""An actor that serves the calls of many tasks with few connections."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Concatenate, Final, ParamSpec, TypeVar, overload

import attrs
import ray
from ray import ObjectRef
from ray.exceptions import RayActorError

from quantdb.config import PoolConfig
from quantdb.errors import ConnectionLost
from quantdb.pool import Pool
from quantdb.ray.exposure import refuse_text, warn_if_exposed, warn_if_left
from quantdb.ray.ids import new_origin
from quantdb.ray.served import method_of, served
from quantdb.ray.server import Call, Job, Method, Server
from quantdb.ray.travel import dumps

__all__ = ["Service", "get_service", "serve"]

P = ParamSpec("P")
R = TypeVar("R")

_AHEAD: Final = 4
"""Batches of a stream that the actor makes before they are fetched."""


@attrs.frozen
class Actor:
    """The calls that go to one actor.

    Attributes:
        handle: Ray's.
    """

    handle: object

    def submit(
        self, work: bytes, name: str, args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> ObjectRef[object]:
        """Have the actor do some pickled *work*, under a *name* that its ids depend on."""
        call: Callable[..., ObjectRef[object]] = getattr(getattr(self.handle, "call"), "remote")  # noqa: B009
        return call(Call(new_origin(name), work), *args, **kwargs)

    async def call(
        self,
        kind: Callable[[Pool], object],
        name: str,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
    ) -> object:
        """Return what a method gives."""
        return await _awaited(self.submit(_method(kind, name), _name(kind, name), args, kwargs))

    async def stream(
        self,
        kind: Callable[[Pool], object],
        name: str,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
    ) -> AsyncGenerator[object, None]:
        """Iterate over what a method gives."""
        options: Callable[..., object] = getattr(getattr(self.handle, "stream"), "options")  # noqa: B009
        # Not begun again: the rows of another time may be others, in other batches.
        method = options(
            num_returns="streaming",
            max_task_retries=0,
            _generator_backpressure_num_objects=_AHEAD,
        )
        start: Callable[..., AsyncIterator[Awaitable[list[object]]]] = getattr(method, "remote")  # noqa: B009
        batches = start(Call(new_origin(_name(kind, name)), _method(kind, name)), *args, **kwargs)
        ended = False
        try:
            async for batch in batches:
                for item in await batch:
                    yield item
            ended = True
        except RayActorError as error:
            raise ConnectionLost(f"the actor of the stream has ended: {error}") from error
        finally:
            if not ended:
                _cancel(batches)


class Service:
    """An actor with a pool, and what it does for others; made by `serve`. It pickles.

    ::

        service = quantdb.ray.serve(config)
        trades = service.repo(TradeRepo)
        trade = await trades.insert(trade)
    """

    def __init__(self, actor: Actor) -> None:
        self._actor: Final = actor

    def __repr__(self) -> str:
        return f"Service({self._actor.handle!r})"

    def repo(self, kind: Callable[[Pool], R]) -> R:
        """Return a repository whose methods run in the actor; it has the type of a local one.

        Its coroutine methods are awaited and its async iterators iterated over, as ever, and
        whoever is cancelled cancels them. What is no such method is refused. Arguments travel, so
        a bulk write takes a list or a table, and no iterator. It pickles, so a task may have it as
        an argument.

        A call that the end of the actor's process has cut off is made again by the next process.
        That is so for what may be repeated (reads, inserts by id, upserts); of what may not, the
        outcome is unknown, and it is `CommitUnknown`. A stream that is cut off is `ConnectionLost`.

        Args:
            kind: A class whose argument is a pool.

        Raises:
            ConfigError: It is no such class.
        """
        return served(kind, self._actor)

    async def run(
        self,
        job: Callable[Concatenate[Pool, P], Awaitable[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Return what ``await job(pool, …)`` gives, run in the actor: a unit of work.

        A job that the end of the actor's process has cut off is run again, from its beginning, and
        may have committed before: insert with `task_ids`.
        """
        return await _awaited(self.submit(job, *args, **kwargs))

    @overload
    def submit(
        self,
        work: Callable[Concatenate[Pool, P], Awaitable[R]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> ObjectRef[R]: ...

    @overload
    def submit(
        self, work: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> ObjectRef[R]: ...

    def submit(
        self, work: Callable[..., Awaitable[R]], /, *args: object, **kwargs: object
    ) -> ObjectRef[R]:
        """Have *work* done and return Ray's reference to its result, for ``ray.get``.

        Args:
            work: A job, as for `run`; or a method of a repository of this service:
                ``service.submit(trades.insert, trade)``.
            args: Of the job after its pool, or of the method. As in Ray, references may be too.
            kwargs: Likewise.

        Raises:
            ConfigError: It is a stream.
        """
        method = method_of(work)
        if method is None:
            name = _name(work)
            submit: Callable[..., ObjectRef[R]] = getattr(self._actor, "submit")  # noqa: B009
            return submit(dumps(Job(work)), name, args, kwargs)
        line, kind, name = method
        submit = getattr(line, "submit")  # noqa: B009
        return submit(_method(kind, name), _name(kind, name), args, kwargs)

    def stop(self) -> None:
        """End the actor at once; calls under way fail."""
        kill: Callable[..., None] = getattr(ray, "kill")  # noqa: B009
        kill(self._actor.handle)


def serve(config: PoolConfig, **options: object) -> Service:
    """Start an actor whose pool of *config* serves the calls of many.

    However many call, it has no more than ``max_size`` connections; who waits for one waits as long
    as others' work goes on, and ``acquire_timeout`` beyond. Its process opens the pool at the first
    call, and closes it when there was none for ``idle_lifetime``.

    Args:
        config: Of the pool; it travels but for its password.
        options: Those of ``ray.remote`` for an actor: ``name``, ``lifetime``, ``get_if_exists``,
            ``num_cpus``, ``resources``, ``max_concurrency`` … Unless they say otherwise, the actor
            is restarted as often as its process ends (``max_restarts``, ``max_task_retries`` −1),
            and calls wait for that.

    Raises:
        ConfigError: *config* is something else, a DSN perhaps.
    """
    refuse_text(config)
    warn_if_exposed(options.get("runtime_env"))
    if options.get("lifetime") == "detached":
        warn_if_left(config)
    restarts = options.get("max_restarts", -1)
    # Ray allows no repetitions without restarts.
    chosen = {"max_restarts": restarts, "max_task_retries": -1 if restarts else 0, **options}
    remote: Callable[..., Callable[[type], object]] = getattr(ray, "remote")  # noqa: B009
    start: Callable[[PoolConfig], object] = getattr(remote(**chosen)(Server), "remote")  # noqa: B009
    return Service(Actor(start(config)))


def get_service(name: str, namespace: str | None = None) -> Service:
    """Return the service that was started with a *name*, for another driver or job.

    Raises:
        ValueError: There is none (as ``ray.get_actor``).
    """
    find: Callable[..., object] = getattr(ray, "get_actor")  # noqa: B009
    return Service(Actor(find(name, namespace)))


async def _awaited(reference: ObjectRef[R]) -> R:
    """Wait for a result, and cancel what gives it when the waiting is cancelled."""
    try:
        return await reference
    except asyncio.CancelledError:
        _cancel(reference)
        raise


def _cancel(reference: object) -> None:
    cancel: Callable[[object], object] = getattr(ray, "cancel")  # noqa: B009
    cancel(reference)


@lru_cache(1024)
def _method(kind: Callable[[Pool], object], name: str) -> bytes:
    return dumps(Method(kind, name))


def _name(of: Callable[..., object], method: str = "") -> str:
    name: str = getattr(of, "__qualname__", type(of).__qualname__)
    return f"{of.__module__}.{name}.{method}"
