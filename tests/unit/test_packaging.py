"""A wheel, an sdist, an editable install and a checkout all find the SQL files."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]

_PROBE = """
from importlib.metadata import version
from quantdb import TradeRepo
from quantdb.schema import migrations
from quantdb.sqlfile import sql_folder

folder = sql_folder()
assert [migration.number for migration, _text in migrations(folder / "schema")]
assert TradeRepo._between.file.text == (folder / "trades/between.sql").read_text()
print(folder)
"""


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def fresh_python(tmp_path_factory: pytest.TempPathFactory, dist: Path) -> Path:
    folder = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    python = folder / "bin/python"
    run(python, "-m", "pip", "install", "--quiet", next(dist.glob("*.whl")), cwd=folder)
    return python


def test_an_installed_wheel_finds_its_sql_inside_the_package(
    fresh_python: Path, tmp_path: Path
) -> None:
    found = Path(run(fresh_python, "-c", _PROBE, cwd=tmp_path))
    assert "site-packages" in found.parts
    assert found.parts[-2:] == ("quantdb", "sql")


def test_an_installed_wheel_needs_no_extra_to_be_imported(
    fresh_python: Path, tmp_path: Path
) -> None:
    assert (
        run(fresh_python, "-c", "import quantdb; print(quantdb.Trade.__name__)", cwd=tmp_path)
        == "Trade"
    )


def test_a_command_without_its_extra_says_which_one_is_missing(
    fresh_python: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [str(fresh_python.parent / "quantdb"), "doctor"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'quantdb[cli]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_strangers_file_is_strictly_typed_without_the_drivers_stubs(
    fresh_python: Path, tmp_path: Path, checker: str
) -> None:
    program = Path(sys.executable).parent / checker
    if not program.exists():
        pytest.skip(f"{checker} is not installed; make lint installs it")
    (tmp_path / "stranger.py").write_text((ROOT / "tests/typing/stranger.py").read_text())
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    options = {
        "mypy": ["--strict", "--python-executable", str(fresh_python)],
        "pyright": ["--pythonpath", str(fresh_python)],
    }[checker]
    run(program, *options, "stranger.py", cwd=tmp_path)


def test_the_sdist_makes_the_same_wheel(dist: Path, tmp_path: Path) -> None:
    run(
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
        "--wheel-dir", tmp_path, next(dist.glob("*.tar.gz")),
        cwd=tmp_path,
    )  # fmt: skip
    with ZipFile(next(dist.glob("*.whl"))) as one, ZipFile(next(tmp_path.glob("*.whl"))) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())


def test_a_checkout_finds_its_sql_beside_the_package(tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{_PROBE}".replace(
        "from importlib.metadata import version\n", ""
    )
    assert run(sys.executable, "-I", "-c", code, cwd=tmp_path) == str(ROOT / "sql")


def test_an_editable_install_finds_the_sql_of_its_checkout(
    fresh_python: Path, tmp_path: Path
) -> None:
    venv = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--system-site-packages", venv, cwd=tmp_path)
    run(
        venv / "bin/python", "-m", "pip", "install", "--quiet", "--no-deps", "--editable", ROOT,
        cwd=tmp_path,
    )  # fmt: skip
    site = run(
        fresh_python,
        "-c",
        "import asyncpg; print(asyncpg.__path__[0].rsplit('/', 1)[0])",
        cwd=tmp_path,
    )
    probe = f"import sys; sys.path.append({site!r})\n{_PROBE}"
    assert run(venv / "bin/python", "-c", probe, cwd=tmp_path) == str(ROOT / "sql")
