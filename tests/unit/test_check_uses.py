"""Every Query of the code is found, where it is made and where its verbs are called."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from packages import Package, importable, package
from test_statements import claims

import quantdb
from quantdb import ConfigError, Connection, Query, sqlfile
from quantdb.check.calls import Call
from quantdb.check.hints import UNKNOWN
from quantdb.check.uses import OWN, Found, Use, found
from quantdb.sqlfile import mistakes_deferred

SQL: Final = {
    "get.sql": ":one\nSELECT id, name FROM users WHERE id = $1;",
    "all.sql": ":many\nSELECT id, name FROM users ORDER BY id;",
    "count.sql": ":one\nSELECT count(*) FROM users;",
    "add.sql": ":one\nINSERT INTO users VALUES ($1, $2) RETURNING id, name;",
    "drop.sql": ":exec\nDROP TABLE users;",
    "stray.sql": ":exec\nDROP TABLE users;",
}
REPOS: Final = """
    from pathlib import Path
    from typing import Final
    from uuid import UUID

    import attrs

    from quantdb import Query, Repo, sqlfile

    SQL = Path(__file__).parents[1] / "sql"


    @attrs.frozen
    class User:
        id: int
        name: str


    @attrs.frozen
    class Both:
        number: int
        text: str


    COUNT: Final = Query(SQL / "count.sql", int)
    RAW = sqlfile.read(SQL / "drop.sql")


    class Base(Repo):
        _get = Query(SQL / "get.sql", User)

        async def get(self, id: int) -> User:
            return await self._get.one(self.db, id)

        class Inner:
            deep: Query[User] = Query(SQL / "all.sql", User)


    class Users(Base):
        __add = Query(SQL / "add.sql", User)
        table = {"more": [Query(SQL / "all.sql", User)]}

        async def add(self, id: int, name: str) -> User:
            return await self.__add.one(self.db, id, name)

        async def store(self, both: Both) -> User:
            return await self.__add.store(self.db, both)

        async def store_new(self) -> User:
            return await self.__add.store(self.db, Both(1, "a"))

        async def store_any(self, given: object) -> User:
            return await self.__add.store(self.db, given)

        @classmethod
        async def find(cls, db: object, id: UUID) -> User | None:
            async def work(connection: object) -> User | None:
                return await cls._get.find(connection, id)

            return await work(db)

        async def by_class(self, both: Both) -> User:
            await type(self)._get.one(db=self.db)
            await Base._get.one(self.db, both.number)
            return await self.__class__._get.one(self.db, *[1])

        async def rebound(self, id: UUID | str) -> User:
            id = 1
            return await self._get.one(self.db, id)

        async def otherwise(self, COUNT: Query[int]) -> None:
            query = self._get
            await query.run(self.db)
            await COUNT.run(self.db)
            await getattr(self, "_get").run(self.db)
            await helper(self._get)
            self._get.nothing(self.db)


    async def count(db: object) -> int:
        await Base.Inner.deep.all(db)
        return await COUNT.one(db)


    async def helper(query: Query[User]) -> None:
        await query.run(1)
        Query(SQL / "local.sql")
"""
OTHERS: Final = """
    from . import repos
    from .repos import COUNT as HOW_MANY, Users

    async def total(db: object) -> int:
        await repos.COUNT.one(db, timeout=1)
        await Users._get.all(db, 1)
        return await HOW_MANY.one(db)
"""


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Package, Found]]:
    folder = tmp_path_factory.mktemp("users")
    made = package(folder, {"repos.py": REPOS, "others.py": OTHERS}, SQL)
    with importable(folder):
        yield made, made.found()


Users = tuple[Package, Found]


def use(users: Users, name: str) -> Use:
    (only,) = [each for each in users[1].uses if each.name == name]
    return only


def calls(each: Use) -> list[tuple[str, int | None]]:
    """Verbs, with how many arguments are given."""
    return [(call.verb, _count(call)) for call in each.calls]


def _count(call: Call) -> int | None:
    return None if call.arguments is None else len(call.arguments)


def test_each_query_is_found_once_by_the_name_and_at_the_place_where_it_is_made(
    users: Users,
) -> None:
    made, everything = users
    lines = {each.name: str(each.place) for each in everything.uses}

    assert lines == {
        "COUNT": made.line('COUNT: Final = Query(SQL / "count.sql", int)'),
        "Base._get": made.line('_get = Query(SQL / "get.sql", User)'),
        "Base.Inner.deep": made.line('deep: Query[User] = Query(SQL / "all.sql", User)'),
        "Users._Users__add": made.line('__add = Query(SQL / "add.sql", User)'),
        "Users.table": made.line('table = {"more": [Query(SQL / "all.sql", User)]}'),
    }
    assert everything.complete
    assert everything.problems == ()


def test_it_has_its_file_and_its_row_type(users: Users) -> None:
    get, count = use(users, "Base._get"), use(users, "COUNT")

    assert get.file == "get.sql"
    assert get.shape is not None
    assert get.shape.name == "User"
    assert count.shape is not None
    assert count.shape.kind == "plain"


def test_a_file_that_is_only_read_counts_and_so_does_one_that_is_mentioned(users: Users) -> None:
    _made, everything = users

    assert everything.files == {"drop.sql"}
    assert everything.mentions == {"local.sql"}
    assert set(everything.headers) == set(SQL)


def test_calls_are_found_through_self_cls_classes_and_closures(users: Users) -> None:
    assert calls(use(users, "Base._get")) == [
        ("all", 1),  # of the module that comes first by name
        ("one", 1),
        ("find", 1),
        ("one", 0),
        ("one", 1),
        ("one", None),
        ("one", 1),
    ]
    assert calls(use(users, "COUNT")) == [("one", 0), ("one", 0), ("one", 0)]
    assert calls(use(users, "Base.Inner.deep")) == [("all", 0)]


def test_a_query_whose_verbs_are_called_out_of_sight_has_no_calls(users: Users) -> None:
    assert calls(use(users, "Users.table")) == []
    assert "run" not in [call.verb for call in use(users, "Base._get").calls]


def test_the_model_that_is_stored_is_known_by_its_annotation(users: Users) -> None:
    fields = [
        [field.name for field in call.fields]
        for call in use(users, "Users._Users__add").calls
        if call.verb == "store"
    ]

    assert fields == [["number", "text"], ["number", "text"], []]


PASSED_ON: Final = """
    from uuid import UUID

    from quantdb import Query, Repo

    from .models import SQL, User


    class Users(Repo):
        _get = Query(SQL / "get.sql", User)

        async def one(
            self, db: object, id: UUID, user: User, *more: int, name: "str | None"
        ) -> None:
            await self._get.one(db, id)
            await self._get.one(db, name)
            await self._get.one(db, user.number)
            await self._get.one(db, user.nothing)
            await self._get.one(db, "text")
            await self._get.one(db, None)
            await self._get.one(db, more)
            await self._get.one(db, id + 1)

            def again(id: int) -> object:
                return self._get.one(db, id)

        async def two(self, db: object, id: UUID, name: str) -> None:
            for id in range(3):
                await self._get.one(db, id)
            with open(name) as name:
                await self._get.one(db, name)

        async def three(self, db: object, untyped, ghost: "Ghost") -> None:
            await self._get.one(db, untyped)
            await self._get.one(db, ghost)
"""
MODELS: Final = """
    from pathlib import Path

    import attrs

    SQL = Path(__file__).parents[1] / "sql"


    @attrs.frozen
    class User:
        number: int
"""


def test_what_is_passed_on_has_the_annotation_of_its_parameter(tmp_path: Path) -> None:
    made = package(tmp_path, {"repos.py": PASSED_ON, "models.py": MODELS}, SQL)
    with importable(tmp_path):
        (get,) = made.found().uses
    sent = [argument for call in get.calls for argument in call.arguments or ()]

    unknown = UNKNOWN.annotation
    assert [(each.said, each.hint.annotation) for each in sent] == [
        ("id", UUID),
        ("name", str | None),
        ("user.number", int),
        ("user.nothing", unknown),
        ("'text'", str),
        ("None", unknown),
        ("more", unknown),
        ("id + 1", unknown),
        ("id", int),  # of the function inside
        ("id", unknown),  # bound again
        ("name", unknown),
        ("untyped", unknown),
        ("ghost", unknown),
    ]


def test_a_method_works_with_the_queries_of_those_that_inherit_it(tmp_path: Path) -> None:
    text = """
        from pathlib import Path

        from quantdb import Query, Repo

        SQL = Path(__file__).parents[1] / "sql"


        class Counting:
            async def count(self) -> int:
                return await self._count.one(self.db)


        class Users(Counting, Repo):
            _count = Query(SQL / "count.sql", int)


        class Orders(Counting, Repo):
            _count = Query(SQL / "all.sql", int)
    """
    made = package(tmp_path, {"repos.py": text}, SQL)
    with importable(tmp_path):
        uses = made.found().uses

    assert [(each.file, calls(each)) for each in uses] == [
        ("count.sql", [("one", 0)]),
        ("all.sql", [("one", 0)]),
    ]


def test_a_method_that_is_overridden_works_with_the_queries_of_its_own_class(
    tmp_path: Path,
) -> None:
    text = """
        from pathlib import Path

        from quantdb import Query, Repo

        SQL = Path(__file__).parents[1] / "sql"


        class Users(Repo):
            _get = Query(SQL / "get.sql", int)

            async def get(self, id: int) -> int:
                return await self._get.one(self.db, id)

            async def first(self) -> int:
                return await self._get.find(self.db)


        class Special(Users):
            _get = Query(SQL / "count.sql", int)

            async def get(self, id: int, kind: str) -> int:
                return await self._get.one(self.db, id, kind)
    """
    made = package(tmp_path, {"repos.py": text}, SQL)
    with importable(tmp_path):
        uses = made.found().uses

    assert [(each.file, calls(each)) for each in uses] == [
        ("get.sql", [("one", 1), ("find", 0)]),
        ("count.sql", [("find", 0), ("one", 2)]),
    ]


def test_a_proxy_is_not_asked_what_it_stands_for(tmp_path: Path) -> None:
    text = """
        class Proxy:
            @property
            def __class__(self) -> type:
                raise RuntimeError("too early")

        current = Proxy()
    """
    made = package(tmp_path, {"repos.py": text}, SQL)
    with importable(tmp_path):
        everything = made.found()

    assert (everything.uses, everything.problems) == ((), ())


def test_a_query_of_a_module_that_is_not_named_is_found_where_it_is_called(tmp_path: Path) -> None:
    statements = """
        from pathlib import Path

        from quantdb import Query

        COUNT = Query(Path(__file__).parents[1] / "sql/count.sql", int)
        GET = Query(Path(__file__).parents[1] / "sql/get.sql", int)
    """
    repos = """
        from . import statements
        from .statements import GET

        async def count(db: object) -> int:
            return await statements.COUNT.one(db)
    """
    made = package(tmp_path, {"statements.py": statements, "repos.py": repos}, SQL)
    with importable(tmp_path):
        uses = {each.file: str(each.place) for each in made.found("repos").uses}

    assert uses == {
        "count.sql": made.line("return await statements.COUNT.one(db)"),
        "get.sql": made.line(
            'GET = Query(Path(__file__).parents[1] / "sql/get.sql", int)', "statements.py"
        ),
    }


def test_what_the_users_code_has_from_quantdb_is_not_its_own(tmp_path: Path) -> None:
    text = """
        from pathlib import Path

        from quantdb import Query, TradeRepo

        SQL = Path(__file__).parents[1] / "sql"


        class Trades(TradeRepo):
            _more = Query(SQL / "all.sql", int)

            async def more(self) -> int:
                await self._get.one(self.db, 1)
                await TradeRepo._count.one(self.db)
                return await self._more.all(self.db)
    """
    made = package(tmp_path, {"repos.py": text}, SQL)
    with importable(tmp_path):
        assert [each.name for each in made.found().uses] == ["Trades._more"]


# What cannot be imported


def broken(folder: Path, text: str, **others: str) -> tuple[Package, Found]:
    """A package of a module that breaks and of one that does not."""
    modules = {f"{name}.py": other for name, other in others.items()}
    made = package(folder, {"broken.py": text, "repos.py": REPOS, **modules}, SQL)
    with importable(folder):
        return made, made.found()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("import quantdb\nimport no_such_module\n", 2, "No module named 'no_such_module'"),
        ("from quantdb import Tade\n", 1, "cannot import name 'Tade'"),
        ("x = 1\ny = = 2\n", 2, "SyntaxError: invalid syntax"),
        ("def f():\n    return 1 / 0\n\nf()\n", 2, "ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
        ("from decimal import Decimal\n\nDecimal('x')\n", 3, "InvalidOperation"),
    ],
)
def test_a_module_that_breaks_is_one_problem_and_the_rest_goes_on(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    made, everything = broken(tmp_path, text)
    (problem,) = everything.problems

    assert problem.rule == "import"
    assert str(problem.place) == f"{made.folder / 'broken.py'}:{line}"
    assert said in problem.message
    assert {each.name for each in everything.uses} >= {"COUNT", "Base._get"}
    assert not everything.complete


def test_the_statement_that_led_to_a_break_is_related(tmp_path: Path) -> None:
    made, everything = broken(tmp_path, "def f():\n    return 1 / 0\n\nf()\n")

    assert [str(each) for each in everything.problems[0].related] == [
        f"{made.folder / 'broken.py'}:4"
    ]


def test_what_breaks_several_modules_is_told_once_a_module(tmp_path: Path) -> None:
    made, everything = broken(tmp_path, "x = = 1\n", user="from . import broken\n")

    places = {str(problem.place) for problem in everything.problems}
    assert places == {f"{made.folder / 'broken.py'}:1"}


def test_a_module_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with importable(tmp_path):
        (problem,) = found(["users_of_nothing.repos"], tmp_path).problems

    assert problem.rule == "import"
    assert "there is no module users_of_nothing" in problem.message


def test_main_is_not_run(tmp_path: Path) -> None:
    modules = {"__main__.py": "raise AssertionError('was run')", "repos.py": REPOS}
    made = package(tmp_path, modules, SQL)
    with importable(tmp_path):
        assert made.found().problems == ()


# Mistakes in SQL files


def test_a_query_whose_file_is_bad_is_made_all_the_same_and_says_so_when_it_is_run(
    tmp_path: Path,
) -> None:
    statements = {**SQL, "get.sql": ":lots\nSELECT 1;"}
    del statements["count.sql"]
    made = package(tmp_path, {"repos.py": REPOS}, statements)
    with importable(tmp_path):
        mistakes = {each.name: each.mistake for each in made.found().uses if each.mistake}

    assert set(mistakes) == {"Base._get", "COUNT"}
    assert "':lots' is none of" in mistakes["Base._get"]
    assert "there is no such SQL file" in mistakes["COUNT"]


def test_a_statement_with_a_mistake_is_known_by_its_path_alone(tmp_path: Path) -> None:
    with mistakes_deferred():
        query = Query(tmp_path / "missing.sql", int)

    assert query.row is int
    assert query.file.path == str(tmp_path / "missing.sql")
    with pytest.raises(ConfigError, match=r"missing\.sql: there is no such SQL file"):
        _ = query.file.text
    with pytest.raises(ConfigError, match=r"missing\.sql: there is no such SQL file"):
        query.file.must_be_right()
    with pytest.raises(ConfigError, match="there is no such SQL file"):
        Query(tmp_path / "missing.sql", int)


async def test_every_verb_raises_it(tmp_path: Path, connection: Connection) -> None:
    with mistakes_deferred():
        query = Query(tmp_path / "missing.sql", int)

    for verb in (query.one, query.find, query.all, query.run):
        with pytest.raises(ConfigError, match="there is no such SQL file"):
            await verb(connection, 1)
    with pytest.raises(ConfigError, match="there is no such SQL file"):
        await anext(query.stream(connection))
    with pytest.raises(ConfigError, match="there is no such SQL file"):
        await query.store(connection, quantdb.NewUser("Ada"))


# quantdb's own


def test_every_statement_of_quantdb_is_found_in_its_own_modules() -> None:
    everything = found(OWN)
    folder = sqlfile.sql_folder()
    known = {each.file for each in everything.uses} | everything.files

    assert everything.problems == ()
    assert {claim.file.relative_to(folder).as_posix() for claim in claims()} == known
    assert {(claim.attribute, claim.file.name) for claim in claims()} >= {
        (each.name.rpartition(".")[2], Path(each.path).name) for each in everything.uses
    }
    assert everything.complete


def test_the_files_of_a_copy_stand_for_those_that_quantdb_names(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(sqlfile.sql_folder(), copy)
    header = (copy / "trades/get.sql").read_text("utf-8").replace(":one", ":many", 1)
    (copy / "trades/get.sql").write_text(header, "utf-8")

    here, there = found(OWN), found(OWN, copy)

    assert [each.file for each in here.uses] == [each.file for each in there.uses]
    assert None not in {each.file for each in there.uses}
    assert there.headers["trades/get.sql"].cardinality == "many"


def test_a_folder_of_the_users_own_is_no_copy(tmp_path: Path) -> None:
    (tmp_path / "trades").mkdir()
    (tmp_path / "trades/get.sql").write_text("-- name: get :one\nSELECT 1;\n", "utf-8")

    assert {None} == {each.file for each in found(OWN, tmp_path).uses}


HERE: Final = Path(quantdb.__file__).parents[1]
PROBE: Final = """
import sys
from pathlib import Path
import quantdb
assert Path(quantdb.__file__).is_relative_to(Path.cwd()), quantdb.__file__
from quantdb.check.uses import OWN, found
for use in found(OWN).uses:
    if use.mistake:
        print(use.name, use.mistake)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of quantdb with its statements, to be spoilt."""
    package_folder = Path(quantdb.__file__).parent
    ignored = shutil.ignore_patterns("__pycache__", "demo")
    shutil.copytree(package_folder, tmp_path / "quantdb", ignore=ignored)
    shutil.copytree(sqlfile.sql_folder(), tmp_path / "sql")
    return tmp_path


def run(checkout: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=checkout
    )


def test_statements_of_quantdb_with_mistakes_are_found_and_not_died_of(checkout: Path) -> None:
    for file in ("trades/get.sql", "migrations/lock.sql", "types/describe.sql", "doctor/ping.sql"):
        path = checkout / "sql" / file
        path.write_text("SELECT 1;\n", "utf-8")

    done = run(checkout, PROBE)

    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert {"TradeRepo._get", "_lock", "_PING"} == set(said), done.stderr
    assert f"{checkout}/sql/trades/get.sql:1: the first line must be" in said["TradeRepo._get"]


def test_a_mistake_still_fails_where_the_repositories_are_imported(checkout: Path) -> None:
    (checkout / "sql/trades/get.sql").write_text("SELECT 1;\n", "utf-8")

    assert run(checkout, "import quantdb; quantdb.PoolConfig").returncode == 0
    for code in (
        "from quantdb import TradeRepo",
        "import quantdb; quantdb.migrate, quantdb.UserRepo",
    ):
        done = run(checkout, code)
        assert done.returncode == 1
        assert "ConfigError" in done.stderr
        assert "get.sql:1: the first line must be the header" in done.stderr


def test_check_is_the_one_command_that_begins_in_spite_of_a_mistake(checkout: Path) -> None:
    pytest.importorskip("cyclopts")
    (checkout / "sql/trades/get.sql").write_text("SELECT 1;\n", "utf-8")

    codes = [
        run(checkout, f"from quantdb.cli import main; main([{command!r}, '--help'])").returncode
        for command in ("check", "doctor")
    ]
    assert codes == [0, 1]


def test_importing_quantdb_reads_no_statement_of_a_repository() -> None:
    code = "import quantdb, sys; print(*sys.modules)"
    loaded = set(run(HERE, code).stdout.split())

    assert "quantdb.query" in loaded
    assert set() == loaded & {"quantdb.repos", "quantdb.schema", "quantdb.repos.trades"}


def test_what_is_imported_later_is_there_all_the_same() -> None:
    code = """
import quantdb
assert {"TradeRepo", "migrate"} <= set(dir(quantdb))
assert quantdb.repos.TradeRepo is quantdb.TradeRepo
assert quantdb.schema.migrate is quantdb.migrate
from quantdb import *
assert TradeRepo is quantdb.TradeRepo
try:
    quantdb.Tade
except AttributeError as error:
    print(error)
"""

    assert run(HERE, code).stdout == "module 'quantdb' has no attribute 'Tade'\n"
