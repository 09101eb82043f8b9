"""PostgreSQL's lexer, as far as telling statements apart, and their parts, needs it."""

import re
from collections.abc import Iterator
from typing import Final

import attrs

from quantdb.errors import ConfigError

__all__ = ["Token", "statements"]

# What a statement with a body begins with, and what its body does.
_BODY: Final = ["create", "begin", "atomic"]

# As PostgreSQL's lexer (scan.l) has it: all beyond ASCII is a letter, and a text may be continued
# on a further line, of the same kind.
_LETTER: Final = r"[A-Za-z_\x80-\U0010ffff]"
_FURTHER: Final = r"[ \t\f\v]*(?:--[^\n\r]*)?[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*"
# An operator ends where a comment begins. It ends in + or - only if it holds a character that no
# operator of the SQL standard has, so that "a*-1" is a product.
_SIGN: Final = r"(?!--|/\*)[-+*/<>=]"
_ODD: Final = r"(?!--|/\*)[-+*/<>=~!@\#%^&|`?]"
_OPERATOR: Final = rf"(?:{_SIGN})*[~!@\#%^&|`?](?:{_ODD})*|(?:{_SIGN})*(?!--|/\*)[*/<>=]|[-+]|::|:="
# What may hide a semicolon or a parameter: comments, quoted text and names, dollar quotes.
# Block comments nest, so they are opened here and closed by hand.
_TOKEN: Final = re.compile(
    rf"""
      (?P<line>--[^\n\r]*)
    | (?P<block>/\*)
    | (?P<escaped>[eE]'(?:[^'\\]|\\.|''|'{_FURTHER}')*')
    | (?P<quoted>'(?:[^']|'')*')
    | (?P<name>"(?:[^"]|"")*")
    | (?P<unclosed>[eE]?'|")
    | (?P<dollar>\$(?:{_LETTER}(?:{_LETTER}|[0-9])*)?\$)
    | (?P<parameter>\$[0-9]+)
    | (?P<semicolon>;)
    | (?P<word>{_LETTER}(?:{_LETTER}|[0-9$])*)
    | (?P<number>(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?)
    | (?P<operator>{_OPERATOR})
    | (?P<other>[^ \t\n\r\f\v])
    """,
    re.VERBOSE | re.DOTALL,
)


@attrs.frozen
class Token:
    """A piece of a statement that is no comment."""

    kind: str | None
    text: str
    at: int

    @property
    def word(self) -> str:
        """The key word or name that it is, in lower case; empty if it is none."""
        return self.text.lower() if self.kind == "word" else ""

    @property
    def identifier(self) -> str:
        """The name that it is, as the catalogue has it, quoted or not; empty if it is none."""
        return self.text[1:-1].replace('""', '"') if self.kind == "name" else self.word

    @property
    def end(self) -> int:
        """Where it ends: the character after it."""
        return self.at + len(self.text)

    def line_in(self, text: str) -> int:
        """Return the line of *text*, from 1, on which it stands."""
        return text.count("\n", 0, self.at) + 1


def statements(path: str, text: str) -> Iterator[list[Token]]:
    """Give the tokens of each statement; a semicolon in a function's body ends none.

    Raises:
        ConfigError: A quoted text or a comment is never closed; it names *path* and the line.
    """
    statement: list[Token] = []
    depth = 0
    for token in _tokens(path, text):
        if token.kind == "semicolon" and not depth:
            if statement:
                yield statement
            statement = []
            continue
        statement.append(token)
        # BEGIN ATOMIC … END, counted as psql does: CASE ends with END as well.
        if depth:
            depth += {"case": 1, "end": -1}.get(token.word, 0)
        elif [statement[0].word, *(each.word for each in statement[-2:])] == _BODY:
            depth = 1
    if statement:
        yield statement


def _tokens(path: str, text: str) -> Iterator[Token]:
    """Give every token that is no comment."""
    at = 0
    while match := _TOKEN.search(text, at):
        at, kind = match.end(), match.lastgroup
        if kind == "unclosed":
            raise _never_closed(path, text, match, "the text opened by ")
        if kind == "block":
            at = _end_of_block(path, text, match)
        elif kind == "dollar":
            at = _end_of_dollar_quote(path, text, match)
        if kind not in {"line", "block"}:
            yield Token(kind, text[match.start() : at], match.start())


def _never_closed(path: str, text: str, opening: re.Match[str], what: str) -> ConfigError:
    line = text.count("\n", 0, opening.start()) + 1
    return ConfigError(f"{path}:{line}: {what}{opening[0]} is never closed")


def _end_of_dollar_quote(path: str, text: str, opening: re.Match[str]) -> int:
    end = text.find(opening[0], opening.end())
    if end < 0:
        raise _never_closed(path, text, opening, "the text opened by ")
    return end + len(opening[0])


def _end_of_block(path: str, text: str, opening: re.Match[str]) -> int:
    depth, at = 1, opening.end()
    while depth:
        opened, closed = text.find("/*", at), text.find("*/", at)
        if closed < 0:
            raise _never_closed(path, text, opening, "a comment ")
        if 0 <= opened < closed:
            depth, at = depth + 1, opened + 2
        else:
            depth, at = depth - 1, closed + 2
    return at
