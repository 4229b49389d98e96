"""The campaigns database: twelve SQL tables, polled; see `landing`."""

from ingestion.sources.campaigns.landing import land

__all__ = ["land"]
