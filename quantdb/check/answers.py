"""What a server says of one statement, in the state of the database that it is to find."""

from collections.abc import Sequence
from typing import Final

import asyncpg
import attrs

from quantdb.check import places
from quantdb.check.choices import with_choices
from quantdb.check.explained import explained
from quantdb.check.facts import Column, PgType, StatementFacts
from quantdb.check.folder import StatementFile
from quantdb.check.hazards import Statement, hazards
from quantdb.check.nullable import Analysis, analysed
from quantdb.check.plans import unkept
from quantdb.check.problems import Problem, Rule
from quantdb.check.promises import cardinality, decided
from quantdb.check.refusals import REFUSED, is_consequence, refusal, with_suggestion
from quantdb.check.savepoints import forgotten
from quantdb.check.schemas import Schema
from quantdb.check.source import Source
from quantdb.check.tree import Node, walk
from quantdb.check.types import described
from quantdb.check.utilities import tried
from quantdb.check.writes import rounded
from quantdb.database import Connection
from quantdb.sqlfile import SqlFile

__all__ = ["Asking", "refused"]

_PLANNED: Final = frozenset(
    {"", "select", "insert", "update", "delete", "merge", "values", "with", "table"}
)
# Functions of pg_proc: float4(numeric) and float8(numeric); numeric(float4) and numeric(float8).
_NUMERIC_TO_FLOAT: Final = frozenset({1745, 1746})
_FLOAT_TO_NUMERIC: Final = frozenset({1742, 1743})
_UNASKED: Final = 2  # CoercionForm: nobody wrote that cast
_VARIABLE: Final = frozenset({"AGGREF", "PARAM", "SUBLINK", "VAR", "WINDOWFUNC"})
# What the planner says whatever the arguments are: that ON CONFLICT has no key, that a join cannot
# be done, that a constant is divided by zero. All else may be about this role or its settings.
_OF_STATEMENT: Final = frozenset({"0A000", "22012", "42P10"})


async def refused(
    connection: Connection, error: Exception, source: Source, *, failed: bool
) -> Problem:
    """Return the problem that a refusal is; a note if the schema *failed* and may be why."""
    problem = refusal(error, source, "prepare")
    if failed and is_consequence(error):
        return attrs.evolve(problem, hint="the schema was not applied", severity="note")
    hint = await with_suggestion(connection, error, problem, source)
    return attrs.evolve(problem, hint=hint)


@attrs.frozen
class Asking:
    """The questions that a server is asked about a statement.

    Attributes:
        connection: In the state that the statement is to find.
        schema: What was applied.
        file: The statement.
        sql: The same, as it was read.
        covered: Columns of which something else says a hazard already.
    """

    connection: Connection
    schema: Schema
    file: StatementFile
    sql: SqlFile
    covered: frozenset[tuple[Rule, str]]

    async def answered(self) -> StatementFacts:
        """Return what the server says of the statement, and what is wrong with it."""
        facts, source = StatementFacts(self.file.file, self.file.checksum), self.file.source
        try:
            async with forgotten(self.connection):
                parameters, columns, names = await self._prepared()
                await self._planned()
        except REFUSED as error:
            failed = self.schema.failed
            problem = await refused(self.connection, error, source, failed=failed)
            return attrs.evolve(facts, problems=(problem, *self.hazards()))
        analysis = await self._analysed(names)
        if analysis is not None:
            columns = await with_choices(self.connection, columns, analysis.tree)
        columns, problems = decided(self.sql, source, _with_nullability(columns, analysis))
        problems += cardinality(self.sql, source, columns)
        problems += self.hazards(parameters, columns, analysis)
        problems += await self._rounded()
        problems += await self._unkept()
        return attrs.evolve(
            facts,
            parameters=parameters,
            columns=tuple(columns),
            problems=tuple(sorted(problems, key=lambda each: (each.place, each.rule))),
        )

    async def _prepared(self) -> tuple[tuple[PgType, ...], list[Column], list[str]]:
        """Return the types of the parameters, the columns, and what SQL calls those types."""
        prepared = await self.connection.prepare(self.file.source.text)
        given = [kind.oid for kind in prepared.get_parameters()]
        attributes = prepared.get_attributes() or ()
        types = await described(
            self.connection, [*given, *(attribute.type.oid for attribute in attributes)]
        )
        found = places.columns(self.file.source, len(attributes))
        columns = [
            Column(attribute.name, types[attribute.type.oid].type, None, place.line, place.column)
            for attribute, (place, _alone) in zip(attributes, found, strict=True)
        ]
        return (
            tuple(types[oid].type for oid in given),
            columns,
            [types[oid].sql_name for oid in given],
        )

    async def _planned(self) -> None:
        """Have the planner, or who runs a statement without a plan, look at it.

        Raises:
            asyncpg.PostgresError: It refuses the statement.
        """
        if not self._is_planned():
            await tried(self.connection, self.file.source)
            return
        try:
            await explained(self.connection, self.file.source.text, self.sql.parameters)
        except asyncpg.PostgresError as error:
            if error.sqlstate in _OF_STATEMENT:
                raise

    def _is_planned(self) -> bool:
        return self.file.source.word(0) in _PLANNED

    async def _analysed(self, parameters: Sequence[str]) -> Analysis | None:
        if not self._is_planned():
            return None
        return await analysed(self.connection, self.file.source.text, parameters)

    def hazards(
        self,
        parameters: Sequence[PgType] = (),
        columns: Sequence[Column] = (),
        analysis: Analysis | None = None,
    ) -> list[Problem]:
        """Return the hazards that the file does not allow."""
        statement = Statement(
            self.file.source,
            names=self.sql.names,
            reads=self.sql.cardinality == "many",
            parameters=parameters,
            columns=columns,
            rounds=analysis is not None and _rounds(analysis.tree),
            covered=self.covered,
        )
        return [each for each in hazards(statement) if each.rule not in self.sql.allows]

    async def _rounded(self) -> list[Problem]:
        if not self._is_planned() or "numeric-scale" in self.sql.allows:
            return []
        return await rounded(self.connection, self.file.source, self.schema.tables)

    async def _unkept(self) -> list[Problem]:
        """Return the promised indexes that are not used."""
        if not self._is_planned() or not self.sql.indexes:
            return []
        try:
            async with forgotten(self.connection):
                found = await unkept(self.connection, self.sql, self.file.source)
        except asyncpg.PostgresError as error:  # this role may not plan it
            note = refusal(error, self.file.source, "index")
            return [attrs.evolve(note, severity="note")]
        if self.schema.failed:
            return [attrs.evolve(problem, severity="note") for problem in found]
        return found


def _with_nullability(columns: Sequence[Column], analysis: Analysis | None) -> list[Column]:
    if analysis is None or len(analysis.nullable) != len(columns):
        return list(columns)
    return [
        attrs.evolve(column, nullable=nullable, origin_nullable=at_large)
        for column, nullable, at_large in zip(
            columns, analysis.nullable, analysis.at_large, strict=True
        )
    ]


def _rounds(tree: Node) -> bool:
    """Tell whether it makes a float of a numeric that is no constant, or stores one as numeric."""
    calls = [node for node in walk(tree) if node.name == "FUNCEXPR"]
    return any(
        node.integer("funcid") in _NUMERIC_TO_FLOAT
        and any(part.name in _VARIABLE for part in walk(node))
        for node in calls
    ) or any(
        node.integer("funcid") in _FLOAT_TO_NUMERIC and node.integer("funcformat") == _UNASKED
        for node in calls
    )
