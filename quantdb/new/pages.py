"""Write what gives pages by key, and the cursors between them."""

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from quantdb.new.annotations import bare
from quantdb.new.design import Design, Field, Key
from quantdb.new.imports import Imports
from quantdb.new.layout import INNER, call, fits, method, section, signature, text

__all__ = ["Pages", "pages"]


@attrs.frozen
class _Form:
    """How a key goes into a cursor, which is text, and comes out of it again.

    Attributes:
        seal: The text of a value.
        opened: The value of a text.
        names: What these need, by module.
    """

    seal: str = "{}"
    opened: str = "{}"
    names: Sequence[tuple[str, str]] = ()


_TEXT: Final = _Form()
_INT: Final = _Form("str({})", "as_id({})", [("quantdb.paging", "as_id")])
_AS_INSTANT: Final = ("quantdb.paging", "as_instant")
_FORMS: Final[Mapping[str, _Form]] = {
    **dict.fromkeys(["bpchar", "name", "text", "varchar"], _TEXT),
    **dict.fromkeys(["int2", "int4", "int8"], _INT),
    "date": _Form('f"{{{}.isoformat()}}T00Z"', "as_instant({}).date()", [_AS_INSTANT]),
    "interval": _Form(
        "str({} // timedelta(microseconds=1))",
        "timedelta(microseconds=as_id({}))",
        [("quantdb.paging", "as_id"), ("datetime", "timedelta")],
    ),
    "numeric": _Form("str({})", "Decimal({})", [("decimal", "Decimal")]),
    "time": _Form('f"2000-01-01T{{{}.isoformat()}}Z"', "as_instant({}).time()", [_AS_INSTANT]),
    "timestamp": _Form(
        "{}.replace(tzinfo=UTC).isoformat()",
        "as_instant({}).replace(tzinfo=None)",
        [_AS_INSTANT, ("datetime", "UTC")],
    ),
    "timestamptz": _Form("{}.isoformat()", "as_instant({})", [_AS_INSTANT]),
    "uuid": _Form("str({})", "as_uuid({})", [("quantdb.paging", "as_uuid")]),
}


@attrs.frozen
class Pages:
    """What gives pages.

    Attributes:
        method: The method.
        function: The function beside the class that makes a cursor, if that is no line.
    """

    method: str
    function: str


def pages(design: Design, key: Key, imports: Imports) -> Pages:
    """Return what gives pages by key."""
    for name in ("as_limit", "opened", "paged", "sealed"):
        imports.name("quantdb.paging", name)
    imports.name("quantdb", "Page")
    forms = [_form(field, imports) for field in key.fields]
    seals = [
        text(design.folder),
        *(
            form.seal.format(f"row.{field.name}")
            for field, form in zip(key.fields, forms, strict=True)
        ),
    ]
    inline = f"{INNER}return paged(rows, size, lambda row: sealed({', '.join(seals)}))"
    if fits(inline):
        return Pages(_method(design, key, forms, inline), "")
    function = [
        f"def _cursor(row: {design.model}) -> str:",
        call("return sealed(", seals, ")", "    "),
    ]
    returned = f"{INNER}return paged(rows, size, _cursor)"
    return Pages(_method(design, key, forms, returned), "\n".join(function))


def _form(field: Field, imports: Imports) -> _Form:
    kind = bare(field.column.type)
    form = _FORMS["text" if kind.kind == "enum" else kind.name]
    for module, name in form.names:
        imports.name(module, name)
    return form


def _method(design: Design, key: Key, forms: Sequence[_Form], returned: str) -> str:
    by = design.that if len(key.fields) == 1 else "key"
    inner = INNER + "    "
    opened = [form.opened.format(f"keys[{number}]") for number, form in enumerate(forms)]
    return method(
        signature(
            "page", ["limit: int = 100", "after: str | None = None"], f"Page[{design.model}]"
        ),
        f"Return at most *limit* {design.many} that come after a cursor, by {by}.",
        section(
            "Args",
            {
                "limit": f"Most {design.many} on the page, from 1.",
                "after": "``next`` of the page before; None for the first page.",
            },
        ),
        body=[
            f"{INNER}size = as_limit(limit)",
            f"{INNER}if after is None:",
            f"{inner}rows = await self._first_page.all(self.db, size + 1)",
            f"{INNER}else:",
            f"{inner}keys = opened(after, {text(design.folder)}, keys={len(key.fields)})",
            call("rows = await self._page.all(", ["self.db", *opened, "size + 1"], ")", inner),
            returned,
        ],
    )
