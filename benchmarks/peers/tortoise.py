"""Tortoise over asyncpg: its models and its own instances."""

from urllib.parse import urlsplit

from tortoise import fields
from tortoise.context import TortoiseContext
from tortoise.models import Model
from tortoise.transactions import in_transaction

from benchmarks.data import COLUMNS, values


class Row(Model):
    symbol = fields.TextField()
    side = fields.TextField()
    quantity = fields.DecimalField(38, 10)
    price = fields.DecimalField(38, 10)
    executed_at = fields.DatetimeField()
    venue = fields.TextField()
    venue_trade_id = fields.TextField(null=True)
    user_id = fields.BigIntField(null=True)
    strategy = fields.TextField(null=True)
    fee = fields.DecimalField(38, 10)
    currency = fields.TextField()
    id = fields.UUIDField(primary_key=True)

    class Meta:
        table = "trades"


class Peer:
    def __init__(self, context, mode):
        self.context = context
        self.explicit = mode == "explicit"

    async def run(self, query):
        if not self.explicit:
            return await query(None)
        async with in_transaction("default") as connection:
            return await query(connection)

    async def get(self, key):
        return await self.run(lambda connection: Row.get(id=key, using_db=connection))

    async def insert(self, trade):
        given = dict(zip(COLUMNS, values(trade), strict=True))
        return await self.run(lambda connection: Row.create(using_db=connection, **given))

    async def between(self, symbol, start, end):
        wanted = {"symbol": symbol, "executed_at__gte": start, "executed_at__lt": end}
        return await self.run(
            lambda connection: (
                Row.filter(**wanted).using_db(connection).order_by("executed_at", "id")
            )
        )

    async def close(self):
        await self.context.__aexit__(None, None, None)


async def connect(dsn, mode):
    parts = urlsplit(dsn)
    # Tasks that are started later inherit it.
    context = await TortoiseContext().__aenter__()
    await context.init(
        config={
            "connections": {
                "default": {
                    "engine": "tortoise.backends.asyncpg",
                    "credentials": {
                        "host": parts.hostname,
                        "port": parts.port or 5432,
                        "user": parts.username,
                        "password": parts.password,
                        "database": parts.path.lstrip("/"),
                        "minsize": 1,
                        "maxsize": 20,
                    },
                }
            },
            "apps": {"models": {"models": [__name__]}},
            "use_tz": True,
            "timezone": "UTC",
        }
    )
    return Peer(context, mode)
