"""The README's programs run as they stand there and print what it says."""

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

README = Path(__file__).parents[2] / "README.md"

_FILE = re.compile(
    r"^\*\*`(?P<name>[^`]+)`\*\*\n\n```\w+\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL
)
_OUTPUT = re.compile(r"^```text\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)


def files() -> dict[str, str]:
    return {match["name"]: match["text"] for match in _FILE.finditer(README.read_text())}


def run(program: Path, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, str(program), *args],
        cwd=program.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_tour_prints_what_the_readme_says(tmp_path: Path) -> None:
    tour = tmp_path / "tour.py"
    tour.write_text(files()["tour.py"])
    after = README.read_text().partition(files()["tour.py"])[2]
    said = _OUTPUT.search(after)
    assert said is not None
    assert said["text"] == run(tour)


@pytest.mark.parametrize("maker", ["quantdb.create_pool", "asyncpg.create_pool"])
def test_a_repository_of_ones_own_works_as_the_readme_has_it(
    tmp_path: Path, empty_dsn: str, maker: str
) -> None:
    written = files()
    for name in ("sql/orders/insert.sql", "sql/orders/open.sql", "orders.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written[name])
    program = tmp_path / "main.py"
    program.write_text(
        dedent(f"""
        import asyncio, sys
        from datetime import UTC, datetime
        from decimal import Decimal
        from uuid import uuid4

        import asyncpg, quantdb
        from orders import Order, OrderRepo

        async def main() -> None:
            async with {maker}(sys.argv[1]) as pool:
                await pool.execute(
                    "CREATE TABLE orders (id uuid PRIMARY KEY, symbol text NOT NULL,"
                    " quantity numeric(10,2) NOT NULL, placed_at timestamptz NOT NULL)"
                )
                repo = OrderRepo(pool)
                order = Order(uuid4(), "AAPL", Decimal("1.25"), datetime(2024, 3, 1, tzinfo=UTC))
                assert await repo.insert(order) == order
                assert await repo.open("AAPL") == [order]
                try:
                    await repo.insert(Order(uuid4(), "AAPL", Decimal("1.255"), order.placed_at))
                except quantdb.InexactValue as error:
                    print(error.field)
                assert await repo.open("AAPL") == [order]

        asyncio.run(main())
        """)
    )
    assert run(program, empty_dsn) == "quantity\n"


def test_the_repository_of_the_readme_has_under_twenty_lines() -> None:
    code = [line for line in files()["orders.py"].splitlines() if line.strip()]
    own = code[next(n for n, line in enumerate(code) if line.startswith("@attrs")) :]
    assert len(own) < 20
