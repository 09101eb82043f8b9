"""A statement as it stands in its file: its tokens, its brackets, and where each thing is."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from quantdb.check.problems import Place
from quantdb.lexer import Token, statements

__all__ = ["Source", "source", "sources"]

_CLOSING: Final = {"(": ")", "[": "]"}


@attrs.frozen
class Source:
    """A statement in a file.

    Attributes:
        file: The file, as a `Place` names it.
        text: The whole file.
        tokens: Those of the statement.
        closing: For each token that opens a bracket, by number, the one that closes it.
    """

    file: str
    text: str = attrs.field(repr=False)
    tokens: Sequence[Token] = attrs.field(repr=False)
    closing: Mapping[int, int] = attrs.field(repr=False)

    def word(self, number: int) -> str:
        """Return the key word or name in lower case that a token is; empty beyond both ends."""
        return self.tokens[number].word if 0 <= number < len(self.tokens) else ""

    def sign(self, number: int) -> str:
        """Return a token's text if it is neither word, name, text nor number; else nothing."""
        if not 0 <= number < len(self.tokens):
            return ""
        token = self.tokens[number]
        return token.text if token.kind in {"operator", "other"} else ""

    def name(self, number: int) -> str:
        """Return the name that a token is, as the catalogue has it; empty if it is none."""
        return self.tokens[number].identifier if 0 <= number < len(self.tokens) else ""

    def after(self, number: int) -> int:
        """Return the number of the token after *number*, or after the bracket that it opens."""
        return self.closing.get(number, number) + 1

    def opening(self, number: int) -> int:
        """Return which token opens the bracket that *number* closes; itself if it closes none."""
        return next((first for first, last in self.closing.items() if last == number), number)

    def split(self, begin: int, end: int, sign: str = ",") -> list[tuple[int, int]]:
        """Return the parts of the tokens *begin* to *end* between commas outside of brackets."""
        parts, first, number = list[tuple[int, int]](), begin, begin
        while number < end:
            if self.sign(number) == sign:
                parts.append((first, number))
                first = number + 1
            number = self.after(number)
        parts.append((first, end))
        return [part for part in parts if part[0] < part[1]]

    def place(self, number: int, last: int | None = None) -> Place:
        """Return the place of a token, up to token *last* if that is on the same line."""
        token = self.tokens[number]
        end = self.tokens[number if last is None else last].end
        return self.at(token.at, end - token.at)

    def at(self, position: int, width: int) -> Place:
        """Return the place of *width* characters from *position*, from 0; it ends with the line."""
        begin = self.text.rfind("\n", 0, position) + 1
        end = self.text.find("\n", position)
        rest = len(self.text[position : end if end >= 0 else None].rstrip())
        line = self.text.count("\n", 0, position) + 1
        return Place(self.file, line, position - begin + 1, max(1, min(width, rest)))

    def found(self, position: int) -> int | None:
        """Return the number of the token at *position*, from 0, or of the next one behind it."""
        for number, token in enumerate(self.tokens):
            if position < token.end:
                return number
        return None

    def said(self, key: str, word: str = "") -> Place:
        """Return where a comment says ``-- key: … word …``; the header if none does."""
        line = rf"^-- {re.escape(key)}: (?:.*?[ ,])??(?P<word>{re.escape(word)})(?![^ ,\s])"
        match = re.search(line, self.text, re.MULTILINE)
        return self.at(match.start("word"), len(word)) if match else Place(self.file)


def source(file: str, text: str) -> Source:
    """Return the only statement of a file that was read.

    Raises:
        ConfigError: A quoted text or a comment is never closed.
    """
    return next(iter(sources(file, text)), Source(file, text, (), {}))


def sources(file: str, text: str) -> list[Source]:
    """Return the statements of a file.

    Raises:
        ConfigError: A quoted text or a comment is never closed.
    """
    return [Source(file, text, tokens, _brackets(tokens)) for tokens in statements(file, text)]


def _brackets(tokens: Sequence[Token]) -> dict[int, int]:
    closing: dict[int, int] = {}
    opened: list[tuple[int, str]] = []
    for number, token in enumerate(tokens):
        if token.kind != "other":
            continue
        if token.text in _CLOSING:
            opened.append((number, _CLOSING[token.text]))
        elif opened and opened[-1][1] == token.text:
            closing[opened.pop()[0]] = number
    return closing
