"""Takes pins, and asks the lake what is new between two of them."""

import threading
from datetime import UTC, datetime
from typing import Any

import duckdb
from pyiceberg.table import Table

from ingestion.contracts import Contract, load_contract
from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint
from ingestion.lake.duckdb import connect, relation_sql
from ingestion.lake.fence import Append, Fence
from ingestion.lake.ops import PINS, arrow_rows
from ingestion.lake.ops_store import OpsStore
from ingestion.lake.pins import (
    EFFECTIVE_COLUMN,
    LAST_PIN,
    OPS,
    Pin,
    PinnedTable,
    TableWindow,
    Window,
    pins_of,
)
from ingestion.lake.raw_tables import RawTables
from ingestion.settings import Settings


class Pinning:
    """The pins of one lake."""

    def __init__(self, settings: Settings, tables: RawTables, ops: OpsStore, fence: Fence) -> None:
        self._settings = settings
        self._tables = tables
        self._ops = ops
        self._fence = fence
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._lock = threading.Lock()

    def pin(self) -> Pin:
        """See `Lake.pin`."""

        def plan(table: Table) -> Append[Pin] | Pin:
            logged = table.properties.get(LAST_PIN)
            last = Pin.from_json(logged) if logged is not None else None
            before = last.heads() if last is not None else {}
            # Heads are read after `ops.pins`, and only ever rise, so none lies below the last pin.
            heads = self._tables.lasting_heads()
            own = self._ops.lasting_heads()
            pin = Pin(
                number=last.number + 1 if last is not None else 1,
                pinned_at=datetime.now(UTC),
                tables={
                    name: PinnedTable(
                        metadata_location=head.metadata_location,
                        snapshot_id=head.snapshot_id,
                        from_seq=before.get(name, 0),
                        to_seq=head.ingest_seq,
                    )
                    for name, head in heads.items()
                },
                ops={
                    name: PinnedTable(
                        metadata_location=head.metadata_location,
                        snapshot_id=head.snapshot_id,
                        from_seq=before.get(f"{OPS}.{name}", 0),
                        to_seq=head.rows,
                    )
                    for name, head in own.items()
                },
            )
            if last is not None and before == pin.heads():
                return last
            rows = arrow_rows(PINS, pin.rows())
            failpoint("pin.before_commit")
            return self._ops.rows_append(
                PINS, table, rows, properties={LAST_PIN: pin.to_json()}, outcome=lambda _: pin
            )

        pin = self._fence.commit(PINS.identifier, plan)
        failpoint("pin.after_commit")
        return pin

    def pins(self) -> list[Pin]:
        """See `Lake.pins`."""
        return pins_of(self._ops.read(PINS).to_pylist())

    def window(self, previous: Pin | None, current: Pin) -> Window:
        """See `Lake.window`."""
        before = previous.heads() if previous is not None else {}
        tables = {
            name: self._table_window(load_contract(*name.split(".")), table, before.get(name, 0))
            for name, table in current.tables.items()
        }
        if previous is None:
            return Window(current.number, None, tables)
        days = [pin.pinned_at.astimezone(UTC).date() for pin in (previous, current)]
        return Window(current.number, previous.number, tables, is_first_of_day=days[0] < days[1])

    def _table_window(self, contract: Contract, table: PinnedTable, from_seq: int) -> TableWindow:
        effective = EFFECTIVE_COLUMN.get(contract.source)
        if from_seq == table.to_seq or (effective is None and not contract.is_event):
            return TableWindow(from_seq, table.to_seq)
        rows = (
            f"from ({relation_sql(contract, table.metadata_location, 'good')}) "
            f"where _ingest_seq between {from_seq + 1} and {table.to_seq}"
        )
        if contract.is_event:
            days = self._ask(contract, f"select distinct event_date {rows} order by all")
            return TableWindow(from_seq, table.to_seq, tuple(day for (day,) in days))
        # A row that says that a key has gone has no business time; it is in force from its poll.
        day = f"coalesce(cast({effective} as date), cast(_loaded_at as date))"
        ((least,),) = self._ask(contract, f"select min({day}) {rows}")
        return TableWindow(from_seq, table.to_seq, (), least)

    def _ask(self, contract: Contract, query: str) -> list[Any]:
        with self._lock:
            if self._connection is None:
                self._connection = connect(self._settings)
            cursor = self._connection.cursor()
        try:
            return cursor.execute(query).fetchall()
        except duckdb.Error as error:
            raise AdxError(
                f"The data files of {contract.name} cannot be read: {error}",
                remedy="Run `adx reconcile`; it names the files that are missing or damaged.",
                exit_code=ExitCode.UNAVAILABLE,
            ) from error
