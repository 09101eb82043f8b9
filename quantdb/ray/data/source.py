"""A plan as Ray Data reads it."""

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Self

import attrs
import pyarrow as pa
from ray.data import DataContext
from ray.data.datasource import Datasource, ReadTask
from ray.data.expressions import Expr

from quantdb.columns.arrow import fields_of, schema_of_fields
from quantdb.errors import ConfigError
from quantdb.ray.data.part import Part
from quantdb.ray.data.plans import Plan
from quantdb.ray.data.predicates import conditions_of
from quantdb.ray.data.rays import make_base, read_task
from quantdb.ray.data.snapshot import Snapshot

__all__ = ["Source"]


class Source(Datasource):
    """Rows of a snapshot, which it keeps alive.

    Args:
        snapshot: What is read.
        plan: How it can be cut.
        columns: Which columns; None for all.

    Raises:
        ConfigError: There is no such column.
    """

    def __init__(self, snapshot: Snapshot, plan: Plan, columns: Iterable[str] | None) -> None:
        make_base(self)
        self._snapshot = snapshot
        self._plan = plan
        self._names = list(plan.schema.names if columns is None else columns)
        unknown = [name for name in self._names if name not in plan.schema.names]
        if unknown or len(set(self._names)) < len(self._names):
            raise ConfigError(
                f"columns: {', '.join(unknown or self._names)}; {plan.name} has "
                f"{', '.join(plan.schema.names)}, each of which can be read once"
            )

    def get_name(self) -> str:
        """Return what Ray shows."""
        return self._plan.name

    def estimate_inmemory_data_size(self) -> int:
        """Return about how many bytes there are."""
        return self._plan.size(self._names)

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: DataContext | None = None,  # noqa: ARG002 - of Ray's interface
    ) -> list[ReadTask]:
        """Return about as many tasks; the server is not asked."""
        cuts = self._plan.tasks(max(1, parallelism))
        schema = self._schema()
        order = tuple(self._plan.order[name] for name in self._names)
        size = self.estimate_inmemory_data_size() // len(cuts)
        parts = [
            Part(self._snapshot.config, self._snapshot.shown, self._plan.file, schema, order, some)
            for some in cuts
        ]
        return [read_task(_reader(part), schema, size, per_task_row_limit) for part in parts]

    def _schema(self) -> pa.Schema:
        fields = {field.name: field for field in fields_of(self._plan.schema)}
        return schema_of_fields([fields[name] for name in self._names])

    def supports_projection_pushdown(self) -> bool:
        """Tell that columns nobody wants are not read."""
        return True

    def get_projection_map(self) -> dict[str, str] | None:
        """Return the columns that are read."""
        return {name: name for name in self._names}

    def apply_projection(self, projection_map: dict[str, str] | None) -> Self:
        """Return a source of some of its columns."""
        if projection_map is None:
            return self
        return self._with(names=[name for name in projection_map if name in self._names])

    def supports_predicate_pushdown(self) -> bool:
        """Tell that the server may leave rows out."""
        return True

    def apply_predicate(self, predicate_expr: Expr) -> Self:
        """Return a source of the rows that meet a predicate; itself if Ray has to find them."""
        conditions = conditions_of(predicate_expr, self._plan.schema)
        if conditions is None:
            return self
        plan = attrs.evolve(self._plan, conditions=(*self._plan.conditions, *conditions))
        return self._with(plan=plan)

    def _with(self, *, names: Sequence[str] | None = None, plan: Plan | None = None) -> Self:
        other = copy.copy(self)
        if names is not None:
            other._names = list(names)  # noqa: SLF001 - one of us
        if plan is not None:
            other._plan = plan  # noqa: SLF001
        return other


def _reader(part: Part) -> Callable[[], Iterable[pa.Table]]:
    def read_rows() -> Iterable[pa.Table]:
        return part.tables()

    return read_rows
