"""What a check takes the values of a type for is what the driver gives."""

from typing import Final

import asyncpg
import pytest

import quantdb
from quantdb.check.facts import PgType
from quantdb.check.pytypes import came, is_json

VALUES: Final = {
    "aclitem": "'postgres=r/postgres'",
    "bit": "B'1'",
    "bool": "true",
    "box": "'(1,1),(0,0)'",
    "bpchar": "'a'",
    "bytea": "'a'",
    "char": "'a'",
    "cid": "'1'",
    "cidr": "'10.0.0.0/8'",
    "circle": "'<(0,0),1>'",
    "date": "'2024-01-01'",
    "float4": "1",
    "float8": "1",
    "inet": "'10.0.0.1'",
    "int2": "1",
    "int4": "1",
    "int8": "1",
    "interval": "'1 day'",
    "jsonpath": "'$.a'",
    "line": "'{1,1,1}'",
    "lseg": "'(0,0),(1,1)'",
    "macaddr": "'08:00:2b:01:02:03'",
    "macaddr8": "'08:00:2b:01:02:03:04:05'",
    "money": "'1.00'",
    "name": "'a'",
    "numeric": "1.5",
    "oid": "1",
    "path": "'[(0,0),(1,1)]'",
    "pg_lsn": "'0/1'",
    "pg_snapshot": "'1:2:'",
    "point": "'(0,0)'",
    "polygon": "'((0,0),(1,1))'",
    "refcursor": "'a'",
    "regclass": "'pg_class'",
    "regcollation": "'\"C\"'",
    "regconfig": "'english'",
    "regdictionary": "'english_stem'",
    "regnamespace": "'public'",
    "regoper": "'|/'",
    "regoperator": "'+(integer,integer)'",
    "regproc": "'now'",
    "regprocedure": "'now()'",
    "regrole": "'pg_monitor'",
    "regtype": "'integer'",
    "text": "'a'",
    "tid": "'(0,1)'",
    "time": "'12:00'",
    "timestamp": "'2024-01-01'",
    "timestamptz": "'2024-01-01 00:00+00'",
    "timetz": "'12:00+00'",
    "tsquery": "'a'",
    "tsvector": "'a'",
    "txid_snapshot": "'1:2:'",
    "uuid": "'00000000-0000-0000-0000-000000000001'",
    "varbit": "B'1'",
    "varchar": "'a'",
    "xid": "'1'",
    "xid8": "'1'",
}


@pytest.mark.parametrize("name", VALUES)
async def test_a_value_is_what_it_is_taken_for(
    name: str, pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    statement = f'SELECT {VALUES[name]}::"{name}", ARRAY[{VALUES[name]}::"{name}"]'
    kind = PgType(name)

    for database in (pool, plain_pool):
        row = await database.fetchrow(statement)
        assert row is not None
        value, several = list(row)
        assert isinstance(value, came(kind)), type(value)
        assert type(value).__name__ != "bool" or came(kind) == (bool,)
        assert isinstance(several, list)


@pytest.mark.parametrize("text", ['{"a": 1}', "[1]", '"a"', "1", "1.5", "true", "null"])
async def test_json_is_any_of_its_values(text: str, pool: quantdb.Pool) -> None:
    for name in ("json", "jsonb"):
        value = await pool.fetchval(f"SELECT '{text}'::{name}")

        assert is_json(PgType(name))
        assert value is None or type(value) in came(PgType(name))


async def test_ranges_enums_and_multiranges(pool: quantdb.Pool) -> None:
    await pool.execute("CREATE TYPE mood AS ENUM ('ok', 'sad')")
    row = await pool.fetchrow("SELECT int4range(1, 2), int4multirange(int4range(1, 2)), 'ok'::mood")

    assert row is not None
    range_, multirange, mood = list(row)
    assert isinstance(range_, came(PgType("int4range", kind="range")))
    assert isinstance(multirange, came(PgType("int4multirange", kind="multirange")))
    assert isinstance(mood, came(PgType("mood", "public", "enum")))
