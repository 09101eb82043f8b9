"""Which blocks a dataset has, looked at before any of them is stored."""

from collections import Counter
from collections.abc import Iterable

import attrs
from ray.data.block import Block
from ray.data.datasource import Datasink, WriteResult

from quantdb.errors import Conflict
from quantdb.exact import brief
from quantdb.ray.data.digest import digest_of
from quantdb.ray.data.rays import TaskContext, block_of

__all__ = ["Survey"]


@attrs.frozen
class _Seen:
    digest: bytes
    rows: int


class Survey(Datasink[list[_Seen]]):
    """Stores nothing; `rows` is how many rows the dataset has, `seen` what its blocks hold.

    Args:
        job: What its user calls the job.
        stored: What the blocks hold that earlier runs of it have stored.
    """

    def __init__(self, job: str, stored: Iterable[bytes]) -> None:
        self.rows = 0
        self.seen: frozenset[bytes] = frozenset()
        self.lacking = 0
        self._job = job
        self._stored = Counter(stored)

    def write(self, blocks: Iterable[Block], ctx: TaskContext) -> list[_Seen]:  # noqa: ARG002
        """Look at the blocks of a task."""
        tables = (block_of(block).to_arrow() for block in blocks)
        return [_Seen(digest_of(table), table.num_rows) for table in tables if table.num_rows]

    def on_write_complete(self, write_result: WriteResult[list[_Seen]]) -> None:
        """Compare them with what is stored; `lacking` is how many are not.

        Raises:
            Conflict: Earlier runs have stored a block that is none of them.
        """
        seen = [each for some in write_result.write_returns for each in some]
        there = Counter(each.digest for each in seen)
        others = (self._stored - there).total()
        if others:
            raise Conflict(
                f"job {brief(self._job)}: an earlier run has stored {others} blocks that this one "
                "does not have: the data or its blocks are others than then, and rows without keys "
                "would be there twice; nothing was stored. Read and cut it as before "
                "(override_num_blocks=), or give the job another name",
                "quantdb_ray_ledger_pkey",
            )
        self.seen = frozenset(there)
        self.rows = sum(each.rows for each in seen)
        self.lacking = (there - self._stored).total()
