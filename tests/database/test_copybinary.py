"""What models are sent as: read back as text, many values of one column at a time."""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import UnionType
from typing import Final
from uuid import uuid4

import asyncpg
import attrs
import pytest
from support import DAWN, DUSK, NOON, a_trade, fresh

import quantdb
from quantdb import InexactValue, Price, Trade, TradeRepo
from quantdb.copybinary import END, START, numbers, rows_of, type_of, writer_of
from quantdb.sqlfile import sql_folder

CHANCE: Final = random.Random(18)

ODD: Final = (
    *("0", "-0", "0.00", "-0.000", "0E+3", "0E-9", "1.5", "1.50", "-1", "9999", "10000", "0.0001"),
    *("0.00010", "99999999.99999999", "1E+5", "-1.5E+20", "1E-10", "1E+131071", "1E-16383"),
    "123456789012345678901234567890.123456789012345678901234567890",
)


def of_one_scale() -> Decimal:
    return Decimal(CHANCE.randrange(-(10**6), 10**6)).scaleb(-2)


def whole() -> Decimal:
    return Decimal(CHANCE.randrange(1, 1_000))


def of_any_scale() -> Decimal:
    return Decimal(CHANCE.randrange(10**12)).scaleb(-CHANCE.randrange(12))


def long() -> Decimal:
    return Decimal(CHANCE.randrange(10 ** CHANCE.randrange(1, 200))).scaleb(-CHANCE.randrange(99))


def odd() -> Decimal:
    return Decimal(CHANCE.choice(ODD))


def as_the_server_writes(value: Decimal) -> str:
    """Return all digits of a number; zero has no sign, and no digits that stand for tens."""
    if value.is_zero():
        value = value.copy_abs().quantize(Decimal((0, (1,), min(0, value.adjusted()))))
    return f"{value:f}"


async def read_back(
    connection: asyncpg.Connection, kind: str, columns: Sequence[tuple[object, Sequence[object]]]
) -> list[tuple[object, ...]]:
    """Copy columns of one type into a table and return the rows as the server writes them."""
    names = [f"c{place}" for place in range(len(columns))]
    await connection.execute(
        f"CREATE TEMP TABLE sent (n bigint, {', '.join(f'{name} {kind}' for name in names)})"
    )
    count = len(columns[0][1])
    parts = [part for annotation, values in columns for part in writer_of(annotation)(values)]
    data = START + rows_of([*numbers(1, count), *parts], 1 + len(columns), count) + END

    async def source() -> AsyncIterator[bytes]:
        yield data

    await connection.copy_to_table("sent", source=source(), format="binary")
    rows = await connection.fetch(
        f"SELECT {', '.join(f'{name}::text' for name in names)} FROM sent ORDER BY n"
    )
    await connection.execute("DROP TABLE sent")
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("count", [1, 2, 3, 1_000])
@pytest.mark.parametrize(
    "kinds",
    [
        (of_one_scale,),
        (whole,),
        (of_any_scale,),
        (long,),
        (odd,),
        (of_one_scale, whole),
        (of_one_scale, whole, of_any_scale, long, odd),
    ],
)
async def test_numbers_arrive_digit_by_digit(
    connection: asyncpg.Connection, kinds: tuple[Callable[[], Decimal], ...], count: int
) -> None:
    values = [CHANCE.choice(kinds)() for _ in range(count)]
    sent = await read_back(connection, "numeric", [(Decimal, values)])

    assert [(as_the_server_writes(value),) for value in values] == sent


async def test_numbers_that_come_again_are_known_and_those_that_never_do_are_no_burden(
    connection: asyncpg.Connection,
) -> None:
    write = writer_of(Decimal)
    for first in [*range(0, 12_000, 1_000), *[0] * 60, *range(0, 3_000, 1_000)]:
        values = [Decimal(number).scaleb(-3) for number in range(first, first + 1_000)]
        assert list(writer_of(Decimal)(values)[0]) == list(write(values)[0])
    column = [Decimal("1.5"), Decimal("1.50"), Decimal("1.5")] * 2_000
    sent = await read_back(connection, "numeric", [(Decimal, column)])

    assert sent == [("1.5",), ("1.50",), ("1.5",)] * 2_000


@pytest.mark.parametrize("wide", [40, 95, 96, 97, 98, 200])
async def test_numbers_of_many_widths_and_signs_are_told_apart(
    connection: asyncpg.Connection, wide: int
) -> None:
    numbers = [Decimal(f"{sign}1E-{wide - 2}") for sign in ("", "-")]
    numbers += [Decimal("9" * (wide - 20) + ".5"), Decimal(-7), Decimal("0.25"), Decimal("-0.0")]
    values = [CHANCE.choice(numbers) for _ in range(300)]
    sent = await read_back(connection, "numeric", [(Decimal, values)])

    assert [(as_the_server_writes(value),) for value in values] == sent


_KINDS: Final[Sequence[tuple[object, str, Callable[[int], object]]]] = (
    (str | None, "text", "ID-{}".format),
    (str | None, "text", lambda n: f"{n:0200}"),  # too wide to be kept
    (int | None, "bigint", lambda n: n - 10),
    (timedelta, "interval", lambda n: timedelta(days=n, microseconds=n)),
    (Decimal, "numeric", lambda n: Decimal(n).scaleb(-(n % 7))),
)


@pytest.mark.parametrize(("annotation", "kind", "value"), _KINDS)
async def test_columns_by_one_writer_are_as_by_a_new_one_whatever_came_before(
    connection: asyncpg.Connection,
    annotation: object,
    kind: str,
    value: Callable[[int], object],
) -> None:
    write = writer_of(annotation)
    absent = isinstance(annotation, UnionType)
    # All new until the writer looks no longer, then few, then new ones among known ones.
    for first in [*range(0, 12_000, 1_000), *[0] * 60, *range(500, 9_000, 700)]:
        values = [value(first + n % 900) for n in range(1_000)]
        if absent and first % 3:
            values[:: first % 7 + 1] = [None] * len(values[:: first % 7 + 1])
        assert _spread(write(values), 1_000) == _spread(writer_of(annotation)(values), 1_000)
    column = [None if absent and n % 5 == 0 else value(n % 8) for n in range(2_000)]
    sent = await read_back(connection, kind, [(annotation, column)])
    expected = await connection.fetch(
        f"SELECT t::text FROM unnest($1::{kind}[]) WITH ORDINALITY AS u (t, n) ORDER BY n", column
    )

    assert list(map(tuple, expected)) == sent


def _spread(parts: Sequence[bytes | Sequence[bytes]], count: int) -> list[bytes]:
    return [
        b"".join(fields)
        for fields in zip(
            *([part] * count if isinstance(part, bytes) else part for part in parts), strict=True
        )
    ]


@pytest.mark.parametrize(
    ("stage", "model"), [("trades", Trade), ("prices", Price)], ids=["trades", "prices"]
)
async def test_fields_are_sent_as_the_types_that_their_staging_table_has(
    connection: asyncpg.Connection, stage: str, model: type[attrs.AttrsInstance]
) -> None:
    await connection.execute((sql_folder() / stage / "stage.sql").read_text("utf-8"))
    columns = await connection.fetch(
        "SELECT attname, atttypid::regtype::text, atttypmod FROM pg_attribute "
        "WHERE attrelid = $1::text::regclass AND attnum > 0 AND attname <> 'n' ORDER BY attnum",
        f"staged_{stage}",
    )
    fields = attrs.fields(model)
    types = await connection.fetch(
        "SELECT t::regtype::text FROM unnest($1::text[]) AS t",
        [type_of(field.type) for field in fields],
    )

    assert [(field.name, name, -1) for field, (name,) in zip(fields, types, strict=True)] == list(
        map(tuple, columns)
    )


@pytest.mark.parametrize("count", [1, 8, 500])
async def test_texts_arrive_be_they_few_or_many_or_none(
    connection: asyncpg.Connection, count: int
) -> None:
    many = [f"{number}\t\\N\nπ€🦊" for number in range(count)]
    few = [many[number % 2 % count] for number in range(count)]
    some = [None if number % 3 else text for number, text in enumerate(many)]
    columns: list[Sequence[object]] = [
        many,
        few,
        ["AAPL"] * count,
        [None] * count,
        some,
        [""] * count,
    ]
    sent = await read_back(connection, "text", [(str | None, column) for column in columns])

    assert list(zip(*columns, strict=True)) == sent


@pytest.mark.parametrize("before", [False, True])
async def test_instants_arrive_to_the_microsecond(
    connection: asyncpg.Connection, *, before: bool
) -> None:
    await connection.execute("SET LOCAL TimeZone = 'UTC'")
    start = datetime(1999 if before else 2000, 1, 1, tzinfo=UTC)
    zone = timezone(timedelta(hours=-5))
    values = [start, start + timedelta(microseconds=1), NOON, NOON.astimezone(zone), DUSK]
    values += [DAWN] if before else []
    sent = await read_back(connection, "timestamptz", [(datetime, values)])
    read = [datetime.fromisoformat(str(text)) for (text,) in sent]

    assert values == read


async def test_intervals_ids_and_integers_arrive(connection: asyncpg.Connection) -> None:
    spans = [timedelta(days=-3, microseconds=1), timedelta(0), timedelta(days=40, hours=30)]
    (one,), (two,), (three,) = await read_back(connection, "interval", [(timedelta, spans)])
    assert (one, two, three) == ("-3 days +00:00:00.000001", "00:00:00", "41 days 06:00:00")

    ids = [uuid4() for _ in range(100)]
    assert [(str(key),) for key in ids] == await read_back(
        connection, "uuid", [(type(ids[0]), ids)]
    )

    whole = [None, -(2**63), 2**63 - 1, 0]
    texts = [None, *map(str, whole[1:])]
    sent = await read_back(connection, "bigint", [(int | None, whole)])
    assert [(text,) for text in texts] == sent


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("price", 1.5),
        ("price", Decimal("NaN")),
        ("executed_at", datetime(2024, 1, 1)),  # noqa: DTZ001 - it is what is wrong with it
        ("id", "no UUID"),
        ("venue", 7),
        ("user_id", "7"),
    ],
)
async def test_what_was_put_into_a_model_by_force_is_refused_by_row_and_field(
    pool: quantdb.Pool, field: str, value: object
) -> None:
    trades = [a_trade(fresh()) for _ in range(5)]
    object.__setattr__(trades[3], field, value)
    with pytest.raises(InexactValue) as caught:
        await TradeRepo(pool).insert_many(trades)

    assert (field, 4) == (caught.value.field, caught.value.row)
    assert await TradeRepo(pool).find(trades[0].id) is None
