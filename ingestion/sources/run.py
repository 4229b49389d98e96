"""What every landing does around its source: open the lake, count, keep the ledger."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ingestion.contracts import Contract
from ingestion.lake import CommitResult, Lake, new_run_id
from ingestion.landing import KeyStore, LandingContext, Tally
from ingestion.settings import Settings
from ingestion.sources.pipeline import configure_dlt
from ingestion.sources.report import LandingReport, TableReport


@dataclass
class Landing:
    """One landing of one source, from opening the lake to its ledger rows.

    Attributes:
        settings: Where everything is.
        lake: The open lake, its tables made.
        keys: Keys of pseudonyms and payloads.
        report: What has been done so far.
        started_at: When it began.
    """

    settings: Settings
    lake: Lake
    keys: KeyStore
    report: LandingReport
    started_at: datetime
    _commits: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def start(cls, settings: Settings, source: str) -> "Landing":
        """Open the lake and keep dlt in its place.

        Raises:
            AdxError: The lake cannot be opened.
        """
        configure_dlt(settings)
        lake = Lake.open(settings)
        lake.ensure_tables()
        keys = KeyStore(settings.keys)
        return cls(settings, lake, keys, LandingReport(source), datetime.now(UTC))

    def context(self, contract: Contract) -> LandingContext:
        """The context to land records with; number and time are stamped by the commit."""
        return LandingContext(
            contract=contract,
            ingest_seq=0,
            loaded_at=datetime.now(UTC),
            keys=self.keys,
            threads=self.settings.duckdb_threads,
        )

    def table(self, contract: Contract) -> TableReport:
        """The report of one table, made when it is first asked for."""
        for table in self.report.tables:
            if table.table == contract.name:
                return table
        table = TableReport(contract.name)
        self.report.tables.append(table)
        return table

    def recovered(self, contract: Contract, results: list[CommitResult]) -> None:
        """Count packages that an earlier process had left, once they are committed."""
        table = self.table(contract)
        for result in results:
            if result.status == "committed":
                table.read += result.rows
                table.loaded += result.rows - result.failed
                table.failed += result.failed
                table.recovered += result.rows
                self._committed(contract, result)

    def committed(self, contract: Contract, result: CommitResult, tally: Tally) -> None:
        """Count one package."""
        table = self.table(contract)
        table.read += tally.rows
        table.loaded += tally.loaded
        table.failed += tally.failed
        table.failed_by_reason.update(tally.failed_by_reason)
        table.drift += tally.drift
        self._committed(contract, result)

    def _committed(self, contract: Contract, result: CommitResult) -> None:
        self.table(contract).commits += 1
        self._commits.setdefault(contract.name, []).append(result.ingest_seq)

    @contextmanager
    def timed(self, contract: Contract) -> Iterator[TableReport]:
        """Add the time of a block to a table's seconds."""
        table = self.table(contract)
        start = time.perf_counter()
        try:
            yield table
        finally:
            table.seconds += time.perf_counter() - start

    def finish(self) -> LandingReport:
        """Write one ledger row per table that something was done for, and give the report."""
        run_id = new_run_id("land_batch")
        finished_at = datetime.now(UTC)
        self.lake.append_ops(
            "run_ledger",
            [
                {
                    "run_id": run_id,
                    "kind": "land_batch",
                    "subject": table.table,
                    "started_at": self.started_at,
                    "finished_at": finished_at,
                    "read": table.read,
                    "loaded": table.loaded,
                    "failed": table.failed,
                    "bytes": table.bytes,
                    "ingest_seq": max(self._commits.get(table.table, [0])) or None,
                    "details": json.dumps(self._details(table)),
                }
                for table in self.report.tables
                if table.commits or self._files_of(table)
            ],
        )
        return self.report

    def _details(self, table: TableReport) -> dict[str, Any]:
        return {
            "seconds": round(table.seconds, 3),
            "commits": self._commits.get(table.table, []),
            "failed_by_reason": dict(table.failed_by_reason),
            "drift": table.drift,
            "recovered": table.recovered,
            "files": self._files_of(table),
        }

    def _files_of(self, table: TableReport) -> dict[str, int]:
        counts: dict[str, int] = {}
        for file in self.report.files:
            if file.table == table.table and file.outcome != "waiting":
                counts[file.outcome] = counts.get(file.outcome, 0) + 1
        return counts
