"""Servers on loopback that stand in for what a cloud would give: S3, Postgres, BigQuery."""

from ingestion.local_server import ServerStatus
from ingestion.servers.bigquery_emulator import (
    bigquery_emulator_status,
    start_bigquery_emulator,
    stop_bigquery_emulator,
)
from ingestion.servers.postgres import postgres_status, start_postgres, stop_postgres
from ingestion.servers.s3 import s3_status, start_s3, stop_s3

__all__ = [
    "ServerStatus",
    "bigquery_emulator_status",
    "postgres_status",
    "s3_status",
    "start_bigquery_emulator",
    "start_postgres",
    "start_s3",
    "stop_bigquery_emulator",
    "stop_postgres",
    "stop_s3",
]
