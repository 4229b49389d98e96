"""Batch sources: files, SQL and REST, carried by dlt into the lake.

Each source is a package with `land(settings) -> LandingReport`, runnable on its own as
`python -m ingestion.sources.<name>`.
"""
