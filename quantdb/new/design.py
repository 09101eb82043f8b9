"""What is to be written for a table."""

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from quantdb.new.annotations import Choice, bare
from quantdb.new.names import folder_name, is_field, module_name, quoted, snake, with_article
from quantdb.new.table import Column, Table

__all__ = ["Design", "Field", "Key", "Series"]


@attrs.frozen
class Field:
    """A field of a model, and its column.

    Attributes:
        name: What it is called.
        column: The column.
        server: Whether the database makes its value: an insert does not send it.
    """

    name: str
    column: Column
    server: bool


@attrs.frozen
class Key:
    """What tells a row from all others.

    Attributes:
        fields: In the order of its index.
        index: The index.
        primary: Whether it is the primary key.
        settles: Whether an insert can leave it to the database to skip a row that has it.
    """

    fields: Sequence[Field]
    index: str
    primary: bool
    settles: bool


@attrs.frozen
class Series:
    """An index in whose order rows are a series of time.

    Attributes:
        index: The index.
        of: What is fixed: the symbol of prices, say.
        time: The time.
        order: By what rows are ordered: the time first, and then until no two are alike.
        whole: Whether the index gives all of that order.
    """

    index: str
    of: Sequence[Field]
    time: Field
    order: Sequence[Field]
    whole: bool


@attrs.frozen
class Design:
    """What is to be written.

    Attributes:
        table: The table.
        package: The package; with dots if it is in others.
        folder: Of the statements, in the package's ``sql``.
        model: The class of a row that is stored.
        fields: In the order of the columns.
        choices: The texts that columns and enums may hold, by column or ``schema.name``.
        key: None if the table has none.
        series: None if no index gives one.
    """

    table: Table
    package: str
    folder: str
    model: str
    fields: Sequence[Field]
    choices: Mapping[str, Choice]
    key: Key | None
    series: Series | None

    @property
    def sent(self) -> Sequence[Field]:
        """What an insert sends."""
        return [field for field in self.fields if not field.server]

    @property
    def new(self) -> str:
        """The class of a row that is not stored yet; the same if the database adds nothing."""
        return self.model if len(self.sent) == len(self.fields) else f"New{self.model}"

    @property
    def repo(self) -> str:
        """The class of the repository."""
        return f"{self.model}Repo"

    @property
    def test(self) -> str:
        """The module of the test: called as the table, or as a package of another name."""
        usual = self.package == module_name(self.table.name)
        return f"test_{self.folder if usual else self.package.replace('.', '_')}"

    @property
    def path(self) -> str:
        """The folder of the package."""
        return self.package.replace(".", "/")

    @property
    def one(self) -> str:
        """What a row is called in a sentence."""
        return snake(self.model).replace("_", " ") or "row"

    @property
    def a_row(self) -> str:
        """A row with its article."""
        return with_article(self.one)

    @property
    def that(self) -> str:
        """What the key is called in a sentence."""
        names = [field.name for field in self.key.fields] if self.key else []
        return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))

    @property
    def many(self) -> str:
        """What several rows are called in a sentence."""
        several = folder_name(self.table.name).replace("_", " ")
        return several if several and several != self.one else f"{self.one} rows"

    @property
    def variable(self) -> str:
        """What a row is called in a method."""
        name = snake(self.model)
        return name if is_field(name) and name != "stored" else "row"

    @property
    def repeatable(self) -> bool:
        """Whether to insert a row again changes nothing: its key is its sender's."""
        return (
            self.key is not None
            and self.key.settles
            and not any(field.server for field in self.key.fields)
        )

    @property
    def pages(self) -> bool:
        """Whether there are pages by key: text can stand for each of its values."""
        return self.key is not None and all(_has_text(field.column) for field in self.key.fields)

    def quoted(self, name: str) -> str:
        """Return a name as a statement has it."""
        return quoted(name, self.table.reserved)

    @property
    def relation(self) -> str:
        """The table as a statement has it."""
        name = self.quoted(self.table.name)
        schema = self.table.schema
        return name if schema == "public" else f"{self.quoted(schema)}.{name}"


_IN_CURSORS: Final = frozenset(
    {
        "bpchar", "date", "int2", "int4", "int8", "interval", "name", "numeric", "text", "time",
        "timestamp", "timestamptz", "uuid", "varchar",
    }
)  # fmt: skip


def _has_text(column: Column) -> bool:
    """Tell whether text can stand for each value in a cursor."""
    kind = bare(column.type)
    return kind.kind == "enum" or (kind.schema == "pg_catalog" and kind.name in _IN_CURSORS)
