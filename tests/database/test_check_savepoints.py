"""What is taken back leaves nothing behind, not even a lock of its savepoint."""

import asyncpg

from quantdb.check.savepoints import forgotten


async def test_forgotten_blocks_leave_no_lock_however_many(connection: asyncpg.Connection) -> None:
    locks = (
        "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'transactionid'"
    )
    await connection.execute("CREATE TEMP TABLE written (a integer)")
    before = await connection.fetchval(locks)
    for number in range(20):
        try:
            async with forgotten(connection), forgotten(connection):
                await connection.execute("CREATE TABLE left_behind (a integer)")
                await connection.execute(f"SELECT 1 / {number % 2}")
        except asyncpg.DivisionByZeroError:
            assert number % 2 == 0

    assert await connection.fetchval("SELECT to_regclass('left_behind')") is None
    assert await connection.fetchval(locks) == before
