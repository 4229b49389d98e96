"""Foreign exchange rates from a REST API; see `landing`."""

from ingestion.sources.fx.landing import land

__all__ = ["land"]
