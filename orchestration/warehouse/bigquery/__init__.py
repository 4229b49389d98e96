"""The warehouse as datasets of BigQuery: raw tables from a pin, builds, publishing, questions.

How a build is published, and why so: docs/decisions/adr-0009-publish-on-bigquery.md.
"""
