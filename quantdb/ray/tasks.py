"""Functions with a pool as Ray tasks.

Ray's own types know functions of up to ten positional parameters, no others, and not every option;
`getattr` is where its untyped side is touched.
"""

import inspect
from collections.abc import Callable, Coroutine
from copy import copy
from typing import (
    TYPE_CHECKING,
    Concatenate,
    Final,
    Generic,
    NoReturn,
    ParamSpec,
    Self,
    TypeGuard,
    TypeVar,
    overload,
)

import attrs
import ray
from ray import ObjectRef

from quantdb.blocking import BlockingPool
from quantdb.config import PoolConfig
from quantdb.errors import ConfigError
from quantdb.pool import Pool
from quantdb.ray.exposure import refuse_text, warn_if_exposed
from quantdb.ray.ids import Origin, in_job, new_origin
from quantdb.ray.travel import travelling
from quantdb.ray.workers import blocking_with_pool, run_with_pool

__all__ = ["AsyncTask", "BlockingTask", "Task", "task"]

P = ParamSpec("P")
R = TypeVar("R")

_IDLE_LIFETIME: Final = 10.0
"""Seconds that a worker without work keeps a connection: Ray keeps the idle worker itself."""


class Task(Generic[P, R]):
    """A Ray task, made by `task`."""

    def __init__(self, name: str, function: object) -> None:
        self._name: Final = name
        self._function: Final = function

    def __repr__(self) -> str:
        return f"Task({self._name})"

    if not TYPE_CHECKING:  # they say of themselves that it is not to be called

        def __call__(self, *_args: object, **_kwargs: object) -> NoReturn:
            """Say how it is submitted."""
            raise ConfigError(
                f"{self._name} is a task: {self._name.rpartition('.')[2]}.remote(…) submits it, "
                "and its job is the function, to be called with a pool"
            )

    def remote(self, *args: P.args, **kwargs: P.kwargs) -> ObjectRef[R]:
        """Submit the task and return a reference to its result; as in Ray, arguments may be too.

        ``ray.get`` gives the result, or raises the job's error, whose type ``except`` knows.
        """
        submit: Callable[..., ObjectRef[R]] = getattr(self._function, "remote")  # noqa: B009
        return submit(new_origin(self._name), *args, **kwargs)

    def options(self, **options: object) -> Self:
        """Return the same task with other options of Ray's (``num_cpus``, ``max_retries`` …).

        Raises:
            ConfigError: The task would have another number of results than one.
        """
        _check(options)
        other = copy(self)
        vars(other)["_function"] = getattr(self._function, "options")(**options)  # noqa: B009
        return other


class AsyncTask(Task[P, R]):
    """A task that is a coroutine function.

    Attributes:
        job: The function, to be called with a pool where no Ray is wanted.
    """

    def __init__(
        self,
        name: str,
        function: object,
        job: Callable[Concatenate[Pool, P], Coroutine[object, object, R]],
    ) -> None:
        super().__init__(name, function)
        self.job: Final = job


class BlockingTask(Task[P, R]):
    """A task that is a plain function.

    Attributes:
        job: The function, to be called with a pool of `blocking_pool` where no Ray is wanted.
    """

    def __init__(
        self, name: str, function: object, job: Callable[Concatenate[BlockingPool, P], R]
    ) -> None:
        super().__init__(name, function)
        self.job: Final = job


class Declaration:
    """Makes a function a task; given by `task`."""

    def __init__(self, config: PoolConfig, options: dict[str, object]) -> None:
        self._config: Final = config
        self._options: Final = options

    @overload
    def __call__(
        self, job: Callable[Concatenate[Pool, P], Coroutine[object, object, R]], /
    ) -> AsyncTask[P, R]: ...

    @overload
    def __call__(self, job: Callable[Concatenate[BlockingPool, P], R], /) -> BlockingTask[P, R]: ...

    def __call__(
        self,
        job: Callable[Concatenate[Pool, P], Coroutine[object, object, R]]
        | Callable[Concatenate[BlockingPool, P], R],
        /,
    ) -> AsyncTask[P, R] | BlockingTask[P, R]:
        """Return a task that runs *job*.

        Raises:
            ConfigError: It is no such function.
        """
        name = _checked_name(job)
        if _is_async(job):
            return AsyncTask(name, self._remote(job, self._run_async(job)), job)
        if _is_blocking(job):
            return BlockingTask(name, self._remote(job, self._run_blocking(job)), job)
        raise ConfigError(f"a task is a function: {job!r}")

    def _run_async(
        self, job: Callable[Concatenate[Pool, P], Coroutine[object, object, R]]
    ) -> Callable[Concatenate[Origin, P], R]:
        config = self._config

        def run(origin: Origin, /, *args: P.args, **kwargs: P.kwargs) -> R:
            with in_job(origin), travelling():
                return run_with_pool(config, lambda pool: job(pool, *args, **kwargs))

        return run

    def _run_blocking(
        self, job: Callable[Concatenate[BlockingPool, P], R]
    ) -> Callable[Concatenate[Origin, P], R]:
        config = self._config

        def run(origin: Origin, /, *args: P.args, **kwargs: P.kwargs) -> R:
            with in_job(origin), travelling(), blocking_with_pool(config) as db:
                return job(db, *args, **kwargs)

        return run

    def _remote(self, job: Callable[..., object], run: Callable[..., object]) -> object:
        """Return Ray's function for *run*, which has the name and the parameters of *job*."""
        run.__name__ = job.__name__
        run.__qualname__ = job.__qualname__
        run.__module__ = job.__module__
        run.__doc__ = job.__doc__
        # Ray holds the arguments against it when a task is submitted; the pool is none of them.
        _pool, *parameters = inspect.signature(job).parameters.values()
        origin = inspect.Parameter("_quantdb_origin", inspect.Parameter.POSITIONAL_ONLY)
        vars(run)["__signature__"] = inspect.Signature(
            [origin, *(parameter.replace(annotation=parameter.empty) for parameter in parameters)]
        )
        # With no option at all, Ray takes the function itself.
        remote: Callable[..., Callable[..., object]] = getattr(ray, "remote")  # noqa: B009
        return remote(**self._options)(run) if self._options else remote(run)


def task(config: PoolConfig, **options: object) -> Declaration:
    """Make a function whose first parameter is a pool into a Ray task.

    ::

        @quantdb.ray.task(config)
        async def settle(pool: Pool, day: date) -> int: ...

        @quantdb.ray.task(config, num_cpus=2)
        def research(db: BlockingPool, day: date) -> float: ...

    The worker process opens the pool when its first task of that configuration runs, and keeps it
    for the next ones; it keeps no connection that it does not use (``min_size`` 0,
    ``idle_lifetime`` at most 10 s). A coroutine function runs on an event loop in a thread of the
    process's own, where it awaits a Ray reference (``await ref``) instead of blocking on
    ``ray.get``. A plain function runs where every Ray task does, and gets a `BlockingPool`.

    A task that Ray runs again after a crash may have committed before: insert with `task_ids`.

    Args:
        config: Of the worker's pool, as `worker_config` gives it; it travels with the task, but for
            its password.
        options: Those of ``ray.remote``: ``num_cpus``, ``max_retries``, ``retry_exceptions`` …

    Raises:
        ConfigError: What is declared has no result, or several: ``num_returns``, a generator; or
            its first parameter is the other kind of pool; or *config* is something else.
    """
    refuse_text(config)
    _check(options)
    config = attrs.evolve(
        config, min_size=0, idle_lifetime=min(config.idle_lifetime, _IDLE_LIFETIME)
    )

    return Declaration(config, options)


def _is_async(
    job: Callable[Concatenate[Pool, P], Coroutine[object, object, R]]
    | Callable[Concatenate[BlockingPool, P], R],
) -> TypeGuard[Callable[Concatenate[Pool, P], Coroutine[object, object, R]]]:
    return inspect.iscoroutinefunction(job)


def _is_blocking(
    job: Callable[Concatenate[Pool, P], Coroutine[object, object, R]]
    | Callable[Concatenate[BlockingPool, P], R],
) -> TypeGuard[Callable[Concatenate[BlockingPool, P], R]]:
    return not inspect.iscoroutinefunction(job)


def _check(options: dict[str, object]) -> None:
    results = options.get("num_returns")
    if results is not None and results != 1:
        raise ConfigError(f"a task has one result, and its reference that type: {results!r}")
    warn_if_exposed(options.get("runtime_env"))


def _checked_name(job: Callable[..., object]) -> str:
    """Return the name of a job, of which its signature shows that it can be one."""
    if not inspect.isfunction(job):
        raise ConfigError(f"a task is a function: {job!r}")
    if inspect.isgeneratorfunction(job) or inspect.isasyncgenfunction(job):
        raise ConfigError(f"a task has one result, and a generator has many: {job!r}")
    first = next(iter(inspect.signature(job).parameters.values()), None)
    if first is None or first.kind not in {first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD}:
        raise ConfigError(f"the first parameter of a task is its pool: {job!r}")
    other = BlockingPool if inspect.iscoroutinefunction(job) else Pool
    wanted: object = first.annotation
    named = wanted.rpartition(".")[2] if isinstance(wanted, str) else wanted
    if named is other or named == other.__name__:
        raise ConfigError(
            f"a task declared with async def gets a Pool, one with def a BlockingPool: {job!r}"
        )
    return f"{job.__module__}.{job.__qualname__}"
