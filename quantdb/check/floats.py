"""Casts to a float that are about money, told by the names around them and by the server."""

from collections.abc import Sequence
from typing import Final

from quantdb.check.money import is_monetary, is_statistic
from quantdb.check.source import Source
from quantdb.check.typenames import Mention

__all__ = ["about_money"]

_ARITHMETIC: Final = frozenset("+ - * / % = < > <= >= <> !=".split())  # noqa: SIM905 - signs
# Where these stand, they are no names, though columns may be called so.
_KEY_WORDS: Final = frozenset({"first", "last", "limit", "values"})


def about_money(
    source: Source, casts: Sequence[Mention], names: Sequence[str], *, rounds: bool
) -> list[Mention]:
    """Return the casts that make a float of money.

    Args:
        source: The statement.
        casts: Its casts to a float, or to ``money``.
        names: What its comment calls ``$1 … $n``.
        rounds: Whether the server makes a float of a numeric, or a numeric of a float: if no name
            gives the cast away, it is every one that may be why.
    """
    named = [
        mention
        for mention in casts
        if mention.type.name == "money" or _is_about_money(source, names, mention)
    ]
    if named or not rounds:
        return named
    doubtful = [mention for mention in casts if not _is_statistical(source, names, mention)]
    return [mention for mention in doubtful if not _is_constant(source, mention)] or doubtful


def _is_about_money(source: Source, names: Sequence[str], mention: Mention) -> bool:
    label = _label(source, mention)
    if is_statistic(label):
        return False
    around = [*mention.value, *_neighbours(source, mention)]
    said = [label, *(_named(source, names, number) for number in around)]
    return any(map(is_monetary, said))


def _is_statistical(source: Source, names: Sequence[str], mention: Mention) -> bool:
    said = [_named(source, names, number) for number in mention.value]
    return any(map(is_statistic, [_label(source, mention), *said]))


def _is_constant(source: Source, mention: Mention) -> bool:
    return not any(
        source.name(number) or source.tokens[number].kind == "parameter" for number in mention.value
    )


def _label(source: Source, mention: Mention) -> str:
    """Return what a value is called from here on (``AS price``), or nothing."""
    number = mention.end
    while source.sign(number) == ")":
        number += 1
    return source.name(number + 1) if source.word(number) == "as" else ""


def _neighbours(source: Source, mention: Mention) -> list[int]:
    """Return the names beside it in a sum, a product or a comparison."""
    found = list[int]()
    if source.sign(mention.begin - 1) in _ARITHMETIC:
        found.append(mention.begin - 2)
    if source.sign(mention.end) in _ARITHMETIC:
        number = mention.end + 1
        while source.sign(number + 1) == ".":
            number += 2
        found.append(number)
    return found


def _named(source: Source, names: Sequence[str], number: int) -> str:
    """Return the name that a token is, or that the comment gives the parameter."""
    if source.word(number) in _KEY_WORDS:
        return ""
    token = source.tokens[number] if 0 <= number < len(source.tokens) else None
    if token is not None and token.kind == "parameter" and names:
        return names[int(token.text[1:]) - 1]
    return source.name(number)
