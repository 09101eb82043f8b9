"""Write the test: a row goes in, comes back the same and is found."""

from collections.abc import Sequence
from typing import Final

from quantdb.exact import is_items
from quantdb.new.annotations import bare
from quantdb.new.design import Design, Field
from quantdb.new.imports import Imports
from quantdb.new.layout import call, docstring, fits, text, width
from quantdb.new.rows import Row
from quantdb.new.samples import OfServer
from quantdb.new.source import source

__all__ = ["trial"]

_INNER: Final = " " * 4
_LONGEST: Final = 40


def trial(design: Design, row: Row) -> str:
    """Return the module of the test."""
    imports = Imports()
    imports.name("pathlib", "Path")
    imports.module("pytest")
    imports.module("quantdb")
    imports.name(f"{design.package}.models", design.new)
    imports.name(f"{design.package}.repos", design.repo)
    body = [
        *_apart(design),
        "await quantdb.migrate(quantdb_connection, SCHEMA, set_name=SET)",
        f"repo = {design.repo}(quantdb_connection)",
        *_made(design, row, imports),
        "",
        "stored = await repo.insert(row)",
        "",
        *_asserted(design, imports),
    ]
    marks = [*_skipped(row), "@pytest.mark.asyncio"]
    parts = [
        "\n".join(
            docstring(f"What goes into ``{_shown(design)}`` comes back the same.", indent="")
        ),
        "\n".join(imports.lines()),
        "\n".join(
            [
                'pytest_plugins = ["quantdb.testing"]',
                "",
                f'SCHEMA = Path(__file__).parents[1] / "{design.path}/sql/schema"',
                f"SET = {text(design.package)}",
            ]
        ),
    ]
    function = [
        *marks,
        call(
            "async def test_a_row_goes_in_comes_back_the_same_and_is_found(",
            ["quantdb_connection: quantdb.Connection"],
            ") -> None:",
        ),
        *(f"{_INNER}{line}" if line else "" for each in body for line in each.split("\n")),
    ]
    return "\n\n".join(parts) + "\n\n\n" + "\n".join(function) + "\n"


_OURS: Final = frozenset({"prices", "trades", "users"})


def _apart(design: Design) -> list[str]:
    """Return what keeps a table apart from the one of that name that quantdb itself has."""
    if design.table.schema != "public" or design.table.name not in _OURS:
        return []
    return [
        "# quantdb has a table of that name, too.",
        'await quantdb_connection.execute("CREATE SCHEMA apart")',
        'await quantdb_connection.execute("SET LOCAL search_path = apart, public")',
    ]


def _shown(design: Design) -> str:
    return " ".join(design.relation.split())


def _skipped(row: Row) -> list[str]:
    if not row.refused:
        return []
    reason = text(f"no row was found that is taken: {', '.join(row.refused)}")
    line = f"@pytest.mark.skip(reason={reason})"
    return [line if fits(line) else '@pytest.mark.skip(reason="no row was found that is taken")']


def _made(design: Design, row: Row, imports: Imports) -> list[str]:
    """Return the statement that makes the row."""
    items = [_value(field, row.values[field.column.name], imports) for field in design.sent]
    named = [f"{field.name}={item}" for field, item in zip(design.sent, items, strict=True)]
    if not all(fits(f"{_INNER * 2}{each},") for each in named):
        named = items
    lines = _call(f"row = {design.new}(", named).split("\n")
    if any("await made(" in line for line in lines):
        lines.insert(0, "made = quantdb_connection.fetchval")
    return lines


def _value(field: Field, value: object, imports: Imports) -> str:
    kind = bare(field.column.type)
    if isinstance(value, OfServer):
        return _of_server(value)
    if kind.kind == "array" and is_items(value):
        return f"[{', '.join(_element(each, imports) for each in value)}]"
    return _element(value, imports)


def _element(value: object, imports: Imports) -> str:
    if isinstance(value, OfServer):
        return _of_server(value)
    if isinstance(value, str) and width(value) > _LONGEST and len(set(value)) == 1:
        return f"{text(value[0])} * {len(value)}"
    return source(value, imports) or "None"


def _of_server(value: OfServer) -> str:
    literal = value.text.replace("'", "''")
    statement = text(f"SELECT '{literal}'::{value.sql_type}")
    return f"await made({statement})"


def _asserted(design: Design, imports: Imports) -> list[str]:
    lines = _same(design, imports)
    if design.key is not None:
        keys = [f"stored.{field.name}" for field in design.key.fields]
        lines += [_call("got = await repo.get(", keys), "assert got == stored"]
        lines += [_call("found = await repo.find(", keys), "assert found == stored"]
        if design.pages:
            lines += ["page = await repo.page()", "assert stored in page.items"]
    if design.series is not None:
        fixed = [f"stored.{field.name}" for field in design.series.of]
        end = f"start + {imports.name('datetime', 'timedelta')}(days=1)"
        lines += [_call("latest = await repo.latest(", fixed), "assert stored in latest"]
        lines.append(f"start = stored.{design.series.time.name}")
        lines.append(_call("span = await repo.between(", [*fixed, "start", end]))
        lines.append("assert stored in span")
    if design.repeatable:
        lines += ["again = await repo.insert(row)", "assert again == stored"]
    return [line for each in lines for line in each.split("\n")]


def _call(head: str, items: Sequence[str]) -> str:
    """Return a call as it stands in the test, but for the indentation of that."""
    lines = call(head, items, ")", _INNER).split("\n")
    return "\n".join(line.removeprefix(_INNER) for line in lines)


def _same(design: Design, imports: Imports) -> list[str]:
    if design.new == design.model:
        return ["assert stored == row"]
    imports.module("attrs")
    return [
        "sent = attrs.asdict(row, recurse=False)",
        "assert sent.items() <= attrs.asdict(stored, recurse=False).items()",
    ]
