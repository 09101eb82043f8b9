"""What doctor says of a cluster."""

import re

import attrs
import pytest

from quantdb.cli.cluster import of_cluster
from quantdb.room import Room

ROOM = Room(100, 3, None, None, 7, 2, 5)


def test_where_there_is_room_each_worker_has_a_share() -> None:
    room, cluster = of_cluster(ROOM, 16, pooled=False)
    assert room.said == (
        "80 connections to share: 100 max_connections − 3 reserved for superusers "
        "− 10 left for others to come − 7 in use by others"
    )
    assert (cluster.mark, cluster.said[:6], cluster.advice) == ("ok", "16 × 5", "")


def test_where_there_is_none_it_says_what_fails_and_what_to_do() -> None:
    _room, cluster = of_cluster(ROOM, 200, pooled=False)
    assert cluster.mark == "warning"
    assert "200 workers need one connection each, and there is room for 80" in cluster.said
    assert "asks again until its acquire_timeout is up" in cluster.said
    (needed,) = re.findall(r"raise max_connections to (\d+)", cluster.advice)
    enough = attrs.evolve(ROOM, max_connections=int(needed))
    assert of_cluster(enough, 200, pooled=False)[1].mark == "ok"
    less = attrs.evolve(ROOM, max_connections=int(needed) - 1)
    assert of_cluster(less, 200, pooled=False)[1].mark == "warning"


@pytest.mark.parametrize("limited", ["role", "database"])
def test_a_limit_of_role_or_database_is_raised_as_far_as_is_needed(limited: str) -> None:
    room = attrs.evolve(ROOM, **{f"{limited}_limit": 20})
    said, cluster = of_cluster(room, 64, pooled=False)
    assert f"at most 20 for the {limited}" in said.said
    assert "max_connections" not in cluster.advice
    (needed,) = re.findall(rf"ALTER {limited.upper()} … CONNECTION LIMIT (\d+)", cluster.advice)
    enough = attrs.evolve(ROOM, **{f"{limited}_limit": int(needed)})
    assert of_cluster(enough, 64, pooled=False)[1].mark == "ok"


def test_behind_a_pooler_workers_take_turns() -> None:
    room, cluster = of_cluster(ROOM, 200, pooled=True)
    assert room.said.startswith("87 connections to share")
    assert "in use by others" not in room.said
    assert cluster.mark == "warning"
    assert "take turns there on 87" in cluster.said
    assert "max_client_conn" in cluster.advice


def test_without_any_room_nobody_is_told_to_run_no_workers() -> None:
    _room, cluster = of_cluster(attrs.evolve(ROOM, held=97), 4, pooled=False)
    assert "room for 0" in cluster.said
    assert "run 0 workers" not in cluster.advice
