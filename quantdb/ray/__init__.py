"""quantdb on Ray: typed tasks with a pool for each process, actors that serve repositories.

::

    config = quantdb.ray.worker_config(PoolConfig(dsn), workers=16)

    @quantdb.ray.task(config, max_retries=3)
    async def settle(pool: Pool, day: date) -> int:
        for fill, key in zip(fills, quantdb.ray.task_ids(len(fills))):
            await TradeRepo(pool).insert(evolve(fill, id=key))

    ray.get([settle.remote(day) for day in days])

    trades = quantdb.ray.serve(config).repo(TradeRepo)
    await trades.insert(trade)

What Ray runs again, after a crash or for a lost result, stores nothing twice.
"""

from importlib.util import find_spec

from quantdb.errors import ConfigError

# A mere folder called ray is found too, as a package without an origin.
if getattr(find_spec("ray"), "origin", None) is None:
    raise ConfigError("quantdb.ray needs Ray: pip install 'quantdb[ray]'")

from quantdb.blocking import BlockingPool
from quantdb.ray.actors import Service, get_service, serve
from quantdb.ray.budget import worker_config
from quantdb.ray.ids import task_ids
from quantdb.ray.tasks import Task, task

__all__ = [
    "BlockingPool",
    "Service",
    "Task",
    "get_service",
    "serve",
    "task",
    "task_ids",
    "worker_config",
]
