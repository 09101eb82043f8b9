"""Coroutines with a pool as Ray tasks.

Ray's own types know functions of up to ten positional parameters, no others, and not every option;
`getattr` is where its untyped side is touched, here and nowhere else.
"""

import inspect
from collections.abc import Callable, Coroutine
from typing import Concatenate, Final, Generic, ParamSpec, TypeVar

import ray
from ray import ObjectRef

from quantdb.config import PoolConfig
from quantdb.errors import ConfigError
from quantdb.pool import Pool
from quantdb.ray.ids import Origin, in_task
from quantdb.ray.workers import run_with_pool

__all__ = ["Task", "task"]

P = ParamSpec("P")
R = TypeVar("R")


class Task(Generic[P, R]):
    """A Ray task, made by `task`.

    Attributes:
        job: The coroutine function, to be called with a pool where no Ray is wanted.
    """

    def __init__(
        self, job: Callable[Concatenate[Pool, P], Coroutine[object, object, R]], function: object
    ) -> None:
        self.job: Final = job
        self._function: Final = function
        self._submit: Final[Callable[P, ObjectRef[R]]] = getattr(function, "remote")  # noqa: B009

    def __repr__(self) -> str:
        return f"Task({self.job.__qualname__})"

    def remote(self, *args: P.args, **kwargs: P.kwargs) -> ObjectRef[R]:
        """Submit the task and return a reference to its result; as in Ray, arguments may be too.

        ``ray.get`` gives the result, or raises the job's error, whose type ``except`` knows.
        """
        return self._submit(*args, **kwargs)

    def options(self, **options: object) -> "Task[P, R]":
        """Return the same task with other options of Ray's (``num_cpus``, ``max_retries`` …)."""
        return Task(self.job, getattr(self._function, "options")(**options))  # noqa: B009


def task(
    config: PoolConfig, **options: object
) -> Callable[
    [Callable[Concatenate[Pool, P], Coroutine[object, object, R]]],
    Task[P, R],
]:
    """Make a coroutine function whose first parameter is a pool into a Ray task.

    The worker process opens the pool when its first task of that configuration runs, and keeps it
    for the next ones; its job runs on an event loop in a thread of the process's own, where it
    awaits a Ray reference (``await ref``) instead of blocking on ``ray.get``.

    A task that Ray runs again after a crash may have committed before: insert with `task_ids`.

    Args:
        config: Of the worker's pool, as `worker_config` gives it; it travels with the task, but for
            its password.
        options: Those of ``ray.remote``: ``num_cpus``, ``max_retries``, ``retry_exceptions`` …
    """

    def declare(job: Callable[Concatenate[Pool, P], Coroutine[object, object, R]]) -> Task[P, R]:
        if not inspect.iscoroutinefunction(job):
            raise ConfigError(f"a task is declared with async def: {job!r}")
        origin = Origin()

        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            with in_task(origin, ray.get_runtime_context().get_task_id() or ""):
                return run_with_pool(config, lambda pool: job(pool, *args, **kwargs))

        run.__name__ = job.__name__
        run.__qualname__ = job.__qualname__
        run.__module__ = job.__module__
        run.__doc__ = job.__doc__
        # Ray holds the arguments against it when a task is submitted; the pool is none of them.
        _pool, *parameters = inspect.signature(job).parameters.values()
        vars(run)["__signature__"] = inspect.Signature(
            [parameter.replace(annotation=parameter.empty) for parameter in parameters]
        )
        # With no option at all, Ray takes the function itself.
        remote = getattr(ray, "remote")  # noqa: B009
        return Task(job, remote(**options)(run) if options else remote(run))

    return declare
