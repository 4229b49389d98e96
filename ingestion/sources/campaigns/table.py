"""One table of one poll: what the lake knows, what the source says, what is new."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contracts import Contract, Field, raw_schema
from ingestion.landing import Tally, land_arrow
from ingestion.landing.keys import hmac_hex
from ingestion.sources.campaigns.database import Row, Snapshot, TableRead
from ingestion.sources.changes import FailedBefore, KnownVersions
from ingestion.sources.pipeline import Claim, TablePipeline
from ingestion.sources.run import Landing

_TICK: Final = timedelta(microseconds=1)


class TablePoll:
    """Lands one table; used in the order `read_lake`, `read_source`, `commit`.

    Args:
        landing: The landing.
        pipeline: The table's pipeline, drained.
        connection: A DuckDB connection that can read the lake.
    """

    def __init__(
        self, landing: Landing, pipeline: TablePipeline, connection: duckdb.DuckDBPyConnection
    ) -> None:
        self.contract: Contract = pipeline.contract
        self._landing = landing
        self._pipeline = pipeline
        self._connection = connection
        self._pseudonym_key = landing.keys.pseudonym_key()
        self._since: datetime | None = None
        self._read = TableRead((), [], [])

    def read_lake(self) -> None:
        """Read the position and the newest versions; before the source, to keep it locked less."""
        position = self._pipeline.position or {}
        text = position.get("updated_at")
        self._since = None if text is None else datetime.fromisoformat(text)
        self._failed_before = FailedBefore(position.get("failed", []), self._pseudonym_key)
        self._known = KnownVersions(self._connection, self._landing.lake, self.contract)

    def read_source(self, snapshot: Snapshot) -> None:
        """Read changed rows and the key list.

        Raises:
            AdxError: The table is not what its contract says.
        """
        self._read = snapshot.read(
            self.contract, self._since, lambda keys: self._known.unseen(self._listed(keys))
        )

    def commit(self, polled_at: datetime) -> None:
        """Commit what is new, if anything is.

        Raises:
            StalePackageError: Another landing came first; read again.
        """
        table = self._landing.table(self.contract)
        landed = self._land(polled_at)
        table.bytes += landed.nbytes
        failed = self._new_failures(landed)
        good = self._known.new(landed)
        table.unchanged += len(landed) - len(good) - len(failed)
        deleted = self._deleted(polled_at, first_line=len(landed) + 1)
        rows = pa.concat_tables([good, failed, deleted])
        if len(rows) == 0:
            return
        position = {
            "updated_at": self._newest(landed),
            "failed": self._failed_before.digests,
        }
        result = self._pipeline.load(rows, lambda _: Claim(position))
        self._landing.committed(self.contract, result, Tally.of(rows))

    def _land(self, polled_at: datetime) -> pa.Table:
        context = self._landing.context(self.contract)
        parts = [raw_schema(self.contract).empty_table()]
        for places, records in uniform_tables(self._read.columns, self._read.rows):
            lines = pa.array([place + 1 for place in places], pa.int64())
            parts.append(land_arrow(context, records, self._lineage(lines, polled_at)))
        return pa.concat_tables(parts).sort_by("_source_line")

    def _lineage(self, lines: pa.Array, polled_at: datetime) -> pa.Table:
        name = f"{self.contract.table}@{polled_at.isoformat(timespec='microseconds')}"
        return pa.table({"_source_file": pa.repeat(name, len(lines)), "_source_line": lines})

    def _new_failures(self, landed: pa.Table) -> pa.Table:
        failed = landed.filter(pc.is_valid(pc.struct_field(landed["_error"], "reason")))
        is_new = [
            self._failed_before.add(_record(self._read.rows[line - 1]))
            for line in failed["_source_line"].to_pylist()
        ]
        return failed.filter(pa.array(is_new, pa.bool_()))

    def _newest(self, landed: pa.Table) -> str | None:
        newest: datetime | None = pc.max(landed["updated_at"]).as_py()
        if newest is None or (self._since is not None and newest < self._since):
            newest = self._since
        return None if newest is None else newest.isoformat()

    def _deleted(self, polled_at: datetime, first_line: int) -> pa.Table:
        gone = self._known.vanished(self._listed(self._read.keys))
        schema = raw_schema(self.contract)
        lines = pa.array(range(first_line, first_line + len(gone)), pa.int64())
        columns: dict[str, Any] = {name: gone[name] for name in gone.column_names}
        # a deletion follows the version it ends, even where the source's clock is ahead of ours
        columns["updated_at"] = pa.array(
            [max(polled_at, before + _TICK) for before in gone["updated_at"].to_pylist()],
            schema.field("updated_at").type,
        )
        columns |= dict(
            zip(("_source_file", "_source_line"), self._lineage(lines, polled_at), strict=True)
        )
        columns["_is_deleted"] = pa.repeat(True, len(gone))
        columns["_contract_version"] = pa.repeat(self.contract.version, len(gone))
        return pa.table(
            [
                columns[field.name].cast(field.type)
                if field.name in columns
                else pa.nulls(len(gone), field.type)
                for field in schema
            ],
            schema=schema,
        )

    def _listed(self, keys: Sequence[Row]) -> pa.Table:
        """The source's keys as text, as they stand in the lake."""
        fields = {field.name: field for field in self.contract.column_fields()}
        names = [*self.contract.key, "updated_at"]
        return pa.table(
            {
                fields[name].column: pa.array(
                    [self._text(fields[name], row[place]) for row in keys], pa.string()
                )
                for place, name in enumerate(names)
            }
        )

    def _text(self, field: Field, value: Any) -> str | None:
        if value is None:
            return None
        text = value.isoformat() if isinstance(value, date) else str(value)
        return hmac_hex(self._pseudonym_key, text) if field.pii == "id" else text


def uniform_tables(
    columns: Sequence[str], rows: Sequence[Row]
) -> Iterable[tuple[list[int], pa.Table]]:
    """Rows as Arrow tables whose columns have one type each.

    SQLite lets any row hold any type. Rows that differ from their column's usual type go into
    tables of their own, because turning the whole column into text would hide the difference
    from the contract.

    Yields:
        Positions of the rows, and the rows.
    """
    usual = [
        Counter(type(row[place]) for row in rows if row[place] is not None).most_common(1)
        for place in range(len(columns))
    ]
    kinds = [found[0][0] if found else type(None) for found in usual]
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for position, row in enumerate(rows):
        odd = tuple(
            (place, type(value))
            for place, (value, kind) in enumerate(zip(row, kinds, strict=True))
            if value is not None and type(value) is not kind
        )
        groups[odd].append(position)
    for positions in groups.values():
        values = zip(*[rows[position] for position in positions], strict=True)
        arrays = [pa.array(list(column)) for column in values]
        yield positions, pa.table(arrays, names=list(columns))


def _record(row: Row) -> bytes:
    return json.dumps(row, default=str).encode()
