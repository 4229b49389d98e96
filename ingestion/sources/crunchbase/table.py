"""One raw table of Crunchbase: judge what the API sent, drop what the lake has, commit the rest."""

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contracts import Contract
from ingestion.landing import Tally, land_json
from ingestion.sources.changes import FailedBefore, KnownVersions
from ingestion.sources.pipeline import Claim, StalePackageError, TablePipeline
from ingestion.sources.run import Landing


class TableLanding:
    """The landing of one table, its pipeline locked and drained.

    Args:
        landing: The landing that this is a part of.
        pipeline: The table's pipeline.
        connection: A DuckDB connection that can read the lake.
    """

    def __init__(
        self,
        landing: Landing,
        pipeline: TablePipeline,
        connection: duckdb.DuckDBPyConnection,
    ) -> None:
        self.contract: Contract = pipeline.contract
        self._landing = landing
        self._pipeline = pipeline
        self._connection = connection

    @property
    def updated_since(self) -> str | None:
        """The day from which on changes must be asked for; None before the first landing."""
        newest = self._newest
        if newest is None:
            return None
        lookback = timedelta(days=self._landing.settings.crunchbase_lookback_days)
        return (newest - lookback).date().isoformat()

    @property
    def _position(self) -> dict[str, Any]:
        return self._pipeline.position or {}

    @property
    def _newest(self) -> datetime | None:
        text = self._position.get("updated_at")
        return None if text is None else datetime.fromisoformat(text)

    def commit(self, records: list[bytes], origin: str, *, is_complete: bool) -> None:
        """Land records as one commit; none if nothing is new.

        Args:
            records: What the API sent.
            origin: What it was asked, for the rows' lineage.
            is_complete: Whether these are all records that were changed lately, so that the next
                landing may begin where they end.

        Raises:
            StalePackageError: Another landing came first, again and again.
        """
        for _ in range(2):
            try:
                self._commit(records, origin, is_complete)
            except StalePackageError:
                continue
            return
        self._commit(records, origin, is_complete)

    def _commit(self, records: list[bytes], origin: str, is_complete: bool) -> None:
        landing, contract = self._landing, self.contract
        known = KnownVersions(self._connection, landing.lake, contract)
        lineage = pa.table(
            {
                "_source_file": pa.repeat(origin, len(records)),
                "_source_line": pa.array(range(1, len(records) + 1), pa.int64()),
            }
        )
        landed = land_json(landing.context(contract), pa.array(records, pa.binary()), lineage)
        good = known.new(landed)
        before = FailedBefore(self._position.get("failed", []), landing.keys.pseudonym_key())
        failed = landed.filter(pc.is_valid(pc.struct_field(landed["_error"], "reason")))
        is_new = [before.add(records[line - 1]) for line in failed["_source_line"].to_pylist()]
        failed = failed.filter(pa.array(is_new, pa.bool_()))
        rows = pa.concat_tables([good, failed])
        if len(rows) > 0:
            claim = Claim(
                {
                    "updated_at": self._next_position(landed, is_complete),
                    "failed": before.digests,
                }
            )
            result = self._pipeline.load(rows, lambda _: claim)
            landing.committed(contract, result, Tally.of(rows))
        table = landing.table(contract)
        table.bytes += sum(map(len, records))
        table.unchanged += len(landed) - len(rows)

    def _next_position(self, landed: pa.Table, is_complete: bool) -> str | None:
        """The newest change that has been seen; none from the future, which could hide others."""
        newest = self._newest
        if is_complete and "updated_at" in landed.column_names:
            seen: datetime | None = pc.max(landed["updated_at"]).as_py()
            if seen is not None:
                seen = min(seen, datetime.now(UTC))
                newest = seen if newest is None else max(newest, seen)
        return None if newest is None else newest.isoformat()
