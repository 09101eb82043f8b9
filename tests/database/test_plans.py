"""Each statement runs on the indexes that its header names, whatever its arguments.

Every plan here is generic: made once for all arguments, as a long-lived connection comes to use it.
"""

import json
from typing import Final, NotRequired, TypedDict

import asyncpg
import pytest

from quantdb import sqlfile
from quantdb.sqlfile import SqlFile

Node = TypedDict(
    "Node",
    {
        "Node Type": str,
        "Actual Loops": float,
        "Conflict Arbiter Indexes": NotRequired[list[str]],
        "Index Name": NotRequired[str],
        "Plans": NotRequired[list["Node"]],
        "Relation Name": NotRequired[str],
        "Rows Removed by Filter": NotRequired[float],
    },
)

_FOLDER: Final = sqlfile.sql_folder()
_STATEMENTS: Final = {
    f"{file.parent.name}/{file.stem}": sqlfile.read(file)
    for file in sorted(_FOLDER.glob("*/*.sql"))
    if file.parent.name not in {"roles", "schema"}
}
_INDEXED: Final = [name for name, statement in _STATEMENTS.items() if statement.indexes]

# Arguments as SQL, one line a call; together the calls reach every index that the header names.
_CALLS: Final = {
    "migrations/applied": ["'quantdb'"],
    "prices/as_of": [
        "'S7', '1 hour', '2024-01-20Z', NULL",
        "'S7', '1 hour', '2024-01-20Z', '2024-01-19Z'",
    ],
    "prices/as_of_many": ["'{S7,S8}', '1 hour', '{2024-01-20Z,2024-01-21Z}', '{NULL,2024-01-20Z}'"],
    "prices/between": ["'S7', '1 hour', '2024-01-20Z', '2024-01-21Z'"],
    "prices/gaps": ["'S7', '1 hour', '2024-01-20Z', '2024-03-01Z', '2024-01-19T23:00Z'"],
    "prices/get": ["'S7', '1 hour', '2024-01-20Z'"],
    "prices/latest": ["'{S7,S8,S7,none}', '1 hour'"],
    "prices/merge": [""],
    "prices/page": ["'S7', '1 hour', NULL, 10", "'S7', '1 hour', '2024-01-20Z', 10"],
    "prices/resample": ["'S7', '1 hour', '1 day', '2024-01-20Z', '2024-01-25Z'"],
    "prices/upsert": ["'S7', '1 hour', '2024-01-20Z', 2, 3, 1, 2, 0"],
    "trades/bars": ["'S7', '1 hour', '2024-01-05Z', '2024-01-06Z'"],
    "trades/between": ["'S7', '2024-01-05Z', '2024-01-06Z'"],
    "trades/count": ["'S7', '2024-01-05Z', '2024-01-06Z'"],
    "trades/find_by_venue_id": ["'V1', 'S7', '7'"],
    "trades/get": ["'8f14e45f-ceea-467f-ab69-a5b58a26d78e'"],
    "trades/latest": ["'S7', 10"],
    "trades/page": [
        "'S7', NULL, NULL, 10",
        "'S7', '2024-01-05Z', '00000000-0000-0000-0000-000000000000', 10",
    ],
    "trades/positions": [
        "NULL, 7, NULL",
        "NULL, NULL, 'strategy 7'",
        "'2024-01-05Z', 7, 'strategy 7'",
    ],
    "trades/stored": ["'8f14e45f-ceea-467f-ab69-a5b58a26d78e', 'V1', 'S7', '7'"],
    "trades/symbols": [""],
    "trades/vwap": ["'S7', '2024-01-05Z', '2024-01-06Z'"],
    "users/deactivate": ["7, 1"],
    "users/find_by_email": ["'User7@Example.org'"],
    "users/get": ["7"],
    "users/page": ["NULL, 10", "7, 10"],
    "users/update": ["7, 1, 'Ann', NULL, NULL"],
}

# Ordered by what no index holds: buckets, sums, places in an array, a union.
_SORTED: Final = {
    "prices/as_of_many",
    "prices/gaps",
    "prices/latest",
    "prices/merge",
    "prices/resample",
    "trades/bars",
    "trades/positions",
    "trades/stored",
    "trades/symbols",
    "trades/vwap",
}

_BULK: Final = [
    "prices/conflicts",
    "prices/merge",
    "trades/conflicts",
    "trades/merge",
    "trades/orphans",
]

_USERS: Final = """
INSERT INTO users (name, email)
SELECT 'user ' || n, 'user' || n || '@example.org'
FROM generate_series(1, 2000) AS n
"""

# Rows of one symbol lie together, so that no sort is cheaper than the order of the index.
_ROWS: Final = {
    "migrations": """
INSERT INTO quantdb_migrations (set_name, number, file_name, checksum)
SELECT 'set ' || n % 200, n, n || '.sql', md5(n::text)
FROM generate_series(1, 20000) AS n
ORDER BY 1, n
""",
    "prices": """
INSERT INTO prices (symbol, interval, start, open, high, low, close, volume)
SELECT
    'S' || n % 20, '1 hour', timestamptz '2024-01-01Z' + n / 20 * interval '1 hour',
    100, 101, 99, 100, n % 10
FROM generate_series(1, 20000) AS n
ORDER BY 1, n
""",
    "trades": f"""
{_USERS};
INSERT INTO trades (
    symbol, side, quantity, price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee, currency, id
)
SELECT
    'S' || n % 50, CASE n % 2 WHEN 0 THEN 'buy' ELSE 'sell' END, 1 + n % 100, 100,
    timestamptz '2024-01-01Z' + n * interval '1 minute', 'V' || n % 3,
    CASE WHEN n % 4 > 0 THEN n::text END, CASE WHEN n % 2 > 0 THEN n % 2000 END,
    CASE WHEN n % 2 > 0 THEN 'strategy ' || n % 400 END, 0, 'USD', md5(n::text)::uuid
FROM generate_series(1, 20000) AS n
ORDER BY 1, n
""",
    "users": _USERS,
}

# Nearly all is stored already; some rows are new, some contradict the stored ones.
_STAGED_ROWS: Final = {
    "prices": """
INSERT INTO staged_prices (n, symbol, interval, start, open, high, low, close, volume)
SELECT
    row_number() OVER (), symbol, interval, start, open, high, low, close,
    volume + CASE extract(hour FROM start) WHEN 0 THEN 1 ELSE 0 END
FROM prices
""",
    "trades": """
INSERT INTO staged_trades (
    n, symbol, side, quantity, price, executed_at, venue,
    venue_trade_id, user_id, strategy, fee, currency, id
)
SELECT
    row_number() OVER (), symbol, side, quantity,
    price + CASE venue_trade_id WHEN '5' THEN 1 ELSE 0 END, executed_at,
    venue, venue_trade_id, user_id, strategy, fee, currency,
    CASE venue_trade_id WHEN '7' THEN md5('another')::uuid ELSE id END
FROM trades
""",
}


async def _fill(connection: asyncpg.Connection, folder: str, statement: SqlFile) -> None:
    # A truncated table is a new file, so the rolled-back rows leave nothing behind.
    await connection.execute("SET LOCAL lock_timeout = '10s'")
    await connection.execute("TRUNCATE users, trades, prices, quantdb_migrations RESTART IDENTITY")
    await connection.execute(_ROWS[folder])
    await connection.execute("ANALYZE users, trades, prices, quantdb_migrations")
    if "staged_" in statement.text:
        await connection.execute(_STATEMENTS[f"{folder}/stage"].text)
        await connection.execute(_STAGED_ROWS[folder])


async def _run(connection: asyncpg.Connection, statement: SqlFile, arguments: str) -> list[Node]:
    """Run a statement under its generic plan and return the nodes of the plan that ran."""
    await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    prepared = await connection.prepare(statement.text)
    call = f"({arguments})" if arguments else ""
    explained = await connection.fetchval(
        f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE {prepared.get_name()}{call}"
    )
    return [node for node in _nodes(json.loads(explained)[0]["Plan"]) if node["Actual Loops"]]


def _nodes(node: Node) -> list[Node]:
    return [node, *(below for child in node.get("Plans", []) for below in _nodes(child))]


def test_every_statement_that_names_an_index_is_called_here() -> None:
    assert set(_INDEXED) == set(_CALLS)


@pytest.mark.parametrize("name", _INDEXED)
async def test_a_statement_uses_the_indexes_that_its_header_names(
    connection: asyncpg.Connection, name: str
) -> None:
    statement = _STATEMENTS[name]
    await _fill(connection, name.partition("/")[0], statement)

    nodes: list[Node] = []
    for arguments in _CALLS[name]:
        nodes += await _run(connection, statement, arguments)

    used = {node["Index Name"] for node in nodes if "Index Name" in node}
    used.update(*(node.get("Conflict Arbiter Indexes", []) for node in nodes))
    assert set(statement.indexes) == used
    # A condition that the index does not hold would be a filter on rows that were read in vain.
    assert not [
        node for node in nodes if "Index Name" in node and node.get("Rows Removed by Filter")
    ]
    read_whole = {
        node.get("Relation Name", "") for node in nodes if "Seq Scan" in node["Node Type"]
    }
    assert read_whole <= {"staged_prices", "staged_trades"}
    if name not in _SORTED:
        assert not [node for node in nodes if "Sort" in node["Node Type"]]


@pytest.mark.parametrize("name", _BULK)
async def test_a_bulk_statement_looks_nothing_up_row_by_row(
    connection: asyncpg.Connection, name: str
) -> None:
    statement = _STATEMENTS[name]
    await _fill(connection, name.partition("/")[0], statement)
    limit = 10

    nodes = await _run(connection, statement, str(limit) if statement.parameters else "")

    assert max(node["Actual Loops"] for node in nodes) <= limit
