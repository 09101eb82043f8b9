"""What a server says of a folder: of its schema, and of each of its statements."""

from pathlib import Path

import attrs

from quantdb.check.answers import Asking, refused
from quantdb.check.definitions import definitions, standing
from quantdb.check.facts import Facts, StatementFacts
from quantdb.check.folder import StatementFile, statement_files
from quantdb.check.hazards import covered
from quantdb.check.order import before, mistakes
from quantdb.check.problems import Problem
from quantdb.check.refusals import REFUSED
from quantdb.check.savepoints import forgotten
from quantdb.check.schemas import Schema, applied
from quantdb.database import Connection
from quantdb.sqlfile import SqlFile

__all__ = ["examine"]


async def examine(connection: Connection, folder: Path) -> Facts:
    """Return what the server says of an SQL folder, and what is wrong with it.

    No statement is run, but for those that another one names in ``-- after:`` and for settings and
    temporary tables; whatever is done, migrations included, is taken back. A migration that the
    database does not have yet holds its locks until then.

    Args:
        connection: Is in a transaction that is READ COMMITTED and will be rolled back.
        folder: Holds statements, and the schema that they build on, unless that is above.
    """
    async with forgotten(connection):
        schema = await applied(connection, folder)
        examination = _Examination(connection, schema, statement_files(folder))
        return Facts(schema.checksums, await examination.run(), schema.problems)


@attrs.frozen
class _Examination:
    """The examination of the statements of a folder."""

    connection: Connection
    schema: Schema
    files: dict[str, StatementFile]

    async def run(self) -> dict[str, StatementFacts]:
        """Return what the server says of each statement."""
        failures = await self._failures()
        facts = {file: await self._facts(each, failures) for file, each in self.files.items()}
        for file, problem in failures.items():
            known = facts[file]
            if problem not in known.problems:
                problems = (*known.problems, problem)
                facts[file] = attrs.evolve(known, problems=problems)
        return facts

    async def _failures(self) -> dict[str, Problem]:
        """Run each statement that others run after, and return why it cannot be run."""
        failures: dict[str, Problem] = {}
        needed = {each.file: each for file in self.files for each in before(self.files, file) or ()}
        for file, each in needed.items():
            first = before(self.files, file)
            if first is None or any(other.file in failures for other in first):
                continue
            failed: Exception | None = None
            async with forgotten(self.connection):
                try:
                    for statement in (*first, each):
                        await self.connection.execute(statement.source.text)
                except REFUSED as error:
                    failed = error
            if failed is not None:
                failures[file] = await refused(
                    self.connection, failed, each.source, failed=self.schema.failed
                )
        return failures

    async def _facts(self, each: StatementFile, failures: dict[str, Problem]) -> StatementFacts:
        facts = StatementFacts(each.file, each.checksum, problems=each.problems)
        if each.sql is None:
            return facts
        asking = self._asking(each, each.sql)
        wrong, first = list(mistakes(self.files, each.file)), before(self.files, each.file)
        if not wrong and (first is None or any(other.file in failures for other in first)):
            wrong = [_unexamined(each, each.sql)]
        if wrong or first is None:
            return attrs.evolve(facts, problems=(*facts.problems, *wrong, *asking.hazards()))
        async with forgotten(self.connection):
            for other in first:
                await self.connection.execute(other.source.text)
            said = await asking.answered()
        return attrs.evolve(said, problems=(*facts.problems, *said.problems))

    def _asking(self, each: StatementFile, sql: SqlFile) -> Asking:
        # Of a temporary table the statement that makes it answers, as the schema does of others.
        first = before(self.files, each.file) or ()
        temporary = standing(found for other in first for found in definitions(other.source))
        answered = self.schema.covered | covered(temporary)
        return Asking(self.connection, self.schema, each, sql, answered)


def _unexamined(each: StatementFile, sql: SqlFile) -> Problem:
    place = each.source.said("after", sql.after[0])
    message = "was not looked at: what is to run before it cannot be run"
    return Problem(place, "after", message, severity="note")
