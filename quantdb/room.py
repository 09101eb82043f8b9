"""How many connections a server has to spare for the workers of a cluster.

``max_connections`` is the whole server's. Of it go what is reserved for superusers, what others
hold now, and a headroom, so that a migration, a ``psql`` and the monitoring still get in.
"""

from typing import Final

import attrs

from quantdb.config import PoolConfig
from quantdb.database import Database
from quantdb.loopthread import LoopThread
from quantdb.pool import create_pool
from quantdb.query import Query
from quantdb.sqlfile import sql_folder

__all__ = ["WORKER_NAME", "Room", "ask", "room_of"]

WORKER_NAME: Final = "quant_trading_ray_worker"
"""What the connections of workers are called, unless a name was chosen."""

_HEADROOM: Final = 3
"""Connections: of a migration, a ``psql`` and the monitoring."""
_HEADROOM_SHARE: Final = 10
"""One in so many of a larger server; Neon's pooler leaves a tenth as well."""
_PATIENCE: Final = 10.0
"""Seconds that the one statement may take, once there is a connection."""


@attrs.frozen
class Room:
    """A row of ``sql/room/room.sql``.

    Attributes:
        max_connections: Those of the server.
        reserved: Those of them that superusers keep for themselves.
        role_limit: Most connections of our role; None for no limit.
        database_limit: Most connections to the database; None for no limit.
        held: Connections of others: of other roles, or of ours under another name.
        held_by_role: Those of them that are of our role.
        held_in_database: Those of them that are to the database.
    """

    max_connections: int
    reserved: int
    role_limit: int | None
    database_limit: int | None
    held: int
    held_by_role: int
    held_in_database: int

    @property
    def usable(self) -> int:
        """How many connections of the server are for everybody."""
        return max(0, self.max_connections - self.reserved)

    @property
    def headroom(self) -> int:
        """How many of those are left to others who may come: a tenth, and 3 at least."""
        return max(_HEADROOM, -(-self.usable // _HEADROOM_SHARE))

    def on_server(self, *, pooled: bool) -> int:
        """Return how many connections the server has to spare, whatever role and database may have.

        A pooler lends each of its connections by the transaction, to others as to us, so what
        others hold takes nothing away there. They wait for one another in the pooler.
        """
        return max(0, self.usable - self.headroom - (0 if pooled else self.held))

    def connections(self, *, pooled: bool) -> int:
        """Return how many connections there are to spare; 0 if all are used up."""
        limits = [
            (self.role_limit, self.held_by_role),
            (self.database_limit, self.held_in_database),
        ]
        left = [
            max(0, limit - (0 if pooled else held)) for limit, held in limits if limit is not None
        ]
        return min([self.on_server(pooled=pooled), *left])

    def needed(self, connections: int) -> int:
        """Return the ``max_connections`` with which there would be so many to spare."""
        enough = self
        while enough.on_server(pooled=False) < connections:
            enough = attrs.evolve(enough, max_connections=enough.max_connections + 1)
        return enough.max_connections


_ROOM: Final = Query(sql_folder() / "room" / "room.sql", Room)


async def room_of(db: Database, application_name: str) -> Room:
    """Ask the server; connections of our role under *application_name* are no others'."""
    return await _ROOM.one(db, application_name)


def ask(config: PoolConfig) -> Room:
    """Ask the server of *config* and wait for the answer, in an event loop as well as without one.

    Connections of its role under its ``application_name`` are no others'. It takes as long as
    ``connect_timeout`` to wake a compute that sleeps.

    Raises:
        QuantDBError: The server cannot be asked, or the driver's error if that says why.
    """
    # A thread of its own, because the caller's may have an event loop that runs.
    with LoopThread("quantdb-room") as loop:
        return loop.run(_asked(config))


async def _asked(config: PoolConfig) -> Room:
    one = attrs.evolve(
        config,
        min_size=1,
        max_size=1,
        scale_to_zero=False,
        command_timeout=min(config.command_timeout, _PATIENCE),
        retry_timeout=0,
        # A pooler that the DSN does not give away would lose prepared statements.
        statement_cache_size=0,
        tracing=False,
        codecs=(),
    )
    async with create_pool(one) as pool:
        return await room_of(pool, config.application_name)
