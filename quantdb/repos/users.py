"""Users: for whom trades are made."""

from collections.abc import Mapping
from datetime import date
from enum import Enum
from typing import Final

import attrs

from quantdb.calls import call
from quantdb.database import Connection
from quantdb.errors import Conflict, NotFound
from quantdb.models import NewUser, Page, User
from quantdb.paging import as_id, as_limit, opened, paged, sealed
from quantdb.query import Query
from quantdb.repo import Repo
from quantdb.scopes import kept_as_sent
from quantdb.sqlfile import sql_folder

__all__ = ["UserRepo"]

_SQL: Final = sql_folder() / "users"


class _Kept(Enum):
    """Stands for a field that an update leaves as it is; None is a value of its own."""

    KEPT = "as it is"


class UserRepo(Repo):
    """The users of a database."""

    __slots__ = ()

    _deactivate = Query(_SQL / "deactivate.sql", User)
    _find_by_email = Query(_SQL / "find_by_email.sql", User)
    _get = Query(_SQL / "get.sql", User)
    _insert = Query(_SQL / "insert.sql", User)
    _page = Query(_SQL / "page.sql", User)
    _update = Query(_SQL / "update.sql", User)

    async def insert(self, new: NewUser) -> User:
        """Store a new user and return it with its id, active and of version 1.

        Raises:
            Conflict: Another user has that email (``users_email_key``).
        """
        return await self._insert.store(self.db, new)

    async def get(self, id: int) -> User:  # noqa: A002 - the field's name
        """Return the user with that id.

        Raises:
            NotFound: There is none.
        """
        return await self._get.one(self.db, id)

    async def find(self, id: int) -> User | None:  # noqa: A002 - the field's name
        """Return the user with that id, or None."""
        return await self._get.find(self.db, id, method="find")

    async def find_by_email(self, email: str) -> User | None:
        """Return the user with that email, in whatever case, or None."""
        return await self._find_by_email.find(self.db, email)

    async def update(
        self,
        user: User,
        *,
        name: str | _Kept = _Kept.KEPT,
        email: str | _Kept | None = _Kept.KEPT,
        born: date | _Kept | None = _Kept.KEPT,
    ) -> User:
        """Change what is given of a user, one version on, and return the user as stored.

        Raises:
            Conflict: The user was changed since *user* was read (``version``), or another user has
                that email (``users_email_key``).
            InexactValue: The database changed a value; nothing is stored.
            NotFound: There is no such user.
        """
        changed = attrs.evolve(
            user,
            name=user.name if name is _Kept.KEPT else name,
            email=user.email if email is _Kept.KEPT else email,
            born=user.born if born is _Kept.KEPT else born,
        )
        given = {"name": changed.name, "email": changed.email, "born": changed.born}
        return await self._changed(self._update, user, given)

    async def deactivate(self, user: User) -> User:
        """Make a user inactive, one version on, and return the user as stored; else as `update`."""
        return await self._changed(self._deactivate, user, {})

    async def page(self, limit: int = 100, after: str | None = None) -> Page[User]:
        """Return at most *limit* users that come after a cursor, by id.

        Args:
            limit: Most users on the page, from 1.
            after: ``next`` of the page before; None for the first page.
        """
        size = as_limit(limit)
        last = None if after is None else as_id(opened(after, "users", keys=1)[0])
        rows = await self._page.all(self.db, last, size + 1)
        return paged(rows, size, lambda user: sealed("users", str(user.id)))

    async def _changed(self, query: Query[User], user: User, given: Mapping[str, object]) -> User:
        async def work(connection: Connection) -> User:
            changed = await query.find(connection, user.id, user.version, *given.values())
            if changed is not None:
                await kept_as_sent(connection, given, attrs.asdict(changed))
                return changed
            current = await self._get.find(connection, user.id)
            if current is None:
                raise NotFound(f"there is no user {user.id}")
            raise Conflict(
                f"user {user.id} is of version {current.version}, not {user.version}: "
                "read it again",
                "version",
            )

        return await call(self.db, work, operation=query.operation)
