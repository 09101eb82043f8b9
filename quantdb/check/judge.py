"""The verdict: what a server says of statements, held against what the code makes of them."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from quantdb.check.arguments import problems_of_arguments
from quantdb.check.blame import Known, problems_of_rows
from quantdb.check.calls import Call, Verb
from quantdb.check.facts import Facts, StatementFacts
from quantdb.check.problems import Place, Problem
from quantdb.check.uses import Found, Use
from quantdb.sqlfile import Cardinality

__all__ = ["judged"]

# Of a statement with such a problem the server may have said nothing more.
_UNSAID: Final = frozenset({"after", "file", "parameters", "prepare"})

_PROMISES: Final[Mapping[Verb, tuple[Cardinality, ...]]] = {
    "one": ("one",),
    "find": ("one",),
    "store": ("one",),
    "all": ("many",),
    "stream": ("many",),
    "run": ("exec", "execrows"),
}
_VERBS: Final[Mapping[Cardinality, str]] = {
    "one": "one() or find()",
    "many": "all() or stream()",
    "exec": "run()",
    "execrows": "run()",
}
_AT: Final = re.compile(r"(?P<path>.*\.sql)(?::(?P<line>\d+))?: (?P<message>.*)", re.DOTALL)


def judged(facts: Facts, found: Found) -> list[Problem]:
    """Return every problem of a folder and of the code that uses it, by place."""
    known = [Known(use, _said(facts, found, use)) for use in found.uses]
    rows = problems_of_rows(known)
    problems = [
        *facts.problems,
        *(problem for each in facts.statements.values() for problem in each.problems),
        *found.problems,
        *_unreadable(facts, found),
        *rows,
        *(problem for use in found.uses for problem in _of_verbs(use, found)),
        *(problem for each in known for problem in _of_arguments(each, found)),
        *_unused(facts, found),
    ]
    return sorted(dict.fromkeys(problems), key=lambda each: (each.place, each.rule, each.message))


def _of_arguments(known: Known, found: Found) -> Iterator[Problem]:
    if known.facts is not None:
        header = found.headers.get(known.facts.file)
        yield from problems_of_arguments(known.use, known.facts, header)


def _said(facts: Facts, found: Found, use: Use) -> StatementFacts | None:
    """Return what the server says of a query's statement, if it could look at all of it."""
    known = facts.statements.get(use.file) if use.file is not None else None
    if known is None or known.file not in found.headers:
        return None
    unsaid = any(each.rule in _UNSAID for each in known.problems)
    return None if unsaid and not known.columns else known


# Files


def _unreadable(facts: Facts, found: Found) -> Iterator[Problem]:
    """Give the queries whose file is not there, or not right, unless that is said already."""
    for use in found.uses:
        known = facts.statements.get(use.file) if use.file is not None else None
        if known is not None:
            if use.mistake and not known.problems and known.file not in found.headers:
                yield _mistaken(use, known.file)
        elif use.file is not None:
            close = _meant(use.file, facts)
            hint = f"did you mean {close}?" if close else "write it, or remove the Query"
            yield Problem(use.place, "file", f"{use.name} reads {use.file}, which is no file", hint)
        elif use.mistake:
            yield Problem(use.place, "file", f"{use.name}: {use.mistake}")


def _meant(file: str, facts: Facts) -> str:
    return next(iter(get_close_matches(file, facts.statements, 1)), "")


def _mistaken(use: Use, file: str) -> Problem:
    match = _AT.fullmatch(use.mistake)
    if match is None:
        return Problem(Place(file), "file", use.mistake, "", (use.place,))
    return Problem(Place(file, int(match["line"] or 1)), "file", match["message"], "", (use.place,))


def _unused(facts: Facts, found: Found) -> Iterator[Problem]:
    used = {use.file for use in found.uses} | found.files
    if not found.complete or used.isdisjoint(facts.statements):
        return  # what could not be looked at may use anything
    used |= {_meant(file, facts) for file in used if file and file not in facts.statements}
    for file in facts.statements:
        mentioned = any(f"/{file}".endswith(f"/{name}") for name in found.mentions)
        header = found.headers.get(file)
        allowed = header is not None and "unused" in header.allows
        if file not in used and file not in facts.schema and not mentioned and not allowed:
            yield Problem(
                Place(file),
                "unused",
                "no repository uses this file",
                "remove it; or, if it is used elsewhere, -- allow: unused",
            )


# Verbs


def _of_verbs(use: Use, found: Found) -> Iterator[Problem]:
    header = found.headers.get(use.file) if use.file is not None else None
    if not use.has_row:
        for call in use.calls:
            if call.verb != "run":
                message = f"{use.name} has no row type, so {call.verb}() has nothing to return"
                hint = "give the Query a row type, or call run()"
                yield Problem(call.place, "columns", message, hint, (use.place,))
    if header is None or use.file is None:
        return
    wrong = [call for call in use.calls if header.cardinality not in _PROMISES[call.verb]]
    promises = {_PROMISES[call.verb] for call in wrong}
    first = Place(use.file, 1)
    if len(wrong) > 1 and len(wrong) == len(use.calls) and len(promises) == 1:
        promised = next(iter(promises))
        yield Problem(
            first,
            "cardinality",
            f"the header promises :{header.cardinality}, but {_called(wrong)}",
            f"the header is to be :{' or :'.join(promised)}",
            tuple(call.place for call in wrong),
        )
        return
    for call in wrong:
        yield Problem(
            call.place,
            "cardinality",
            f"{use.name} is called by {call.verb}(), but {use.file} is :{header.cardinality}",
            f"call {_VERBS[header.cardinality]}, "
            f"or make the header :{' or :'.join(_PROMISES[call.verb])}",
            (first,),
        )


def _called(calls: list[Call]) -> str:
    verbs = dict.fromkeys(f"{call.verb}()" for call in calls)
    return f"its query is called by {' and '.join(verbs)}"
