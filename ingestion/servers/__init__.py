"""Servers on loopback that stand in for what a cloud would give: S3 with a catalog, Postgres."""

from ingestion.local_server import ServerStatus
from ingestion.servers.postgres import postgres_status, start_postgres, stop_postgres
from ingestion.servers.s3 import s3_status, start_s3, stop_s3

__all__ = [
    "ServerStatus",
    "postgres_status",
    "s3_status",
    "start_postgres",
    "start_s3",
    "stop_postgres",
    "stop_s3",
]
