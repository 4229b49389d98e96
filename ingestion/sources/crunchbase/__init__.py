"""Organisations, their funding, acquisitions and people from the Crunchbase API; see `landing`."""

from ingestion.sources.crunchbase.landing import is_configured, land, land_specific

__all__ = ["is_configured", "land", "land_specific"]
