"""quantdb in an aiohttp application: one pool, opened with the application and closed with it.

QUANTDB_DSN=postgresql://… python examples/aiohttp_app.py
"""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from functools import partial
from uuid import UUID

import attrs
from aiohttp import web

import quantdb
from quantdb import Conflict, Pool, PoolConfig, QuantDBError, Trade, TradeRepo

POOL = web.AppKey("POOL", Pool)
routes = web.RouteTableDef()

# Numbers are read to the last digit and written as text.
read = partial(json.loads, parse_float=Decimal, parse_int=Decimal)
written = partial(json.dumps, default=str)


@routes.post("/trades")
async def record(request: web.Request) -> web.Response:
    """Store a trade and answer with the position of its strategy: one transaction.

    The client makes the id, so it may send a trade again when it heard no answer.
    """
    said = await request.json(loads=read)
    trade = Trade(
        id=UUID(said["id"]),
        symbol=said["symbol"],
        side=said["side"],
        quantity=said["quantity"],
        price=said["price"],
        executed_at=datetime.fromisoformat(said["executed_at"]),
        venue=said["venue"],
        strategy=said["strategy"],
    )
    async with quantdb.transaction(request.app[POOL]) as tx:
        await TradeRepo(tx).insert(trade)
        held = await TradeRepo(tx).positions(strategy=trade.strategy)
    [position] = [each for each in held if each.symbol == trade.symbol]
    return web.json_response(attrs.asdict(position), status=201, dumps=written)


@routes.get("/trades/{id}")
async def look(request: web.Request) -> web.Response:
    """Answer with a trade."""
    trade = await TradeRepo(request.app[POOL]).get(UUID(request.match_info["id"]))
    return web.json_response(attrs.asdict(trade), dumps=written)


@routes.get("/health")
async def health(request: web.Request) -> web.Response:
    """Answer from what the pool knows: a query would keep a serverless compute awake for ever."""
    pool = request.app[POOL]
    return web.json_response({"open": pool.get_size(), "idle": pool.get_idle_size()})


@web.middleware
async def errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Say what went wrong, and by the status whether the same request may be made again."""
    try:
        return await handler(request)
    except LookupError as error:
        raise web.HTTPNotFound(text=str(error)) from error
    except Conflict as error:
        raise web.HTTPConflict(text=str(error)) from error
    except (TypeError, ValueError, ArithmeticError) as error:  # InexactValue is a ValueError
        raise web.HTTPBadRequest(text=str(error)) from error
    except QuantDBError as error:
        if not error.retryable:
            raise
        raise web.HTTPServiceUnavailable(text=str(error), headers={"Retry-After": "1"}) from error


async def database(app: web.Application) -> AsyncIterator[None]:
    """Open the pool, and close it when the last request is answered."""
    config = PoolConfig(os.environ["QUANTDB_DSN"], min_size=0, application_name="aiohttp example")
    async with quantdb.create_pool(config) as pool:
        app[POOL] = pool
        yield


def application() -> web.Application:
    """Make the application."""
    app = web.Application(middlewares=[errors])
    app.cleanup_ctx.append(database)
    app.add_routes(routes)
    return app


if __name__ == "__main__":
    # A client that hangs up cancels its handler, and that rolls its transaction back.
    web.run_app(
        application(),
        host="127.0.0.1",
        port=int(os.environ.get("PORT", "8080")),
        handler_cancellation=True,
    )
