"""The ad server's files: hourly impressions, clicks and conversions."""

from typing import Final

from ingestion.sources.file_source import FileSource

SOURCE: Final = FileSource("adserver")

land = SOURCE.land
retry = SOURCE.retry

__all__ = ["SOURCE", "land", "retry"]
