"""A checker of list-append histories, after Jepsen's Elle.

Transactions append unique values to lists and read whole lists, so that every read shows the order
of all writes before it. From these orders follow the dependencies between transactions: who wrote
after whom (ww), who read from whom (wr), and who read what another one then changed (rw). A history
is serializable only if they have no cycle.

    G0 is a cycle of ww; G1a a read of what was rolled back; G1b of what was not the last of its
    writer; G1c a cycle of ww and wr; G-single one with a single rw; G2 one with several.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, Literal

import attrs

Kind = Literal["ww", "wr", "rw"]
Graph = dict[int, dict[int, set[Kind]]]


@attrs.frozen
class Append:
    """A value goes to the end of a list; no value is ever appended twice."""

    key: int
    value: int


@attrs.frozen
class Read:
    """What a list was."""

    key: int
    seen: tuple[int, ...]


@attrs.frozen
class Transaction:
    """What a client did in one transaction.

    Attributes:
        fate: What it was told; the reads of one that was not acknowledged mean nothing.
    """

    number: int
    steps: Sequence[Append | Read]
    fate: Literal["acked", "not_applied", "unknown"]

    def appended(self, key: int) -> list[int]:
        """Return what it appended to a list, in order."""
        return [step.value for step in self.steps if isinstance(step, Append) and step.key == key]


def anomalies(history: Sequence[Transaction], final: Mapping[int, Sequence[int]]) -> list[str]:
    """Return what is wrong with a history, *final* being the lists in the end."""
    checker = _Checker(history, final)
    return [
        *checker.wrong_values(),
        *checker.wrong_reads(),
        *checker.torn(),
        *(() if checker.is_disordered else checker.cycles()),
    ]


class _Checker:
    def __init__(self, history: Sequence[Transaction], final: Mapping[int, Sequence[int]]) -> None:
        self._history: Final = {one.number: one for one in history}
        self._final: Final = {key: tuple(values) for key, values in final.items()}
        self._writer: Final[dict[tuple[int, int], int]] = {
            (step.key, step.value): one.number
            for one in history
            for step in one.steps
            if isinstance(step, Append)
        }
        self.is_disordered = False
        """Whether the lists do not tell one order, without which there are no dependencies."""

    def wrong_values(self) -> list[str]:
        """Say which values are lost, doubled, rolled back or of nobody."""
        found: list[str] = []
        for key, values in self._final.items():
            for value in sorted({one for one in values if values.count(one) > 1}):
                self.is_disordered = True
                found.append(f"duplicate: {value} is in list {key} twice")
            for value in values:
                number = self._writer.get((key, value))
                if number is None:
                    self.is_disordered = True
                    found.append(f"of nobody: {value} in list {key}")
                elif self._history[number].fate == "not_applied":
                    found.append(f"phantom: {value} in list {key} was said not to be applied")
        for (key, value), number in self._writer.items():
            if self._history[number].fate == "acked" and value not in self._final.get(key, ()):
                found.append(f"lost: {value} is not in list {key}")
        return found

    def wrong_reads(self) -> list[str]:
        """Say which reads show no state that there was."""
        found: list[str] = []
        for one in self._acked():
            mine: dict[int, list[int]] = {}
            before: dict[int, tuple[int, ...]] = {}
            for step in one.steps:
                own = mine.setdefault(step.key, [])
                if isinstance(step, Append):
                    own.append(step.value)
                    continue
                outside = step.seen[: len(step.seen) - len(own)]
                if list(step.seen[len(outside) :]) != own or (
                    before.setdefault(step.key, outside) != outside
                ):
                    found.append(f"internal: {one.number} read {step.seen} after its {own}")
                found += self._wrong_read(one, step.key, outside)
        return found

    def _wrong_read(self, one: Transaction, key: int, seen: tuple[int, ...]) -> list[str]:
        if self._final.get(key, ())[: len(seen)] != seen:
            self.is_disordered = True
            return [f"reordered: {one.number} read {seen} in list {key}: {self._final.get(key)}"]
        found = [
            f"G1a: {one.number} read {value} of {writer}, which was rolled back"
            for value in seen
            if (writer := self._writer[key, value]) in self._history
            and self._history[writer].fate == "not_applied"
        ]
        if seen:
            writer = self._writer[key, seen[-1]]
            if writer != one.number and self._history[writer].appended(key)[-1] != seen[-1]:
                found.append(f"G1b: {one.number} read {seen[-1]}, not the last of {writer}")
        return found

    def torn(self) -> list[str]:
        """Say which transactions are there in part."""
        found: list[str] = []
        for one in self._history.values():
            there = {
                step.value in self._final.get(step.key, ())
                for step in one.steps
                if isinstance(step, Append)
            }
            if len(there) > 1:
                found.append(f"torn: {one.number} is there in part")
        return found

    def cycles(self) -> list[str]:
        """Say which dependencies go round, by the weakest level that forbids it."""
        graph = self._dependencies()
        found: list[str] = []
        levels: list[tuple[str, set[Kind]]] = [("G0", {"ww"}), ("G1c", {"ww", "wr"})]
        for name, kinds in levels:
            found += [f"{name}: {ring}" for ring in _rings(_only(graph, kinds))]
            if found:
                return found
        forward = _only(graph, {"ww", "wr"})
        for ring in _rings(graph):
            pairs = [
                (a, b) for a in ring for b, kinds in graph[a].items() if "rw" in kinds and b in ring
            ]
            single = any(_reaches(forward, b, a) for a, b in pairs)
            found.append(f"{'G-single' if single else 'G2'}: {ring}")
        return found

    def _dependencies(self) -> Graph:
        graph: Graph = {number: {} for number in self._history}

        def edge(a: int, b: int, kind: Kind) -> None:
            if a != b:
                graph[a].setdefault(b, set()).add(kind)

        for key, values in self._final.items():
            for first, second in pairwise(values):
                edge(self._writer[key, first], self._writer[key, second], "ww")
        for one in self._acked():
            for key, seen in _outside(one):
                order = self._final.get(key, ())
                if seen:
                    edge(self._writer[key, seen[-1]], one.number, "wr")
                if len(seen) < len(order):
                    edge(one.number, self._writer[key, order[len(seen)]], "rw")
        return graph

    def _acked(self) -> Iterable[Transaction]:
        return (one for one in self._history.values() if one.fate == "acked")


def _outside(one: Transaction) -> list[tuple[int, tuple[int, ...]]]:
    """Return what a transaction read of others, by list."""
    found: list[tuple[int, tuple[int, ...]]] = []
    count: dict[int, int] = {}
    for step in one.steps:
        if isinstance(step, Append):
            count[step.key] = count.get(step.key, 0) + 1
        else:
            found.append((step.key, step.seen[: len(step.seen) - count.get(step.key, 0)]))
    return found


def _only(graph: Graph, kinds: set[Kind]) -> Graph:
    return {
        a: {b: some & kinds for b, some in edges.items() if some & kinds}
        for a, edges in graph.items()
    }


def _reaches(graph: Graph, start: int, end: int) -> bool:
    seen, todo = {start}, [start]
    while todo:
        one = todo.pop()
        if one == end:
            return True
        new = graph[one].keys() - seen
        seen |= new
        todo += new
    return False


def _rings(graph: Graph) -> list[list[int]]:  # noqa: C901 - recursion made flat
    """Return the strongly connected components of more than one transaction, by Tarjan's way."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    found: list[list[int]] = []
    for root in graph:
        work = [] if root in index else [(root, iter(graph[root]))]
        if work:
            index[root] = low[root] = len(index)
            stack.append(root)
        while work:
            one, edges = work[-1]
            for other in edges:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    work.append((other, iter(graph[other])))
                    break
                if other in low:
                    low[one] = min(low[one], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[one])
                if low[one] == index[one]:
                    place = stack.index(one)
                    ring, stack[place:] = stack[place:], []
                    for member in ring:
                        low.pop(member)
                    if len(ring) > 1:
                        found.append(sorted(ring))
    return found
