"""Ray on this machine, for the tests of a module."""

from collections.abc import Iterator

import pytest

pytest.importorskip("ray.exceptions", reason="Ray is not installed")

from quantdb.demo.cluster import local_ray


@pytest.fixture(scope="module")
def two_workers() -> Iterator[None]:
    with local_ray(2):
        yield
