"""The exchanges' side of our bidder: hourly Avro files of requests, bids, wins, billing notices."""

from typing import Final

from ingestion.sources.file_source import FileSource

SOURCE: Final = FileSource(
    "exchange",
    {table: (f"{table}*.avro",) for table in ("bid_requests", "bids", "wins", "billing_notices")},
)

land = SOURCE.land
retry = SOURCE.retry

__all__ = ["SOURCE", "land", "retry"]
