"""How the connections of a server are shared out among the workers of a cluster."""

import logging
from typing import Final

import attrs

from quantdb.config import PoolConfig
from quantdb.errors import ConfigError, QuantDBError
from quantdb.outcomes import OF_THE_DRIVER
from quantdb.ray.exposure import refuse_text, warn_if_job_exposed
from quantdb.room import WORKER_NAME, ask

__all__ = ["must_be_count", "worker_config"]

_log: Final = logging.getLogger(__name__)

_IDLE_LIFETIME: Final = 2.0
"""Seconds that a worker without work keeps a connection. Ray keeps the idle worker itself, and
starts others beside it: to open one anew costs some milliseconds, to keep one costs a share."""
_IDLE_LIFETIME_IN_NEED: Final = 0.5
"""The same where there are more workers than connections, and another may be waiting."""
_PATIENCE_IN_NEED: Final = 60.0
"""Seconds that a worker waits there for a connection, unless a time was chosen: others may have
work for as long, and keep theirs while they have."""


def worker_config(config: PoolConfig, *, workers: int) -> PoolConfig:
    """Return the configuration of the pool of each of *workers* processes.

    It asks the server how many connections it has to spare: ``max_connections`` without what is
    reserved, what others hold now and a headroom of a tenth (3 at least) for those who come; and
    no more than the role and the database may have. ``max_size`` is an equal share of that. If
    ``config.max_size`` is not the default, it is the most that all workers together may have.
    Each has at least one, so more workers than connections have one each, and wait for one another,
    for a minute unless ``acquire_timeout`` was chosen; a warning says so. A server that cannot be
    asked is another warning, and the workers then share ``config.max_size``. To ask blocks, no
    longer than ``connect_timeout`` allows.

    Behind a pooler in transaction mode what others hold does not count, because it lends its
    connections by the transaction. How many clients it takes it does not tell: choose ``max_size``
    if they are fewer than the server's connections.

    A worker keeps no connection that it does not use (``min_size`` 0, ``idle_lifetime`` at most
    2 s, or half a second where there are more workers than connections), because Ray keeps idle
    processes and ends them without notice. While the server is full it is asked again for as long
    as ``acquire_timeout``. The name of the application, unless one was chosen, becomes
    ``quant_trading_ray_worker``; connections of that name and role are not counted as others'.

    A password in the ``env_vars`` of the job's runtime environment is one more warning, since Ray
    shows it.

    Args:
        config: What one process would use.
        workers: Most worker processes that run at once; for tasks of one CPU each, the CPUs of
            the cluster.

    Raises:
        ConfigError: *workers* is no whole number from 1, or *config* is something else.
    """
    refuse_text(config)
    must_be_count("workers", workers)
    warn_if_job_exposed()
    default_name = attrs.fields(PoolConfig).application_name.default
    named = config.application_name != default_name
    each = attrs.evolve(
        config,
        min_size=0,
        max_size=1,
        idle_lifetime=min(config.idle_lifetime, _IDLE_LIFETIME),
        connect_timeout=max(config.connect_timeout, config.acquire_timeout),
        application_name=config.application_name if named else WORKER_NAME,
    )
    budget = _budget(config, each)
    if budget >= workers:
        return attrs.evolve(each, max_size=budget // workers)
    chosen = config.acquire_timeout != attrs.fields(PoolConfig).acquire_timeout.default
    patience = config.acquire_timeout if chosen else _PATIENCE_IN_NEED
    _log.warning(
        "%d workers share %d connections: each may have one, and waits for the others as long as "
        "acquire_timeout=%g s; quantdb doctor --workers %d says what would help",
        workers,
        budget,
        patience,
        workers,
    )
    return attrs.evolve(
        each,
        idle_lifetime=min(each.idle_lifetime, _IDLE_LIFETIME_IN_NEED),
        acquire_timeout=patience,
        connect_timeout=max(each.connect_timeout, patience),
    )


def _budget(config: PoolConfig, each: PoolConfig) -> int:
    """Return how many connections all workers may have together."""
    try:
        # With the patience of one process, not of a worker.
        room = ask(attrs.evolve(each, connect_timeout=config.connect_timeout))
        spare = room.connections(pooled=config.target().pooled)
    except (QuantDBError, *OF_THE_DRIVER) as error:
        _log.warning(
            "the server cannot be asked how many connections it has to spare, so the workers share "
            "max_size=%d: %s",
            config.max_size,
            error,
        )
        return config.max_size
    if config.max_size == attrs.fields(PoolConfig).max_size.default:
        return spare
    return min(config.max_size, spare)


def must_be_count(name: str, value: object) -> None:
    """Raise ConfigError unless a value is a whole number from 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{name} must be a whole number from 1: {value!r}")
