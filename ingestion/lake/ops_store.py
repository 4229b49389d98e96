"""Appends to the `ops` tables and reads them, through the same fence as all data."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.table import Table

from ingestion.lake.catalog import find_table, make_table
from ingestion.lake.fence import Append, Fence, Outcome
from ingestion.lake.files import DataFile, write_parquet
from ingestion.lake.ops import (
    OPS_TABLES,
    PINNED_OPS,
    OpsTable,
    arrow_rows,
    present_keys,
    with_keys,
)
from ingestion.lake.pins import OPS
from ingestion.lake.pointers import write_pointer
from ingestion.lake.raw_tables import TableHead, head_of
from ingestion.lake.storage import join
from ingestion.settings import Settings

Update = tuple[Iterable[Mapping[str, Any]], Mapping[str, str]]
"""Rows to add, and properties to set."""


class OpsStore:
    """The `ops` tables of one lake."""

    def __init__(self, settings: Settings, catalog: Catalog, fence: Fence) -> None:
        self._settings = settings
        self._catalog = catalog
        self._fence = fence

    def ensure_tables(self) -> None:
        """Create the tables that are missing; hold `setup_lock` around it."""
        for ops in OPS_TABLES.values():
            table = find_table(self._catalog, self._settings, ops.identifier)
            if table is None:
                table = make_table(
                    self._catalog, ops.identifier, ops.iceberg_schema, ops.properties
                )
            write_pointer(self._settings.lake_root, table)

    def table(self, ops: OpsTable) -> Table:
        """The table as it is now."""
        return self._catalog.load_table(ops.identifier)

    def heads(self) -> dict[str, TableHead]:
        """Where the tables stand that a pin carries, by name."""
        return {name: head_of(f"{OPS}.{name}", self.table(ops)) for name, ops in PINNED_OPS.items()}

    def lasting_heads(self) -> dict[str, TableHead]:
        """The same, their pointers written, so that no recovery falls behind them."""
        heads = {}
        for name, ops in PINNED_OPS.items():
            table = self.table(ops)
            write_pointer(self._settings.lake_root, table)
            heads[name] = head_of(f"{OPS}.{name}", table)
        return heads

    def append(self, ops: OpsTable, rows: Iterable[Mapping[str, Any]]) -> int:
        """Add the rows whose key is not there yet.

        Returns:
            How many rows were added.
        """
        content = arrow_rows(ops, rows)
        if content.num_rows == 0:
            return 0
        keys = content.column("row_key").to_pylist()
        written: dict[tuple[str, ...], DataFile] = {}

        def plan(table: Table) -> Append[int] | int:
            present = present_keys(table, keys)
            if present.issuperset(keys):
                return 0
            mask = [key not in present for key in keys]
            fresh = content.filter(pa.array(mask))
            return self.rows_append(
                ops,
                table,
                fresh,
                properties={},
                outcome=lambda _: fresh.num_rows,
                written=written,
            )

        return self._fence.commit(ops.identifier, plan)

    def update(
        self,
        ops: OpsTable,
        plan: Callable[[pa.Table, Mapping[str, str]], Update | None],
    ) -> int:
        """Add rows and set properties that follow from what the table holds, in one commit.

        Args:
            ops: The table.
            plan: Gets the rows and the properties of the very table that is then committed to, once
                a try, and says what to change; None: nothing.

        Returns:
            How many rows were added.
        """

        def append(table: Table) -> Append[int] | int:
            change = plan(self._rows(ops, table), table.properties)
            if change is None:
                return 0
            rows, properties = change
            content = arrow_rows(ops, rows)
            present = present_keys(table, content.column("row_key").to_pylist())
            mask = [key not in present for key in content.column("row_key").to_pylist()]
            fresh = content.filter(pa.array(mask, pa.bool_()))
            if fresh.num_rows == 0:
                return Append([], properties, ingest_seq=None, outcome=lambda _: 0)
            return self.rows_append(
                ops, table, fresh, properties=properties, outcome=lambda _: fresh.num_rows
            )

        return self._fence.commit(ops.identifier, append)

    def rows_append(
        self,
        ops: OpsTable,
        table: Table,
        rows: pa.Table,
        *,
        properties: Mapping[str, str],
        outcome: Callable[[int], Outcome],
        written: dict[tuple[str, ...], DataFile] | None = None,
    ) -> Append[Outcome]:
        """Write rows and say how to commit them.

        Args:
            ops: The table.
            table: The table as it was loaded for this try.
            rows: Rows that `arrow_rows` made.
            properties: Further properties to set.
            outcome: What the commit gives.
            written: Files of earlier tries by the keys they hold; used again and added to.
        """
        keys = tuple(rows.column("row_key").to_pylist())
        file = (written or {}).get(keys)
        if file is None:
            folder = join(table.location(), "data")
            path, size = write_parquet(rows.cast(ops.file_schema), folder, statistics=True)
            file = DataFile(path, None, rows.num_rows, 0, size)
            if written is not None:
                written[keys] = file
        return Append(
            files=[file],
            properties={**with_keys(table, keys), **properties},
            ingest_seq=None,
            outcome=outcome,
        )

    def read(self, ops: OpsTable, row_filter: BooleanExpression | None = None) -> pa.Table:
        """The rows of a table, by key."""
        return self._rows(ops, self.table(ops), row_filter)

    @staticmethod
    def _rows(ops: OpsTable, table: Table, row_filter: BooleanExpression | None = None) -> pa.Table:
        found = table.scan(row_filter=row_filter or AlwaysTrue()).to_arrow()
        return found.cast(ops.schema).sort_by("row_key")
