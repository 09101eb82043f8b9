"""Write the models: what a row is, and what it is before it is stored."""

from collections.abc import Mapping, Sequence
from typing import Final

from quantdb.new.annotations import Choice, annotation, bare, remark
from quantdb.new.design import Design, Field
from quantdb.new.imports import Imports
from quantdb.new.layout import call, docstring, fits, paragraph, plain, text
from quantdb.new.source import source

__all__ = ["models", "present"]

_INNER: Final = {"dict": ["str", "object"], "list": ["object"]}
_NUMBERS: Final = frozenset({"float4", "float8", "int2", "int4", "int8", "numeric"})


def models(design: Design, defaults: Mapping[str, object]) -> str:
    """Return the module of the models.

    Args:
        design: What is written.
        defaults: The values of the defaults that are the same for every row, by column.
    """
    imports = Imports(taken=[field.name for field in design.fields])
    imports.module("attrs")
    classes = [_class(design, design.new, design.sent, imports, defaults)]
    if design.new != design.model:
        classes.append(_class(design, design.model, design.fields, imports, {}))
    named = [_choice(choice, imports) for choice in design.choices.values()]
    names = [choice.name for choice in design.choices.values()]
    listed = [text(name) for name in sorted({*names, design.new, design.model})]
    parts = [
        "\n".join(docstring(f"What is stored in {_table(design)}.", indent="")),
        "\n".join(imports.lines()),
        call("__all__ = [", listed, "]"),
        *(["\n".join(named)] if named else []),
    ]
    return "\n\n".join(parts) + "".join(f"\n\n\n{each}" for each in classes) + "\n"


def present(design: Design, field: Field, imports: Imports) -> str:
    """Return the annotation of a field's values that are not None."""
    return annotation(field.column.type, imports, design.choices, field.column.name)


def _annotated(design: Design, field: Field, imports: Imports) -> str:
    given = present(design, field, imports)
    return f"{given} | None" if field.column.nullable and given != "object" else given


def _choice(choice: Choice, imports: Imports) -> str:
    head = f"{choice.name} = {imports.name('typing', 'Literal')}["
    return call(head, [text(label) for label in choice.labels], "]")


def _class(
    design: Design,
    name: str,
    fields: Sequence[Field],
    imports: Imports,
    defaults: Mapping[str, object],
) -> str:
    given = _defaults(design, imports, defaults) if name == design.new else {}
    lines = ["@attrs.frozen", f"class {name}:", *_docstring(design, name, fields, given)]
    if fields:
        lines.append("")
    for field in fields:
        hint = _annotated(design, field, imports)
        default = f" = {given[field.name]}" if field.name in given else ""
        line = f"    {field.name}: {hint}{default}"
        lines.append(line if fits(line) else f"    {field.name}: (\n        {hint}\n    ){default}")
    return "\n".join(lines)


def _defaults(design: Design, imports: Imports, defaults: Mapping[str, object]) -> dict[str, str]:
    """Return the defaults of the fields behind the last one that has none."""
    given: dict[str, str] = {}
    for field in reversed(design.sent):
        trial = imports.alike()
        hint = _annotated(design, field, trial)
        default = _default_of(design, field, trial, defaults)
        long = default != "None" and not fits(f"    {field.name}: {hint} = {default}")
        if default is None or long:
            break
        given[field.name] = _default_of(design, field, imports, defaults) or default
    return given


def _default_of(
    design: Design, field: Field, imports: Imports, defaults: Mapping[str, object]
) -> str | None:
    column = field.column
    if column.name in defaults:
        return _default(design, field, defaults[column.name], imports)
    if column.expression is None or column.expression.startswith("NULL"):
        return "None" if column.nullable else None
    return None


def _default(design: Design, field: Field, value: object, imports: Imports) -> str | None:
    if type(value) not in {list, dict}:
        return source(value, imports)
    if value not in ([], {}):
        return None  # each row would share it
    made = present(design, field, imports)
    if bare(field.column.type).kind != "array":
        name = type(value).__name__
        inner = ", ".join(imports.name("builtins", each) for each in _INNER[name])
        made = f"{imports.name('builtins', name)}[{inner}]"
    return f"{imports.attribute('attrs', 'field')}(factory={made})"


def _docstring(
    design: Design, name: str, fields: Sequence[Field], given: Mapping[str, str]
) -> list[str]:
    stored = name == design.model
    kind = "A row of" if stored else "A row that is not stored yet, for"
    paragraphs: list[list[str]] = []
    if design.table.comment and stored:
        paragraphs.append(paragraph(plain(design.table.comment), "    "))
    if not stored:
        made = [field for field in design.fields if field.server]
        could = [field.name for field in made if not field.column.always]
        said = f"The database makes {_enumerated([field.name for field in made])}."
        more = f" To send {_enumerated(could)}, make a field of it here." if could else ""
        paragraphs.append(paragraph(said + more, "    "))
    attributes = ["    Attributes:"]
    for field in fields:
        attributes += paragraph(
            f"{field.name}: {_said(design, name, field, given)}", " " * 8, " " * 4
        )
    return docstring(f"{kind} {_table(design)}.", *paragraphs, *([attributes] if fields else []))


def _table(design: Design) -> str:
    return f"``{plain(design.relation)}``"


def _enumerated(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _said(design: Design, model: str, field: Field, given: Mapping[str, str]) -> str:
    """Return what there is to say of a field: the comment of its column, and what is known."""
    column, kind = field.column, bare(field.column.type)
    comment = plain(column.comment or "")
    known = [] if comment else [f"``{plain(column.sql_type)}``"]
    if column.name != field.name:
        known.append(f"the column {plain(column.name)}")
    if field.server:
        known.append("made by the database")
    elif column.expression is not None and model == design.new and field.name not in given:
        known.append(f"by default {plain(column.expression)} in the database")
    if kind.name == "numeric" and "(" in column.sql_type:
        known.append("what that would round is refused")
    known += filter(None, [remark(column.type)])
    if not comment and _is_measured(design, field):
        known.append("unit unknown")
    facts = "; ".join(known)
    sentences = [comment, f"{facts[:1].upper()}{facts[1:]}"]
    return " ".join(each if each[-1] in ".!?…" else f"{each}." for each in sentences if each)


def _is_measured(design: Design, field: Field) -> bool:
    """Tell whether a field is a number that has a unit: no key, and no number of something else."""
    keys = design.key.fields if design.key else ()
    refers = [name for each in design.table.of_kind("foreign key") for name in each.columns]
    named = field.name == "id" or field.name.endswith("_id")
    counted = named or field.server or field in keys or field.column.name in refers
    return bare(field.column.type).name in _NUMBERS and not counted
