"""The ad server's files: hourly impressions, clicks and conversions; see `landing`."""

from ingestion.sources.adserver.landing import land

__all__ = ["land"]
