"""Hazards that a statement's words show: ``*``, settings that stay, writes in what is read by."""

from collections.abc import Iterator
from typing import Final

from quantdb.check.findings import hazard
from quantdb.check.problems import Problem
from quantdb.check.source import Source

__all__ = ["settings", "stars", "writes"]

_WRITES: Final = {"insert": "into", "delete": "from", "merge": "into"}
_WITHIN_TRANSACTION: Final = frozenset({"local", "transaction", "constraints"})
_TRUE: Final = frozenset({"true", "'true'", "'t'", "'on'", "'yes'", "'1'"})


def stars(source: Source) -> Iterator[Problem]:
    """Find ``*`` and ``t.*``: not the ``*`` of count(*) and not a product."""
    for number in range(len(source.tokens)):
        if (source.sign(number) == "*" and _is_list_of_columns(source, number)) or (
            source.word(number) == "table" and _is_query(source, number)
        ):
            message = f"{source.tokens[number].text} takes whatever columns there are"
            yield hazard(source.place(number), "select-star", message, "list the columns")


def _is_list_of_columns(source: Source, number: int) -> bool:
    if source.sign(number - 1) in {".", ","}:
        return True
    if source.word(number - 1) in {"select", "all", "distinct", "returning"}:
        return source.sign(number - 2) != "."
    opening = source.opening(number - 1)
    before = source.word(opening - 2), source.word(opening - 1)
    return opening < number - 1 and before in {("distinct", "on"), ("returning", "with")}


def _is_query(source: Source, number: int) -> bool:
    """Tell whether TABLE begins a query (``TABLE trades``)."""
    return (
        number == 0
        or source.sign(number - 1) == "("
        or source.word(number - 1) in {"union", "except", "intersect", "all"}
        or (source.sign(number - 1) == ")" and source.word(0) == "with")
    )


def settings(source: Source) -> Iterator[Problem]:
    """Find what changes a setting beyond the transaction."""
    what = "outlives the transaction and stays with the pooled connection"
    if source.word(0) == "set" and source.word(1) not in _WITHIN_TRANSACTION:
        hint = "write SET LOCAL, which ends with the transaction"
        yield hazard(source.place(0), "session-set", f"SET without LOCAL {what}", hint)
    for number in range(len(source.tokens)):
        if source.name(number) == "set_config" and source.sign(number + 1) == "(":
            close = source.closing.get(number + 1, number + 1)
            arguments = source.split(number + 2, close)
            if not arguments or not _is_true(source, *arguments[-1]):
                hint = "give true as its last argument"
                yield hazard(source.place(number), "session-set", f"set_config {what}", hint)


def _is_true(source: Source, begin: int, end: int) -> bool:
    """Tell whether an argument, named or not, is the constant true."""
    if source.sign(begin + 1) in {"=>", ":="}:
        begin += 2
    named = "".join(source.tokens[number].text.lower() for number in range(begin, end))
    return named.partition("::")[0] in _TRUE


def writes(source: Source) -> Iterator[Problem]:
    """Find the first write, be it in a CTE; FOR UPDATE is none."""
    for number in range(len(source.tokens)):
        word = source.word(number)
        if _WRITES.get(word, ".") == source.word(number + 1) or _is_update(source, number):
            message = f"{word.upper()} in a :many statement, which is read by"
            hint = "make it :one, :exec or :execrows"
            yield hazard(source.place(number), "write-in-read", message, hint)
            return


def _is_update(source: Source, number: int) -> bool:
    """Tell an UPDATE that writes from FOR [NO KEY] UPDATE, DO UPDATE and a name."""
    begins = number == 0 or source.sign(number - 1) in {"(", ")"}
    return begins and source.word(number) == "update" and bool(source.name(number + 1))
