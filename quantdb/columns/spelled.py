"""A statement with its arguments spelled out, because COPY takes none.

The server spells them: each is sent as an argument, cast to the type that it has in the statement,
and comes back quoted, as a constant that the server reads as the same value. It takes the place of
its ``$n`` where the lexer finds one, which is never within a text, a name or a comment.
"""

from collections.abc import Sequence

from quantdb.database import ColumnType
from quantdb.lexer import Token

__all__ = ["quoting", "spelled"]


def quoting(types: Sequence[ColumnType]) -> str:
    """Return the statement that quotes a value of each type; it is made of their names only."""
    values = ", ".join(
        f"quote_nullable(${number}::{_named(kind)}::text)" for number, kind in enumerate(types, 1)
    )
    return f"SELECT {values}"


def spelled(
    text: str, tokens: Sequence[Token], types: Sequence[ColumnType], quoted: Sequence[object]
) -> str:
    """Return the statement in *text* with constants for its parameters."""
    pieces: list[str] = []
    at = 0
    for token in tokens:
        if token.kind == "parameter":
            number = int(token.text[1:]) - 1
            constant = f"CAST({quoted[number]} AS {_named(types[number])})"
            pieces += [text[at : token.at], constant]
            at = token.end
    # A semicolon and what follows it would end the parenthesis of COPY.
    return "".join([*pieces, text[at : tokens[-1].end], "\n"])


def _named(kind: ColumnType) -> str:
    # An array's name as the catalogue has it; format_type would write bpchar as character(1).
    name = f"_{kind.name.removesuffix('[]')}" if kind.name.endswith("[]") else kind.name
    return f"{_quoted(kind.schema)}.{_quoted(name)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
