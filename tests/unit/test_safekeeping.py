"""A DSN stays on its machine while a config travels; or it is a reference from the start."""

import copy
import os
import pickle
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from quantdb import ConfigError, PoolConfig
from quantdb.safekeeping import entrusted, retrieved

CANARY = "c4n4ry"
DSN = f"postgresql://ann:{CANARY}@db.example.com:5433/desk?sslmode=require&sslpassword={CANARY}"
PASSWORDLESS = "postgresql://ann@db.example.com:5433/desk?sslmode=require"

UNPICKLE = """
import pickle, sys
config = pickle.loads(sys.stdin.buffer.read())
target = config.target()
print(config.max_size, target.hosts, target.password() if target.password else None)
"""


def unpickled_elsewhere(pickled: bytes, **environment: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", UNPICKLE],
        input=pickled,
        capture_output=True,
        check=True,
        env={**os.environ, **environment},
    )
    return ran.stdout.decode().strip()


@pytest.fixture
def config() -> Iterator[PoolConfig]:
    yield PoolConfig(DSN, max_size=7)
    reference = entrusted(DSN)
    Path(reference).unlink(missing_ok=True)


def test_a_pickle_holds_no_password_and_gives_the_same_config(config: PoolConfig) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        pickled = pickle.dumps(config, protocol)
        assert CANARY.encode() not in pickled
        copied = pickle.loads(pickled)
        assert copied == config
        assert hash(copied) == hash(config)
    assert copy.copy(config) is copy.deepcopy(config) is config


def test_another_process_of_the_same_user_finds_the_dsn(config: PoolConfig) -> None:
    assert unpickled_elsewhere(pickle.dumps(config)) == f"7 db.example.com:5433 {CANARY}"


def test_what_is_kept_is_for_this_user_alone_and_goes_with_the_process() -> None:
    script = (
        "import pickle; from quantdb import PoolConfig; from quantdb.safekeeping import entrusted\n"
        f"config = PoolConfig({DSN!r}); pickle.dumps(config); print(entrusted(config.dsn))\n"
        "import os; print(oct(os.stat(entrusted(config.dsn)).st_mode & 0o777))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    path, mode = ran.stdout.split()

    assert mode == "0o600"
    assert not Path(path).exists()
    assert not Path(path).parent.exists()


def test_where_it_is_not_found_the_driver_looks_for_the_password(
    config: PoolConfig, caplog: pytest.LogCaptureFixture
) -> None:
    pickled = pickle.dumps(config).replace(
        Path(entrusted(DSN)).name.encode(), b"0" * len(Path(entrusted(DSN)).name)
    )
    found: PoolConfig = pickle.loads(pickled)

    assert found == attrs.evolve(config, dsn=PASSWORDLESS)
    assert "PGPASSWORD" in caplog.text


def test_a_file_that_others_can_read_or_write_is_not_believed(tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    planted.write_text("postgresql://evil.example.com/db")
    planted.chmod(0o644)
    link = tmp_path / "link"
    link.symlink_to(planted)
    assert retrieved(str(planted)) is None
    planted.chmod(stat.S_IRUSR)
    assert retrieved(str(link)) is None
    assert retrieved(str(tmp_path)) is None
    assert retrieved("\0") is None
    assert retrieved(str(planted)) == "postgresql://evil.example.com/db"


def test_a_dsn_without_a_password_travels_as_it_is() -> None:
    config = PoolConfig("postgresql://ann@/desk?host=/var/run/postgresql", min_size=0)

    assert pickle.loads(pickle.dumps(config)) == config
    assert unpickled_elsewhere(pickle.dumps(config)) == "20 /var/run/postgresql None"


def test_a_variable_is_looked_up_where_a_connection_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = PoolConfig("env:DESK_DSN", max_size=3, min_size=0)
    with pytest.raises(ConfigError, match="DESK_DSN, which is not set here"):
        config.target()
    monkeypatch.setenv("DESK_DSN", DSN)

    assert config.target().hosts == "db.example.com:5433"
    assert CANARY not in repr(config)
    pickled = pickle.dumps(config)
    assert CANARY.encode() not in pickled
    other = "postgresql://bob:x@other.example.com/desk"
    assert unpickled_elsewhere(pickled, DESK_DSN=other) == "3 other.example.com x"


def test_a_file_is_read_where_a_connection_is_made(tmp_path: Path) -> None:
    path = tmp_path / "dsn"
    config = PoolConfig(f"file:{path}")
    with pytest.raises(ConfigError, match="cannot be read"):
        config.target()
    path.write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        config.target()
    path.write_text(f"{DSN}\n# the desk's\n")

    assert config.target().hosts == "db.example.com:5433"
    assert pickle.loads(pickle.dumps(config)) == config


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("env:", "must begin with postgresql://"),
        ("env:A B", "must name a variable"),
        ("env:1A", "must name a variable"),
        ("file:dsn", "absolute path"),
    ],
)
def test_a_reference_to_nothing_is_refused_at_once(dsn: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        PoolConfig(dsn)


def test_what_a_variable_holds_is_checked_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_DSN", f"mysql://ann:{CANARY}@db.example.com/desk")

    with pytest.raises(ConfigError, match="must begin with postgresql://") as caught:
        PoolConfig("env:DESK_DSN").target()
    assert CANARY not in str(caught.value)
