"""The exchanges' side of our bidder: hourly Avro files of requests, bids, wins, billing notices."""

from typing import Final

from ingestion.sources.file_source import FileSource

SOURCE: Final = FileSource("exchange")

land = SOURCE.land
retry = SOURCE.retry

__all__ = ["SOURCE", "land", "retry"]
