"""The README's program for Ray runs as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from quantdb.demo import environment

environment.prepare()
pytest.importorskip("ray.data", reason="Ray Data is not installed")

README = Path(__file__).parents[2] / "README.md"
PROGRAM = re.compile(r"^\*\*`on_ray.py`\*\*\n\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)

AROUND = """
from datetime import UTC, datetime

import pyarrow as pa
from quantdb.demo import environment

environment.prepare()

{program}

from quantdb.demo.cluster import local_ray

AT = datetime(2024, 3, 1, 14, 30, tzinfo=UTC)


def fill(price: str) -> Trade:
    return Trade("AAPL", "buy", Decimal(10), Decimal(price), AT, "XNAS")


if __name__ == "__main__":
    with local_ray(2):
        asyncio.run(settled([[fill("189.5"), fill("190")], [fill("190.25")]]))
        trades = [fill("1.5"), fill("2.25")]
        table = pa.table(
            {{
                "symbol": ["MSFT", "MSFT"],
                "side": ["buy", "buy"],
                "quantity": pa.array([trade.quantity for trade in trades], pa.decimal128(38, 18)),
                "price": pa.array([trade.price for trade in trades], pa.decimal128(38, 18)),
                "executed_at": pa.array([AT, AT], pa.timestamp("us", "UTC")),
                "venue": ["XNAS", "XNAS"],
                "id": [str(trade.id) for trade in trades],
            }}
        )
        tape = ray.data.from_arrow(table).materialize()
        copied(tape)
        copied(tape)
"""


def test_the_program_does_what_the_readme_says(tmp_path: Path, dsn: str) -> None:
    found = PROGRAM.search(README.read_text())
    assert found is not None
    program = tmp_path / "on_ray.py"
    program.write_text(AROUND.format(program=found[1]))
    done = subprocess.run(
        [sys.executable, str(program)],
        env={"QUANTDB_DSN": dsn, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "3 settled",
        "1902.50 USD at most",
        "3 of an actor",
        "Ingest(inserted=2, updated=0, existing=0)",
        "5 in the table",
        "Ingest(inserted=0, updated=0, existing=2)",
        "5 in the table",
    ]
