"""Write the repository: a method or two for each statement."""

from collections.abc import Sequence

from quantdb.new.design import Design, Field, Key, Series
from quantdb.new.imports import Imports
from quantdb.new.layout import INNER, call, docstring, method, paragraph, section, signature, text
from quantdb.new.model import present
from quantdb.new.names import with_article
from quantdb.new.pages import Pages, pages

__all__ = ["repository"]


def repository(design: Design) -> str:
    """Return the module of the repository."""
    imports = Imports()
    paged = pages(design, design.key, imports) if design.key and design.pages else None
    body = [
        "\n".join(_head(design)),
        "\n".join(_queries(design)),
        *_methods(design, imports, paged),
    ]
    imports.name("pathlib", "Path")
    imports.name("typing", "Final")
    imports.name("quantdb", "Query")
    imports.name("quantdb", "Repo")
    for name in {design.model, design.new}:
        imports.name(".models", name)
    parts = [
        "\n".join(docstring(f"The {design.many} of a database.", indent="")),
        "\n".join(imports.lines()),
        call("__all__ = [", [text(design.repo)], "]"),
        f'_SQL: Final = Path(__file__).resolve().parent / "sql/{design.folder}"',
    ]
    function = f"\n\n\n{paged.function}" if paged and paged.function else ""
    return "\n\n".join(parts) + "\n\n\n" + "\n\n".join(body) + f"{function}\n"


def _head(design: Design) -> list[str]:
    said = f"The {design.many} of a database."
    more: list[str] = []
    if design.series is not None:
        at = design.series.time.name
        more = paragraph(
            f"Spans of time are half-open, ``[start, end)``, by {at}; lists of a span are oldest "
            "first.",
            "    ",
        )
    return [
        f"class {design.repo}(Repo):",
        *docstring(said, *([more] if more else [])),
        "",
        "    __slots__ = ()",
    ]


def _queries(design: Design) -> list[str]:
    names = ["insert"]
    if design.key is not None:
        names += ["get", *(["first_page", "page"] if design.pages else [])]
    if design.series is not None:
        names += ["between", "latest"]
    return [
        call(f"_{name} = Query(", [f'_SQL / "{name}.sql"', design.model], ")", "    ")
        for name in sorted(names)
    ]


def _methods(design: Design, imports: Imports, paged: Pages | None) -> list[str]:
    methods = [_insert(design, imports)]
    if design.key is not None:
        methods += [_get(design, design.key, imports), _find(design, design.key, imports)]
    if paged is not None:
        methods.append(paged.method)
    if design.series is not None:
        methods += [
            _between(design, design.series, imports),
            _latest(design, design.series, imports),
        ]
    return methods


def _insert(design: Design, imports: Imports) -> str:
    given = "new" if design.new != design.model else design.variable
    head = signature("insert", [f"{given}: {design.new}"], design.model)
    conflict = _conflict(design)
    raises = {"Conflict": conflict} if conflict else {}
    raises["InexactValue"] = "The database changed a value; nothing is stored."
    store = "return await self._insert.store("
    if not design.repeatable or design.key is None:
        adds = "" if design.new == design.model else " with what the database adds"
        body = [call(store, ["self.db", given], ")", INNER)]
        said = f"Store {design.a_row} and return it as stored{adds}."
        return method(head, said, section("Raises", raises), body=body)
    imports.name("quantdb", "Conflict")
    imports.name("quantdb", "NotFound")
    raises["NotFound"] = f"The {design.one} that held its key was deleted meanwhile."
    keys = [f"{given}.{field.name}" for field in design.key.fields]
    return method(
        head,
        f"Store {design.a_row} and return it as stored; to insert it again changes nothing.",
        section("Raises", raises),
        body=[
            f"{INNER}try:",
            call(store, ["self.db", given], ")", INNER + "    "),
            f"{INNER}except NotFound:  # its key is taken, perhaps by itself",
            call("stored = await self.get(", keys, ")", INNER + "    "),
            *_compared(design, given, imports),
            call(
                "raise Conflict(",
                [text(f"another {design.one} has that key"), text(design.key.index)],
                ")",
                INNER + "    ",
            ),
            f"{INNER}return stored",
        ],
    )


def _compared(design: Design, given: str, imports: Imports) -> list[str]:
    """Return the lines that ask whether what is stored is not what is given."""
    if design.new == design.model:
        return [f"{INNER}if stored != {given}:"]
    imports.module("attrs")
    return [
        f"{INNER}sent = attrs.asdict({given}, recurse=False)",
        f"{INNER}if not sent.items() <= attrs.asdict(stored, recurse=False).items():",
    ]


def _conflict(design: Design) -> str:
    """Say which unique constraints may refuse a row; empty if there is none."""
    names = [index.name for index in design.table.indexes if index.unique]
    names += [each.name for each in design.table.of_kind("exclude")]
    if not names:
        return ""
    shown = " or ".join(f"``{name}``" for name in dict.fromkeys(names))
    return f"Another {design.one} is in its way ({shown})."


def _parameters(design: Design, fields: Sequence[Field], imports: Imports) -> list[str]:
    return [f"{field.name}: {present(design, field, imports)}" for field in fields]


def _names(fields: Sequence[Field]) -> list[str]:
    return [field.name for field in fields]


def _get(design: Design, key: Key, imports: Imports) -> str:
    _import_choices(design, key.fields, imports)
    return method(
        signature("get", _parameters(design, key.fields, imports), design.model),
        f"Return the {design.one} with that {design.that}.",
        section("Raises", {"NotFound": "There is none."}),
        body=[call("return await self._get.one(", ["self.db", *_names(key.fields)], ")", INNER)],
    )


def _find(design: Design, key: Key, imports: Imports) -> str:
    returned = f"{design.model} | None"
    return method(
        signature("find", _parameters(design, key.fields, imports), returned),
        f"Return the {design.one} with that {design.that}, or None.",
        body=[
            call(
                "return await self._get.find(",
                ["self.db", *_names(key.fields), 'method="find"'],
                ")",
                INNER,
            )
        ],
    )


def _import_choices(design: Design, fields: Sequence[Field], imports: Imports) -> None:
    for field in fields:
        for choice in design.choices.values():
            if choice.name in present(design, field, Imports()).replace("[", " ").split():
                imports.name(".models", choice.name)


def _times(design: Design, series: Series, imports: Imports) -> list[str]:
    hint = present(design, series.time, imports)
    return [f"start: {hint}", f"end: {hint}"]


def _between(design: Design, series: Series, imports: Imports) -> str:
    _import_choices(design, series.of, imports)
    fixed = _parameters(design, series.of, imports)
    returned = f"list[{design.model}]"
    given = ["self.db", *_names(series.of), "start", "end"]
    return method(
        signature("between", [*fixed, *_times(design, series, imports)], returned),
        f"Return the {design.many}{_of(series)} in ``[start, end)``.",
        body=[call("return await self._between.all(", given, ")", INNER)],
    )


def _of(series: Series) -> str:
    names = _names(series.of)
    return f" of {with_article(' and '.join(names))}" if names else ""


def _latest(design: Design, series: Series, imports: Imports) -> str:
    imports.name("quantdb.paging", "as_limit")
    fixed = _parameters(design, series.of, imports)
    given = ["self.db", *_names(series.of), "as_limit(limit)"]
    return method(
        signature("latest", [*fixed, "limit: int = 1"], f"list[{design.model}]"),
        f"Return the last *limit* {design.many}{_of(series)}, newest first.",
        body=[call("return await self._latest.all(", given, ")", INNER)],
    )
