"""The fixtures and settings of the plugin.

PYTEST_DONT_REWRITE: the package has imported this before pytest does.
"""

import os
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, Protocol, get_args

import asyncpg
import pytest
import pytest_asyncio

from quantdb.check.report import as_text
from quantdb.config import PoolConfig
from quantdb.database import FullConnection
from quantdb.errors import QuantDBError
from quantdb.pool import Pool
from quantdb.testing import databases
from quantdb.testing.pools import LoopPool, rolled_back

__all__ = [
    "Check",
    "pytest_addoption",
    "quantdb_check",
    "quantdb_config",
    "quantdb_connection",
    "quantdb_pool",
    "quantdb_server",
]

LoopScope = Literal["function", "class", "module", "package", "session"]

_CONNECTION: Final = "_quantdb_connection_in_{}_loop"


class Check(Protocol):
    """What the fixture `quantdb_check` gives."""

    def __call__(self, *repos: str, sql: Path | None = None) -> None:
        """Fail the test, with a report, if ``quantdb check`` finds a problem.

        Args:
            repos: The modules that hold your repositories; by default the setting
                ``quantdb_repos``.
            sql: The SQL folder; by default the setting ``quantdb_sql``, or the folder of the
                statements that the repositories name.
        """
        ...


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the settings."""
    help_of_dsn = (
        "the PostgreSQL server on which databases for tests are made and dropped; "
        "also QUANTDB_TEST_DSN; by default an embedded one"
    )
    parser.getgroup("quantdb").addoption(
        "--quantdb-dsn", dest="quantdb_dsn", metavar="DSN", help=help_of_dsn
    )
    parser.addini("quantdb_dsn", help_of_dsn, default="")
    parser.addini(
        "quantdb_sql",
        "folders of SQL files, whose schema the database for tests gets and which are checked",
        type="paths",
        default=[],
    )
    parser.addini(
        "quantdb_repos",
        "modules that hold the repositories that are checked",
        type="args",
        default=[],
    )


@pytest.fixture(scope="session", name="_quantdb_host")
def host(pytestconfig: pytest.Config) -> Iterator[str]:
    """The DSN of the server on which this run makes its databases."""
    given: object = (
        pytestconfig.getoption("quantdb_dsn")
        or os.environ.get("QUANTDB_TEST_DSN")
        or pytestconfig.getini("quantdb_dsn")
    )
    with _told("there is no server for the tests"), databases.server(str(given or "")) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def quantdb_server(_quantdb_host: str, pytestconfig: pytest.Config) -> Iterator[str]:
    """The DSN of a database of this run's own, with quantdb's tables and yours.

    It is on the server that ``--quantdb-dsn``, QUANTDB_TEST_DSN or the setting ``quantdb_dsn``
    names, whose role must be allowed to create databases; without one, on an embedded server. It is
    made for the run (with pytest-xdist, for each worker) and dropped at its end. The migrations of
    the folders in the setting ``quantdb_sql`` are applied.
    """
    folders: Sequence[Path] = pytestconfig.getini("quantdb_sql")
    with (
        _told("there is no database for the tests"),
        databases.fresh_database(_quantdb_host) as dsn,
    ):
        databases.migrated(dsn, folders)
        yield dsn


@pytest.fixture(scope="session")
def quantdb_config(quantdb_server: str) -> PoolConfig:
    """How `quantdb_pool` is made; override it for codecs of your own, or other limits."""
    return PoolConfig(
        quantdb_server,
        min_size=0,
        max_size=10,
        close_timeout=2,
        application_name="quantdb tests",
    )


@pytest.fixture(scope="session")
def quantdb_pool(quantdb_config: PoolConfig) -> Iterator[Pool]:
    """A pool on the database of this run, for tests and fixtures of any scope, in any event loop.

    What is written through it stays for the run; with `quantdb_connection` it does not.
    """
    pool = LoopPool(quantdb_config)
    yield pool
    pool.finish()


@pytest.fixture
def quantdb_connection(request: pytest.FixtureRequest) -> FullConnection:
    """A connection of `quantdb_pool` in a transaction that is rolled back after the test.

    It belongs to the event loop in which the test runs.
    """
    connection: FullConnection = request.getfixturevalue(_CONNECTION.format(_loop_scope(request)))
    return connection


def _loop_scope(request: pytest.FixtureRequest) -> str:
    """Return the scope of the event loop in which the test runs."""
    node: pytest.Item = request.node
    mark = node.get_closest_marker("asyncio")
    given: Mapping[str, object] = mark.kwargs if mark else {}
    chosen = given.get("loop_scope") or given.get("scope")  # its older name
    return str(chosen or request.config.getini("asyncio_default_test_loop_scope"))


def _connection_in(scope: LoopScope) -> Callable[[Pool], AsyncIterator[FullConnection]]:
    @pytest_asyncio.fixture(loop_scope=scope, name=_CONNECTION.format(scope))
    async def connection(quantdb_pool: Pool) -> AsyncIterator[FullConnection]:
        """A connection for the tests that run in the loop of a scope."""
        async with rolled_back(quantdb_pool) as connection:
            yield connection

    return connection


_in_function, _in_class, _in_module, _in_package, _in_session = map(
    _connection_in, get_args(LoopScope)
)


@pytest.fixture
def quantdb_check(_quantdb_host: str, pytestconfig: pytest.Config) -> Check:
    """What does `quantdb check` in a test: on an empty database of its own; see `Check`."""

    def run(*repos: str, sql: Path | None = None) -> None:
        modules: Sequence[str] = repos or pytestconfig.getini("quantdb_repos")
        folders: Sequence[Path | None] = [sql] if sql else pytestconfig.getini("quantdb_sql")
        with _told("quantdb check"), databases.fresh_database(_quantdb_host) as dsn:
            reports = [databases.checked(dsn, folder, modules) for folder in folders or [None]]
        told = "\n\n".join(map(as_text, reports))
        if any(report.failed for report in reports):
            pytest.fail(told, pytrace=False)
        sys.stdout.write(f"{told}\n")

    return run


@contextmanager
def _told(what: str) -> Generator[None]:
    """Fail in words, and not with a traceback of ours."""
    try:
        yield
    except (QuantDBError, OSError, asyncpg.PostgresError) as error:
        said = "\n".join([str(error), *getattr(error, "__notes__", ())])
        raise pytest.fail.Exception(f"{what}: {said}", pytrace=False) from None
