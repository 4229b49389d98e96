"""What a landing knows beside the records."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from ingestion.contracts import Contract
from ingestion.landing.keys import KeyStore


@dataclass(frozen=True)
class LandingContext:
    """Everything the landing core needs; can be pickled and sent to a Spark executor.

    Attributes:
        contract: Contract that the records must keep.
        ingest_seq: `_ingest_seq` of the rows.
        loaded_at: `_loaded_at` of the rows, with a time zone; its UTC date names the daily key.
        keys: Keys of pseudonyms and encrypted payloads.
        threads: Threads DuckDB may use in this process; 1 inside a Spark task.
    """

    contract: Contract
    ingest_seq: int
    loaded_at: datetime
    keys: KeyStore
    threads: int = 1

    @property
    def load_date(self) -> date:
        """The UTC date of the load."""
        return self.loaded_at.astimezone(UTC).date()
