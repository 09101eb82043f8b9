"""The checker of list-append histories finds what is planted, and nothing where nothing is."""

import random
from collections.abc import Mapping, Sequence
from typing import Literal

import pytest
from soak.anomalies import Append, Read, Transaction, anomalies

History = tuple[Sequence[Transaction], Mapping[int, Sequence[int]]]


def acked(number: int, *steps: Append | Read) -> Transaction:
    return Transaction(number, steps, "acked")


A, R = Append, Read
FATES: list[Literal["acked", "not_applied", "unknown"]] = [
    "acked",
    "acked",
    "unknown",
    "not_applied",
]
PLANTED: dict[str, History] = {
    "lost": ([acked(1, A(1, 1))], {1: []}),
    "duplicate": ([acked(1, A(1, 1))], {1: [1, 1]}),
    "of nobody": ([], {1: [7]}),
    "phantom": ([Transaction(1, [A(1, 1)], "not_applied")], {1: [1]}),
    "reordered": ([acked(1, A(1, 1)), acked(2, A(1, 2)), acked(3, R(1, (2,)))], {1: [1, 2]}),
    "torn": ([Transaction(1, [A(1, 1), A(2, 2)], "unknown")], {1: [1], 2: []}),
    "internal": ([acked(1, A(1, 1), R(1, ()))], {1: [1]}),
    "G0": (
        [acked(1, A(1, 1), A(2, 1)), acked(2, A(1, 2), A(2, 2))],
        {1: [1, 2], 2: [2, 1]},
    ),
    "G1a": (
        [Transaction(1, [A(1, 1)], "not_applied"), acked(2, R(1, (1,)))],
        {1: [1]},
    ),
    "G1b": ([acked(1, A(1, 1), A(1, 2)), acked(2, R(1, (1,)))], {1: [1, 2]}),
    "G1c": (
        [acked(1, A(1, 1), R(2, (2,))), acked(2, A(2, 2), R(1, (1,)))],
        {1: [1], 2: [2]},
    ),
    "G-single": (
        [acked(1, R(1, ()), R(2, (2,))), acked(2, A(1, 1), A(2, 2))],
        {1: [1], 2: [2]},
    ),
    "G2": (
        [acked(1, R(1, ()), A(2, 2)), acked(2, R(2, ()), A(1, 1))],
        {1: [1], 2: [2]},
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(name: str) -> None:
    history, final = PLANTED[name]
    found = anomalies(history, final)
    assert any(one.startswith(f"{name}:") for one in found), found


def test_a_long_cycle_is_found() -> None:
    """Each reads the list that the next one appends to, around a ring of fifty."""
    ring = [acked(n, R(n, ()), A((n + 1) % 50, n)) for n in range(50)]
    final = {(n + 1) % 50: [n] for n in range(50)}
    assert [f"G2: {[*range(50)]}"] == anomalies(ring, final)


@pytest.mark.parametrize("seed", range(20))
def test_a_serial_history_is_clean_and_one_with_a_stale_read_is_not(seed: int) -> None:
    rng = random.Random(seed)
    lists: dict[int, list[int]] = {key: [] for key in range(4)}
    history: list[Transaction] = []
    for number in range(300):
        before = {key: [*values] for key, values in lists.items()}
        steps: list[Append | Read] = []
        for place in range(rng.randint(1, 5)):
            key = rng.randrange(4)
            if rng.random() < 0.5:
                lists[key].append(number * 10 + place)
                steps.append(Append(key, number * 10 + place))
            else:
                steps.append(Read(key, tuple(lists[key])))
        fate = rng.choice(FATES)
        if fate == "not_applied" or (fate == "unknown" and rng.random() < 0.5):
            lists = before
        history.append(Transaction(number, steps, fate))
    rng.shuffle(history)
    assert anomalies(history, lists) == []
    # Somebody writes by what he read long ago: a lost update, were it not a list.
    key = max(lists, key=lambda one: len(lists[one]))
    stale = acked(-1, Read(key, tuple(lists[key][:-5])), Append(key, -1))
    lists[key].append(-1)
    assert anomalies([*history, stale], lists)
