"""quantdb in a FastAPI application: a pool for its lifespan, a transaction for each request.

QUANTDB_DSN=postgresql://… python examples/fastapi_app.py
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import attrs
import uvicorn
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, BeforeValidator
from starlette.requests import ClientDisconnect

import quantdb
from quantdb import Conflict, Connection, NotFound, PoolConfig, QuantDBError, Side, Trade, TradeRepo


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """Open the pool, and close it when the last request is answered."""
    config = PoolConfig(os.environ["QUANTDB_DSN"], min_size=0, application_name="fastapi example")
    async with quantdb.create_pool(config) as pool:
        app.state.pool = pool
        yield


@asynccontextmanager
async def while_connected(request: Request) -> AsyncGenerator[None]:
    """Leave the block by ClientDisconnect when the client hangs up: no server does so by itself."""
    task = asyncio.current_task()
    assert task is not None
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone = True
        task.cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if gone and not task.uncancel():
            raise ClientDisconnect from None
        raise
    finally:
        watcher.cancel()


async def unit_of_work(request: Request) -> AsyncGenerator[Connection]:
    """Give a transaction that a failed or abandoned request takes back."""
    async with quantdb.transaction(request.app.state.pool) as tx, while_connected(request):
        yield tx


# The scope has COMMIT come before the answer; by default it would come after it.
Transaction = Annotated[Connection, Depends(unit_of_work, scope="function")]


def exact(value: object) -> object:
    """Refuse a number that JSON has made a float of."""
    if isinstance(value, float):
        raise ValueError("write it as text: a float is not exact")  # noqa: TRY004 - a 422
    return value


Number = Annotated[Decimal, BeforeValidator(exact)]


class Fill(BaseModel):
    """What a client tells of a trade; it makes the id, so it may tell it again."""

    id: UUID
    symbol: str
    side: Side
    quantity: Number
    price: Number
    executed_at: datetime
    venue: str
    strategy: str


app = FastAPI(lifespan=lifespan)


@app.post("/trades", status_code=201)
async def record(fill: Fill, tx: Transaction) -> dict[str, str]:
    """Store a trade and answer with the position of its strategy."""
    trade = await TradeRepo(tx).insert(Trade(**dict(fill)))
    held = await TradeRepo(tx).positions(strategy=trade.strategy)
    [position] = [each for each in held if each.symbol == trade.symbol]
    return as_text(position)


@app.get("/trades/{id}")
async def look(id: UUID, tx: Transaction) -> dict[str, str]:  # noqa: A002 - the name in the path
    """Answer with a trade."""
    return as_text(await TradeRepo(tx).get(id))


@app.get("/health")
async def health(request: Request) -> dict[str, int]:
    """Answer from what the pool knows: a query would keep a serverless compute awake for ever."""
    pool: quantdb.Pool = request.app.state.pool
    return {"open": pool.get_size(), "idle": pool.get_idle_size()}


@app.exception_handler(QuantDBError)
async def explain(_request: Request, error: Exception) -> Response:
    """Say what went wrong, and by the status whether the same request may be made again."""
    match error:
        case NotFound():
            return PlainTextResponse(str(error), 404)
        case Conflict():
            return PlainTextResponse(str(error), 409)
        case ValueError():  # InexactValue
            return PlainTextResponse(str(error), 400)
        case QuantDBError(retryable=True):
            return PlainTextResponse(str(error), 503, {"Retry-After": "1"})
        case _:
            raise error


@app.exception_handler(ClientDisconnect)
async def nobody_listens(_request: Request, _error: Exception) -> Response:
    """Answer nobody."""
    return Response(status_code=499)


def as_text(model: attrs.AttrsInstance) -> dict[str, str]:
    """Return the fields to the last digit; JSON would make floats of them."""
    return {name: str(value) for name, value in attrs.asdict(model).items()}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8080")))
