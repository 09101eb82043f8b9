"""How the connections of a server are shared out among the workers of a cluster."""

from typing import Final

import attrs

from quantdb.config import PoolConfig
from quantdb.errors import ConfigError

__all__ = ["worker_config"]

_APPLICATION_NAME: Final = "quant_trading_ray_worker"
_IDLE_LIFETIME: Final = 10.0
"""Seconds that a worker without work keeps a connection: Ray keeps the idle worker itself."""


def worker_config(config: PoolConfig, *, workers: int) -> PoolConfig:
    """Return the configuration of the pool of each of *workers* processes.

    ``max_size`` is an equal share of ``config.max_size``, so all workers together have no more
    connections than one pool of *config*; but each has at least one, so more workers than
    ``config.max_size`` have one each. A worker keeps no connection that it does not use
    (``min_size`` 0, ``idle_lifetime`` at most 10 s), because Ray keeps idle processes and ends
    them without notice. The name of the application, unless one was chosen, becomes
    ``quant_trading_ray_worker``.

    Args:
        config: What one process would use.
        workers: Most worker processes that run at once; for tasks of one CPU each, the CPUs of
            the cluster.

    Raises:
        ConfigError: *workers* is no whole number from 1.
    """
    if not _is_count(workers):
        raise ConfigError(f"workers must be a whole number from 1: {workers!r}")
    default_name = attrs.fields(PoolConfig).application_name.default
    named = config.application_name != default_name
    return attrs.evolve(
        config,
        min_size=0,
        max_size=max(1, config.max_size // workers),
        idle_lifetime=min(config.idle_lifetime, _IDLE_LIFETIME),
        application_name=config.application_name if named else _APPLICATION_NAME,
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
