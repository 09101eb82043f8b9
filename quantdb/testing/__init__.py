"""A pytest plugin for repositories of your own: a database, a pool, a rollback, and the check.

It is loaded where you ask for it: in the ``conftest.py`` at the top of your tests

    pytest_plugins = ["quantdb.testing"]

or by ``-p quantdb.testing`` among pytest's ``addopts``. It brings the fixtures

    quantdb_server       the DSN of a database of this run's own, with quantdb's tables and yours
    quantdb_pool         a pool on it, for tests and fixtures of any scope, in any event loop
    quantdb_connection   a connection in a transaction that is rolled back after the test
    quantdb_check        `quantdb check`, as one test
    quantdb_config       how the pool is made; override it to have it made otherwise

and pytest's settings ``quantdb_sql``, ``quantdb_repos`` and ``quantdb_dsn``.

PYTEST_DONT_REWRITE: there are no assertions here, and a conftest may import this before pytest.
"""

try:
    from quantdb.testing.plugin import Check
except ModuleNotFoundError as error:
    if error.name not in {"pytest", "pytest_asyncio"}:
        raise
    raise ModuleNotFoundError(
        f"quantdb.testing needs {error.name}; run: pip install 'quantdb[testing]'", name=error.name
    ) from None

__all__ = ["Check", "pytest_plugins"]

pytest_plugins = ["quantdb.testing.plugin"]
