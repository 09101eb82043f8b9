"""Write the migration: the table as it is, made again."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from quantdb.new.design import Design
from quantdb.new.hazards import hazards
from quantdb.new.layout import listed, plain
from quantdb.new.making import made_type, only_partition, quoted_text
from quantdb.new.table import Column, Constraint, Index, MadeType

__all__ = ["Migration", "migration"]

_COLLATIONS: Final = frozenset({"C", "POSIX", "ucs_basic"})
"""Those that every server has."""

_LANGUAGES: Final = frozenset({"plpgsql", "sql"})
_SCHEMA: Final = re.compile(r'("(?:[^"]|"")+"|[^".]+)\.')
_UUID: Final = re.compile(r"(?:\w+\.)?uuid_generate_v4\(\)")


@attrs.frozen
class Migration:
    """A migration.

    Attributes:
        text: The file.
        left_out: What of the table is not in it, each in a few words.
        lacking: Columns that the server cannot fill without what is left out.
    """

    text: str
    left_out: Sequence[str]
    lacking: Sequence[str]


def migration(design: Design) -> Migration:
    """Return the migration that makes a table, where it is not there already."""
    return _Writer(design).written()


class _Writer:
    """Writes a migration and notes what is left out."""

    def __init__(self, design: Design) -> None:
        self._design = design
        self._table = design.table
        # Not every server has an extension to make; what a type needs must be there all the same.
        self._made_extensions = {made.extension for made in design.table.types if made.extension}
        self._left_out: list[str] = []
        self._lacking: list[str] = []

    def written(self) -> Migration:
        """Return the migration."""
        statements = [
            *self._schemas(),
            *self._extensions(),
            *self._functions(in_types=True),
            *(self._type(made) for made in self._table.types if not made.extension),
            *self._functions(in_types=False),
            *self._sequences(),
            self._made(),
            *self._partition(),
            *self._indexes(),
            *self._comments(),
        ]
        self._note_the_rest()
        text = "\n\n".join(["\n".join(self._header()), *statements]) + "\n"
        return Migration(text, self._left_out, self._lacking)

    def _header(self) -> list[str]:
        said = (
            f"The table {plain(self._design.relation)} as the catalogue has it, to make it where "
            "it is not there; elsewhere this changes nothing."
        )
        lines = listed(said.split(" "), before="-- ", comma="")
        for each in self._left_out:
            lines += listed(f"Left out: {plain(each)}.".split(" "), before="-- ", comma="")
        allowed = hazards(self._table)
        if allowed:
            lines += [
                "-- The table is kept as it is, whatever quantdb check would advise:",
                *(f"-- allow: {rule}" for rule in allowed),
            ]
        return lines

    def _schemas(self) -> list[str]:
        names = [self._table.schema, *(made.schema for made in self._table.types)]
        names += [each.schema for each in self._table.functions.values()]
        others = {self._design.quoted(name) for name in {*names} - {"public", "pg_catalog"}}
        qualified = [_SCHEMA.match(column.sequence or "") for column in self._table.columns]
        others |= {match[1] for match in qualified if match}
        return [f"CREATE SCHEMA IF NOT EXISTS {name};" for name in sorted(others)]

    def _extensions(self) -> list[str]:
        names = map(self._design.quoted, sorted(self._made_extensions))
        return [f"CREATE EXTENSION IF NOT EXISTS {name};" for name in names]

    def _functions(self, *, in_types: bool) -> list[str]:
        """Return the functions that domains call, or the others: those may take what is made."""
        by_types = {oid for made in self._table.types for oid in made.functions}
        found = [
            each
            for each in self._table.functions.values()
            if not each.extension and self._has([each.oid]) and (each.oid in by_types) is in_types
        ]
        if not found:
            return []
        # What a body names may be made further down, or not at all.
        return [
            "SET LOCAL check_function_bodies = off;",
            *(f"{each.definition.strip()};" for each in found),
        ]

    def _has(self, functions: Iterable[int]) -> bool:
        """Tell whether each of these functions is PostgreSQL's own, or comes with what is made."""
        known = [self._table.functions[oid] for oid in functions if oid in self._table.functions]
        return all(
            each.extension in self._made_extensions
            if each.extension
            else each.language in _LANGUAGES
            for each in known
        )

    def _type(self, made: MadeType) -> str:
        whole = self._has(made.functions)
        if not whole:
            self._left_out.append(f"the checks of the domain {made.sql_name}")
        return made_type(made, whole=whole)

    def _sequences(self) -> list[str]:
        names = [column.sequence for column in self._table.columns]
        return [
            f"CREATE SEQUENCE IF NOT EXISTS {name};"
            for name in dict.fromkeys(names)
            if name is not None
        ]

    def _made(self) -> str:
        items = [(self._column(column), "") for column in self._table.columns]
        items += [self._constraint(each) for each in self._table.constraints]
        last = max(n for n, (text, _why) in enumerate(items) if text)
        lines: list[str] = []
        for number, (text, instead) in enumerate(items):
            if text:  # a text or a name in it may hold a line break, so that none may be indented
                lines.append(f"{text}{',' if number < last else ''}")
            else:
                lines += [f"-- {line}" for line in instead.split("\n")]
        kind = "UNLOGGED TABLE" if self._table.unlogged else "TABLE"
        key = self._table.partition_key
        end = f") PARTITION BY {key};" if key else ");"
        head = f"CREATE {kind} IF NOT EXISTS {self._design.relation} ("
        return "\n".join([head, *(f"    {line}" for line in lines), end])

    def _column(self, column: Column) -> str:
        parts = [self._design.quoted(column.name), column.sql_type]
        if column.collation in _COLLATIONS:
            parts.append(f'COLLATE "{column.collation}"')
        elif column.collation is not None:
            self._left_out.append(f"the collation {column.collation} of {column.name}")
        match column.made:
            case "identity":
                when = "ALWAYS" if column.always else "BY DEFAULT"
                parts.append(f"GENERATED {when} AS IDENTITY")
            case "generated":
                parts += self._generated(column)
            case _:
                parts += self._default(column)
        return " ".join([*parts, *(["NOT NULL"] if column.not_null else [])])

    def _generated(self, column: Column) -> list[str]:
        if not self._has(column.functions):
            self._leave_out(column, f"what {column.name} is generated from")
            return []
        kept = "STORED" if column.kept else "VIRTUAL"
        return [f"GENERATED ALWAYS AS ({column.expression}) {kept}"]

    def _default(self, column: Column) -> list[str]:
        if column.expression is None:
            return []
        if self._has(column.functions):
            return [f"DEFAULT {column.expression}"]
        if _UUID.fullmatch(column.expression):  # of an extension; this is PostgreSQL's own
            return ["DEFAULT gen_random_uuid()"]
        self._leave_out(column, f"the default of {column.name}, {column.expression}")
        return []

    def _leave_out(self, column: Column, what: str) -> None:
        self._left_out.append(f"{what}, for a function that is not to be had here")
        if not column.nullable:
            self._lacking.append(column.name)

    def _constraint(self, each: Constraint) -> tuple[str, str]:
        """Return a constraint, or else what stands in its place as a comment."""
        name = self._design.quoted(each.name)
        text = f"CONSTRAINT {name} {each.definition.removesuffix(' NOT VALID')}"
        extension = self._extension_of(each)
        if each.kind == "foreign key":
            self._left_out.append(f"the foreign key {each.name}, so that a row can stand alone")
        elif extension:
            self._left_out.append(f"the constraint {each.name}, for the extension {extension}")
        elif not self._has(each.functions):
            self._left_out.append(f"the constraint {each.name}, for a function that it calls")
        else:
            return text, ""
        return "", text

    def _extension_of(self, each: Constraint) -> str | None:
        if each.kind == "foreign key":
            return None
        found = [index for index in self._table.indexes if index.name == each.index]
        return self._missing(found[0]) if found else None

    def _missing(self, index: Index) -> str | None:
        """Return the extension that an index needs and that is not made."""
        return index.extension if index.extension not in self._made_extensions else None

    def _partition(self) -> list[str]:
        key = self._table.partition_key
        if not key:
            return []
        self._left_out.append("the partitions, for which one stands in")
        schema, rest = self._table.schema, f"{self._table.name[:50]}_rest"
        names = [rest] if schema == "public" else [schema, rest]
        return [
            only_partition(self._design.relation, ".".join(map(self._design.quoted, names)), key)
        ]

    def _indexes(self) -> list[str]:
        own = [index for index in self._table.indexes if not index.of_constraint]
        return [text for index in own for text in self._index(index)]

    def _index(self, index: Index) -> list[str]:
        missing = self._missing(index)
        if missing:
            self._left_out.append(f"the index {index.name}, for the extension {missing}")
        elif not self._has(index.functions):
            self._left_out.append(f"the index {index.name}, for a function that it calls")
        elif not index.valid and not self._table.partition_key:
            self._left_out.append(f"the index {index.name}, which is not valid")
        else:
            kind = "UNIQUE INDEX" if index.unique else "INDEX"
            name = self._design.quoted(index.name)
            using = index.definition.index(" USING ", len(f"CREATE {kind} {name} ON "))
            head = f"CREATE {kind} IF NOT EXISTS {name} ON {self._design.relation}"
            return [f"{head}{index.definition[using:]};"]
        return []

    def _comments(self) -> list[str]:
        table = self._design.relation
        comments = [("TABLE", table, self._table.comment)]
        for column in self._table.columns:
            name = f"{table}.{self._design.quoted(column.name)}"
            comments.append(("COLUMN", name, column.comment))
        lines = [
            f"COMMENT ON {kind} {name} IS {quoted_text(said)};"
            for kind, name, said in comments
            if said
        ]
        return ["\n".join(lines)] if lines else []

    def _note_the_rest(self) -> None:
        table = self._table
        if table.parents:
            parents = ", ".join(table.parents)
            self._left_out.append(f"that it inherits from {parents}: it has their columns itself")
        for what, names in (("trigger", table.triggers), ("rule", table.rules)):
            self._left_out += [f"the {what} {name}" for name in names]
        if table.row_security:
            self._left_out.append("row security")
