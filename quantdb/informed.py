"""What a connection knows of the statements that it sends, and of how values travel with them."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from time import monotonic
from typing import Final, TypeVar

import asyncpg

from quantdb import exact
from quantdb.catalog import Learnt, checked, learnt_of, of_row
from quantdb.codecs import PORTABLE, TEXT, Codec
from quantdb.database import Prepared
from quantdb.deadlines import NEVER
from quantdb.errors import InexactValue
from quantdb.jsontext import json_value
from quantdb.outcomes import is_stale_plan
from quantdb.session import Session

__all__ = ["UNSENT", "Informed", "is_anonymous", "plain_prepare"]

T = TypeVar("T")

UNSENT: Final = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the driver raises, among others, where it could not send a statement."""
_TRIED_AGAIN: Final = 3
"""Times that a statement is prepared again: one that is forgotten may be in the way of the next."""
_STATEMENTS_KNOWN: Final = 1_000
_LONGEST_KEPT: Final = 15_000
"""Characters of a statement that the driver keeps prepared, at most."""
_ANONYMOUS: Final = frozenset({"record", "record[]"})
"""Values made of others whose types nobody knows before they come: always in binary form."""

plain_prepare: Callable[..., Awaitable[Prepared]] = getattr(asyncpg.Connection, "prepare")  # noqa: B009 - its overloads
# What the driver's own copy_records_to_table prepares by: it keeps the statement for the next call.
_prepare_and_keep: Callable[..., Awaitable[Prepared]] = getattr(asyncpg.Connection, "_prepare")  # noqa: B009
_plain_set_codec: Callable[..., Awaitable[None]] = getattr(asyncpg.Connection, "set_type_codec")  # noqa: B009


class Informed(Session):
    """A connection that knows what its statements take, and what goes in unchanged.

    The server is asked once what a statement takes and gives. After a refusal it is asked again,
    because a column's type may have been altered meanwhile, and the driver would go by the old one.
    """

    __slots__ = (
        "_codecs",
        "_keeps",
        "_known",
        "_known_here",
        "_portable",
        "_prepared",
        "has_codecs",
    )

    has_codecs: bool
    """Whether some of its codecs are a user's, who says what they take."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        # For what the driver asks the server before `begin_session`, too.
        self._codecs: tuple[Codec, ...] = ()
        self.has_codecs = False
        self._known: dict[str, Learnt] = {}
        self._portable = False
        self._known_here: dict[str, Learnt] = {}
        cache: object = getattr(self, "_stmt_cache", None)
        self._prepared: Callable[[object], object] = getattr(cache, "get", _nothing)
        size: Callable[[], int] = getattr(cache, "get_max_size", int)
        self._keeps = size() > 0

    async def begin_session(
        self, codecs: Sequence[Codec], command_timeout: float, known: dict[str, Learnt]
    ) -> None:
        """Have values travel exactly; *codecs* stand in for ours.

        What is *known* of statements is common to the connections of a pool.
        """
        self.command_timeout = command_timeout
        self._codecs = tuple(codecs)
        self.has_codecs = bool(codecs)
        self._known = known
        # A composite is made of parts, and the driver has no text form for them.
        self._portable = any(codec.is_composite for codec in self._codecs)
        await self._use(PORTABLE if self._portable else TEXT)
        self.clean, self.retired = True, False

    def knows(self, query: str) -> Learnt | None:
        """Return what is known of a statement, if that is enough to run it on this connection.

        What another connection has learnt has to be compared with what is prepared here, once.
        """
        book = self._book(query)
        known = book.get(query)
        if (
            known is None
            or not self._holds(known)
            or (book is self._known and self._prepared((query, asyncpg.Record, False)) is None)
        ):
            return None
        return known

    def _holds(self, known: Learnt) -> bool:
        return known.until >= monotonic() and (self._portable or not known.is_anonymous)

    def _book(self, query: str) -> dict[str, Learnt]:
        """Return where to look: all connections share what the driver keeps prepared on each."""
        is_kept = self._keeps and len(query) < _LONGEST_KEPT
        return self._known if is_kept else self._known_here

    def ready(self, query: str, args: Sequence[object]) -> tuple[object, Sequence[object]] | None:
        """Return what runs a statement in one step: what the driver has prepared, and is sent.

        None if the server has to be asked before, or somebody is to hear of what is sent.
        """
        known = self._known.get(query)
        if (
            known is None
            or not self._holds(known)
            or len(known.rules) != len(args)
            or self._loggers
            or self.until != NEVER  # another one is under way; the driver says so
        ):
            return None
        prepared = self._prepared((query, asyncpg.Record, False))
        if prepared is None:
            return None
        try:
            return prepared, known.admit(args)
        except exact.Refused:
            return None

    def admitted_at_once(self, query: str, args: Sequence[object]) -> Sequence[object] | None:
        """Return what is sent for the arguments, or None if the server has to be asked first."""
        known = self.knows(query)
        if known is None or len(known.rules) != len(args):
            return None
        try:
            return known.admit(args)
        except exact.Refused:
            return None

    async def admitted(
        self, query: str, args: Sequence[object], names: Sequence[str] = ()
    ) -> Sequence[object]:
        """Return what is sent for the arguments of a statement.

        Raises:
            InexactValue: An argument would not be stored as it is. *names* says what it is called;
                otherwise it is ``$n``.
        """
        known = self.knows(query)
        if known is not None and len(known.rules) == len(args):
            try:
                return checked(known.rules, args, names)
            except InexactValue:
                known = await self._learnt_of(query, await self._prepared_anew(query))
                sent = checked(known.rules, args, names)
            # The type was altered: what the driver has prepared goes by the old one.
            await self.reload_schema_state()
            self._book(query)[query] = known
            return sent
        rules = (await self._asked(query)).rules
        # The driver says in its own words when the number is wrong.
        return checked(rules, args, names) if len(rules) == len(args) else args

    async def admitted_rows(
        self, query: str, rows: Iterable[Sequence[object]]
    ) -> list[Sequence[object]]:
        """Return what is sent for each row of arguments.

        Raises:
            InexactValue: An argument would not be stored as it is; ``row`` is the row's number.
        """
        sent: list[Sequence[object]] = []
        for number, row in enumerate(rows, 1):
            at_once = self.admitted_at_once(query, row)
            try:
                sent.append(await self.admitted(query, row) if at_once is None else at_once)
            except InexactValue as error:
                raise of_row(error, number) from None
        return sent

    async def portably(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what *call* gives, by the portable codecs if the others cannot do it.

        The driver says so before it has sent anything; and it is called again as well if the driver
        has forgotten what it had prepared.
        """
        for _attempt in range(_TRIED_AGAIN):
            try:
                return await call()
            except UNSENT as error:
                await self.go_on_after(error)
        return await call()

    async def _asked(self, query: str) -> Learnt:
        """Ask the server what a statement takes and gives, or whether that is still so."""
        before, statement = self._book(query).get(query), await self._prepared_and_kept(query)
        if before is None:
            known = await self._learnt_of(query, statement)
        elif before.until < monotonic():
            # The driver may have prepared it before its columns were altered.
            known = await self._learnt_of(query, await self._prepared_anew(query))
            if known.types != _types_of(statement):
                await self.reload_schema_state()
        elif before.types != _types_of(statement):
            known = await self._learnt_of(query, statement)
        else:
            known = before
        if is_anonymous(statement):
            await self._go_portable()
            known = known._replace(is_anonymous=True)
        book = self._book(query)
        if len(book) >= _STATEMENTS_KNOWN:
            book.clear()
        book[query] = known
        return known

    async def _prepared_and_kept(self, query: str) -> Prepared:
        async def asked() -> Prepared:
            prepared = await _prepare_and_keep(self, query, use_cache=True)
            prepared.get_parameters()  # raises if the driver has forgotten it meanwhile
            return prepared

        return await self.portably(asked)

    async def _prepared_anew(self, query: str) -> Prepared:
        return await self.portably(lambda: plain_prepare(self, query))

    async def go_on_after(
        self, error: asyncpg.InterfaceError | asyncpg.InternalClientError
    ) -> None:
        """Make good what kept a statement from being sent; raise *error* if nothing can."""
        if isinstance(error, asyncpg.UnsupportedClientFeatureError) and not self._portable:
            await self._go_portable()
        elif is_stale_plan(error):
            # The driver's count of who uses a statement is wrong from now on.
            self.retired = True
        else:
            raise error

    async def _go_portable(self) -> None:
        if not self._portable:
            self._portable = True
            await self._use(PORTABLE)

    async def _learnt_of(self, query: str, prepared: Prepared) -> Learnt:
        clean = self.clean
        try:
            return await learnt_of(self, query, prepared.get_parameters(), self._own_rules())
        finally:
            self.clean = clean

    def _own_rules(self) -> dict[tuple[str, str], exact.Rule]:
        own: dict[tuple[str, str], exact.Rule] = {
            ("pg_catalog", "json"): json_value,
            ("pg_catalog", "jsonb"): json_value,
        }
        own |= {(codec.schema, codec.type_name): exact.anything for codec in self._codecs}
        return own

    async def _use(self, codecs: Iterable[Codec]) -> None:
        own = {(codec.schema, codec.type_name) for codec in self._codecs}
        ours = (codec for codec in codecs if (codec.schema, codec.type_name) not in own)
        for codec in (*ours, *self._codecs):
            await _plain_set_codec(
                self,
                codec.type_name,
                schema=codec.schema,
                encoder=codec.encode,
                decoder=codec.decode,
                format=codec.format,
            )


def is_anonymous(statement: Prepared) -> bool:
    """Tell whether a statement returns values of types that nobody knows before they come."""
    return any(column.type.name in _ANONYMOUS for column in statement.get_attributes())


def _types_of(statement: Prepared) -> tuple[int, ...]:
    return tuple(kind.oid for kind in statement.get_parameters())


def _nothing(_key: object) -> object:
    return None
