"""PostgreSQL's own functions, of which it is said that they give no NULL, put to the test."""

from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Final

import asyncpg

from quantdb.check.nulls.functions import effect
from quantdb.check.relations import Function

# Values of each type that are not NULL and as awkward as can be.
SAMPLES: Final = {
    "bool": "true false",
    "int2": "0 1 -3",
    "int4": "0 1 -1 3 100",
    "int8": "0 1 -2 7",
    "numeric": "0 1.50 -2 NaN Infinity",
    "float4": "0 1.5 NaN",
    "float8": "0 1.5 -1 NaN -Infinity",
    "text": "'' a abc,def [0-9]+ 2020-01-01 day year UTC utf8 g 1 hex",
    "name": "'' a pg_class",
    "bpchar": "'' ab",
    "varchar": "'' ab",
    "char": "'' a",
    "bytea": "'' \\x00ff01",
    "date": "2020-01-31 infinity -infinity",
    "time": "12:00 24:00",
    "timetz": "12:00+01",
    "timestamp": "2020-01-31T10:00 infinity -infinity",
    "timestamptz": "2020-01-31T10:00Z infinity -infinity",
    "interval": "P1D PT0S P1M",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "json": 'null {} [] {"a":null} [1,null] 1 "x"',
    "jsonb": 'null {} [] {"a":null} [1,null] 1 "x"',
    "jsonpath": "$ $.a $.a==1",
    "_text": "{} {a,NULL,b} {a}",
    "_int4": "{} {1,NULL,2} {{1,2},{3,4}}",
    "inet": "10.0.0.1/8 ::1",
    "cidr": "10.0.0.0/8",
    "macaddr": "08:00:2b:01:02:03",
    "bit": "1",
    "varbit": "101 ''",
    "money": "0 1",
    "point": "(0,0) (NaN,1)",
    "box": "(1,1),(0,0) (6,6),(5,5)",
    "circle": "<(0,0),1>",
    "path": "((0,0),(1,1)) [(0,0),(1,1)]",
    "polygon": "((0,0),(1,1),(1,0))",
    "lseg": "[(0,0),(1,1)] [(0,5),(1,6)]",
    "tsvector": "'' a:1A",
    "tsquery": "'' a&b",
    "oid": "0 1247",
    "regclass": "0 pg_class",
    "int4range": "empty (,) [1,5)",
    "numrange": "empty (,)",
    "tstzrange": "empty (,)",
    "int4multirange": "{} {[1,5)}",
    "xid8": "3",
    "pg_lsn": "0/16B3748",
}
STANDS_FOR: Final = {
    "anyarray": "_int4",
    "anycompatible": "int4",
    "anycompatiblearray": "_int4",
    "anyelement": "int4",
    "anymultirange": "int4multirange",
    "anynonarray": "int4",
    "anyrange": "int4range",
    "any": "text",
}
SURE: Final = frozenset({"always", "first", "first two", "kept", "one"})
MOST: Final = 25

GIVES_NULL: Final = """
CREATE FUNCTION pg_temp.gives_null(calls text[]) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    call text;
    is_null boolean;
    found text[] = '{}';
BEGIN
    FOREACH call IN ARRAY calls LOOP
        BEGIN
            EXECUTE 'SELECT (' || call || ') IS NULL' INTO is_null;
            IF is_null THEN
                found = found || call;
            END IF;
        EXCEPTION WHEN OTHERS THEN
            NULL;
        END;
    END LOOP;
    RETURN found;
END
$$
"""
FUNCTIONS: Final = """
SELECT
    p.oid,
    p.proname::text AS name,
    p.proisstrict AS strict,
    p.provariadic <> 0 AND p.provariadic <> '"any"'::regtype AS spreads,
    EXISTS (SELECT FROM pg_operator AS o WHERE o.oprcode = p.oid) AS is_operator,
    ARRAY(
        SELECT t.typname::text
        FROM unnest(p.proargtypes) WITH ORDINALITY AS a (oid, n)
        JOIN pg_type AS t ON t.oid = a.oid
        ORDER BY a.n
    ) AS arguments
FROM pg_proc AS p
WHERE p.oid < 16384
    AND p.pronamespace = 'pg_catalog'::regnamespace
    AND p.prokind = 'f'
    AND p.provolatile <> 'v'
    AND NOT p.proretset
    AND p.prorettype NOT IN ('internal'::regtype, 'void'::regtype, 'cstring'::regtype)
ORDER BY p.proname, p.oid
"""


def _calls(function: Function, *, spreads: bool, chance: Random) -> Iterator[str]:
    """Give calls of a function with what its arguments may be; none if a type has no samples."""
    values: list[list[str]] = []
    for kind in function.arguments:
        meant = STANDS_FOR.get(kind, kind)
        samples = (each.replace("''", "") for each in SAMPLES.get(meant, "").split())
        values.append([f"'{each}'::pg_catalog.\"{meant}\"" for each in samples])
    calls = [list(each) for each in product(*values)]
    for arguments in chance.sample(calls, min(len(calls), MOST)):
        if spreads:
            arguments[-1] = f"VARIADIC {arguments[-1]}"
        yield f'pg_catalog."{function.name}"({", ".join(arguments)})'


async def test_no_function_gives_null_that_is_said_not_to(empty_dsn: str) -> None:
    connection = await asyncpg.connect(empty_dsn)
    try:
        await connection.execute(GIVES_NULL)
        sure, tried, chance = 0, 0, Random(1)
        for row in await connection.fetch(FUNCTIONS):
            function = Function(
                oid=row["oid"],
                name=row["name"],
                builtin=True,
                strict=row["strict"],
                volatile=False,
                returns_set=False,
                arguments=row["arguments"],
            )
            if effect(function, is_operator=row["is_operator"]) not in SURE:
                continue
            calls = list(_calls(function, spreads=row["spreads"], chance=chance))
            sure, tried = sure + 1, tried + bool(calls)
            assert await connection.fetchval("SELECT pg_temp.gives_null($1)", calls) == []
        assert tried > 0.8 * sure
    finally:
        await connection.close()
