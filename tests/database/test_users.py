"""Users: their keys, their versions and their pages, on every kind of database."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import asyncpg
import attrs
import pytest
from support import DAY, fresh, look, look_once

import quantdb
from quantdb import Conflict, InexactValue, NewUser, NotFound, TransactionAborted, User, UserRepo

# The last and the first day of all are for test_roundtrip.
LAST_BUT_ONE = date(9999, 12, 30)


def an_email() -> str:
    return f"{fresh()}@Example.org"


async def test_a_new_user_is_stored_as_given_active_and_of_version_1(db: quantdb.Database) -> None:
    email, before = an_email(), datetime.now(UTC)
    user = await UserRepo(db).insert(NewUser("Ada Łovelace", email, date(1815, 12, 10)))
    assert ("Ada Łovelace", email, date(1815, 12, 10)) == (user.name, user.email, user.born)
    assert user.active
    assert user.version == 1
    assert user.id > 0
    assert before - DAY < user.created_at < before + DAY
    assert user.created_at.utcoffset() == timedelta(0)
    assert [("Ada Łovelace", email, "1815-12-10", True, 1)] == await look(
        db, "SELECT name, email, born::text, active, version FROM users WHERE id = $1", user.id
    )


async def test_a_user_is_found_by_id(db: quantdb.Database) -> None:
    users = UserRepo(db)
    user = await users.insert(NewUser("Ada"))
    assert user == await users.get(user.id)
    assert user == await users.find(user.id)


@pytest.mark.parametrize("id_", [0, -1, 2**63 - 1])
async def test_a_user_who_is_not_there_is_none_or_not_found(db: quantdb.Database, id_: int) -> None:
    assert await UserRepo(db).find(id_) is None
    with pytest.raises(NotFound):
        await UserRepo(db).get(id_)


@pytest.mark.parametrize("id_", [2**63, True])
async def test_what_is_no_id_is_refused(db: quantdb.Database, id_: int) -> None:
    with pytest.raises(InexactValue):
        await UserRepo(db).find(id_)


async def test_an_email_finds_its_user_in_whatever_case(db: quantdb.Database) -> None:
    users, email = UserRepo(db), an_email()
    user = await users.insert(NewUser("Ada", email))
    for spelling in (email, email.upper(), email.lower(), email.swapcase()):
        assert user == await users.find_by_email(spelling)
    assert await users.find_by_email(f"x{email}") is None


async def test_an_email_is_unique_whatever_its_case(
    pool: quantdb.Pool, plain_pool: asyncpg.Pool
) -> None:
    email = an_email()
    for db in (pool, plain_pool):
        users = UserRepo(db)
        if db is pool:
            await users.insert(NewUser("Ada", email))
        for spelling in (email, email.upper(), email.lower()):
            with pytest.raises(Conflict) as caught:
                await users.insert(NewUser("Eve", spelling))
            assert caught.value.constraint == "users_email_key"
            assert caught.value.row is None
    assert await look_once(pool, "SELECT count(*) FROM users WHERE email ILIKE $1", email) == 1


async def test_an_email_goes_to_one_of_many_who_ask_at_once(pool: quantdb.Pool) -> None:
    email = an_email()
    answers = await asyncio.gather(
        *(UserRepo(pool).insert(NewUser(f"User {n}", email)) for n in range(8)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, User) for answer in answers) == 1
    assert sum(isinstance(answer, Conflict) for answer in answers) == 7


async def test_many_users_have_no_email(db: quantdb.Database) -> None:
    users = UserRepo(db)
    made = [await users.insert(NewUser("Nemo")) for _ in range(3)]
    assert [user.email for user in made] == [None] * 3
    assert len({user.id for user in made}) == 3


async def test_an_update_changes_what_is_given_and_counts_one_version_on(
    db: quantdb.Database,
) -> None:
    users, email = UserRepo(db), an_email()
    first = await users.insert(NewUser("Ada", email, date(1815, 12, 10)))
    second = await users.update(first, name="Countess")
    assert attrs.evolve(first, name="Countess", version=2) == second
    third = await users.update(second, email=None, born=None)
    assert attrs.evolve(second, email=None, born=None, version=3) == third
    fourth = await users.update(third, name="Ada", email=email, born=LAST_BUT_ONE)
    assert attrs.evolve(third, name="Ada", email=email, born=LAST_BUT_ONE, version=4) == fourth
    assert fourth == await users.get(first.id)
    assert [("Ada", email, "9999-12-30", True, 4)] == await look(
        db, "SELECT name, email, born::text, active, version FROM users WHERE id = $1", first.id
    )


async def test_an_update_of_nothing_counts_too(db: quantdb.Database) -> None:
    user = await UserRepo(db).insert(NewUser("Ada"))
    assert attrs.evolve(user, version=2) == await UserRepo(db).update(user)


async def test_a_stale_version_is_a_conflict_and_changes_nothing(db: quantdb.Database) -> None:
    users = UserRepo(db)
    stale = await users.insert(NewUser("Ada"))
    current = await users.update(stale, name="Countess")
    for change in (users.update(stale, name="Eve"), users.update(stale), users.deactivate(stale)):
        with pytest.raises(Conflict) as caught:
            await change
        assert caught.value.constraint == "version"
    future = attrs.evolve(current, version=7)
    with pytest.raises(Conflict):
        await users.update(future, name="Eve")
    assert current == await users.get(stale.id)


async def test_of_eight_updates_of_one_version_one_wins(pool: quantdb.Pool) -> None:
    users = UserRepo(pool)
    user = await users.insert(NewUser("Ada"))
    answers = await asyncio.gather(
        *(users.update(user, name=f"User {n}") for n in range(8)), return_exceptions=True
    )
    won = [answer for answer in answers if isinstance(answer, User)]
    lost = [answer for answer in answers if isinstance(answer, Conflict)]
    assert (len(won), len(lost)) == (1, 7)
    assert {"version"} == {conflict.constraint for conflict in lost}
    assert won == [await users.get(user.id)]


async def test_an_update_of_nobody_is_not_found(db: quantdb.Database) -> None:
    user = await UserRepo(db).insert(NewUser("Ada"))
    nobody = attrs.evolve(user, id=2**62)
    with pytest.raises(NotFound):
        await UserRepo(db).update(nobody, name="Eve")
    with pytest.raises(NotFound):
        await UserRepo(db).deactivate(nobody)


async def test_an_update_to_the_email_of_another_is_a_conflict(pool: quantdb.Pool) -> None:
    users, email = UserRepo(pool), an_email()
    await users.insert(NewUser("Ada", email))
    eve = await users.insert(NewUser("Eve"))
    with pytest.raises(Conflict) as caught:
        await users.update(eve, email=email.upper())
    assert caught.value.constraint == "users_email_key"
    assert eve == await users.get(eve.id)


async def test_an_update_may_change_the_case_of_ones_own_email(db: quantdb.Database) -> None:
    users, email = UserRepo(db), an_email()
    user = await users.insert(NewUser("Ada", email))
    changed = await users.update(user, email=email.upper())
    assert changed.email == email.upper()


@pytest.mark.parametrize("name", ["", " ", "\t\n", "a\0b", "\ud800"])
async def test_an_update_refuses_what_no_user_may_be_called(
    db: quantdb.Database, name: str
) -> None:
    user = await UserRepo(db).insert(NewUser("Ada"))
    with pytest.raises(InexactValue, match="name") as caught:
        await UserRepo(db).update(user, name=name)
    assert caught.value.field == "name"
    assert user == await UserRepo(db).get(user.id)


async def test_a_user_is_deactivated_and_keeps_all_else(db: quantdb.Database) -> None:
    users, email = UserRepo(db), an_email()
    user = await users.insert(NewUser("Ada", email, date(1, 1, 2)))
    gone = await users.deactivate(user)
    assert attrs.evolve(user, active=False, version=2) == gone
    assert gone == await users.get(user.id)
    assert gone == await users.find_by_email(email)
    again = await users.deactivate(gone)
    assert (again.active, again.version) == (False, 3)


async def test_the_pages_are_all_users_once_by_id(db: quantdb.Database) -> None:
    users = UserRepo(db)
    made = [await users.insert(NewUser(f"User {n}")) for n in range(7)]
    seen: list[User] = []
    cursor: str | None = None
    while True:
        page = await users.page(3, cursor)
        assert len(page.items) <= 3
        seen += page.items
        cursor = page.next
        if cursor is None:
            break
        assert len(page.items) == 3
    ids = [user.id for user in seen]
    assert sorted(set(ids)) == ids
    mine = {user.id for user in made}
    assert made == [user for user in seen if user.id in mine]
    assert [(n,) for n in ids] == await look(db, "SELECT id FROM users ORDER BY id")


async def test_a_user_who_comes_between_two_pages_is_on_a_later_one(db: quantdb.Database) -> None:
    users = UserRepo(db)
    for n in range(3):
        await users.insert(NewUser(f"User {n}"))
    first = await users.page(1)
    late = await users.insert(NewUser("Late"))
    rest = await users.page(1_000_000, first.next)
    assert late == rest.items[-1]
    assert rest.next is None
    assert first.items[0] not in rest.items


@pytest.mark.parametrize("limit", [0, -1, True, 1.0, "5", None])
async def test_a_limit_of_users_is_a_whole_number_from_1(pool: quantdb.Pool, limit: int) -> None:
    with pytest.raises(InexactValue, match="limit"):
        await UserRepo(pool).page(limit)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        "ÿ",
        "WyJ1c2VycyJd",  # ["users"]
        "WyJ0cmFkZXMiLCAiMSJd",  # ["trades", "1"]
        "WyJ1c2VycyIsICJhYmMiXQ==",  # ["users", "abc"]
        "WyJ1c2VycyIsICIxIiwgIjIiXQ==",  # ["users", "1", "2"]
        "eyJ1c2VycyI6IDF9",  # {"users": 1}
        "WyJ1c2VycyIsICI5OTk5OTk5OTk5OTk5OTk5OTk5OSJd",  # ["users", "99999999999999999999"]
    ],
)
async def test_what_is_no_cursor_of_users_is_refused(pool: quantdb.Pool, cursor: str) -> None:
    with pytest.raises(InexactValue):
        await UserRepo(pool).page(10, cursor)


async def test_a_user_is_dated_by_the_start_of_the_transaction(pool: quantdb.Pool) -> None:
    async with quantdb.transaction(pool) as tx:
        now = await tx.fetchval("SELECT now()")
        assert now == (await UserRepo(tx).insert(NewUser("Ada"))).created_at
        assert now == (await UserRepo(tx).insert(NewUser("Eve"))).created_at


async def test_a_conflict_of_emails_that_is_swallowed_spoils_the_unit_of_work(
    pool: quantdb.Pool,
) -> None:
    email, name = an_email(), fresh()
    await UserRepo(pool).insert(NewUser("Ada", email))

    async def work() -> None:
        async with quantdb.transaction(pool) as tx:
            await UserRepo(tx).insert(NewUser(name))
            with pytest.raises(Conflict):
                await UserRepo(tx).insert(NewUser("Eve", email))

    with pytest.raises(TransactionAborted):
        await work()
    assert await look_once(pool, "SELECT count(*) FROM users WHERE name = $1", name) == 0


async def test_a_stale_version_leaves_the_unit_of_work_usable(db: quantdb.Database) -> None:
    async with quantdb.transaction(db) as tx:
        users = UserRepo(tx)
        stale = await users.insert(NewUser("Ada"))
        current = await users.update(stale, name="Countess")
        with pytest.raises(Conflict):
            await users.update(stale, name="Eve")
        third = await users.update(current, name="Ada")
    assert third == await UserRepo(db).get(stale.id)


async def test_an_update_that_a_trigger_changes_is_refused(empty_dsn: str) -> None:
    async with quantdb.create_pool(quantdb.PoolConfig(empty_dsn, min_size=0)) as pool:
        await quantdb.migrate(pool)
        await pool.execute(
            """
            CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN NEW.name := upper(NEW.name); RETURN NEW; END$$;
            CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON users
            FOR EACH ROW EXECUTE FUNCTION shout();
            """
        )
        with pytest.raises(InexactValue):
            await UserRepo(pool).insert(NewUser("Ada"))
        user = await UserRepo(pool).insert(NewUser("ADA"))
        with pytest.raises(InexactValue):
            await UserRepo(pool).update(user, name="Eve")
