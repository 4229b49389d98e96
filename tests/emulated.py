"""The warehouse of a home on a BigQuery emulator of its own: start it, build there, read there."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from ingestion.local_server import HOST, free_ports
from ingestion.servers import start_bigquery_emulator, stop_bigquery_emulator
from ingestion.settings import Settings
from orchestration.warehouse.bigquery.service import Service


def emulated(settings: Settings) -> Settings:
    """The same lake and home, with the warehouse on an emulator that has a free port."""
    return settings.model_copy(
        update={
            "environment": "bigquery_emulated",
            "warehouse_engine": "bigquery",
            "bigquery_project": "emulated",
            "bigquery_endpoint": f"http://{HOST}:{free_ports(1)[0]}",
            "bigquery_job_retries": 0,
            "bigquery_request_seconds": 900,  # the emulator answers when a statement is done
            "bigquery_job_seconds": 900,
            "bigquery_threads": 4,
        }
    )


@contextmanager
def emulator(settings: Settings) -> Iterator[Settings]:
    """Run the emulator of a home; `orchestration.warehouse.build.build` then builds there."""
    on_emulator = emulated(settings)
    start_bigquery_emulator(on_emulator)
    try:
        yield on_emulator
    finally:
        stop_bigquery_emulator(on_emulator)


def client(settings: Settings) -> bigquery.Client:
    """Google's own client, which speaks with the emulator of a home."""
    return bigquery.Client(
        project=str(settings.bigquery_project),
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": settings.bigquery_endpoint},
    )


def read_table(settings: Settings, dataset: str, table: str) -> pa.Table:
    """All rows of a table, such as `work_core`, `fct_clicks`."""
    service = Service(settings)
    try:
        return service.arrow(f"select * from {service.table(dataset, table)}")
    finally:
        service.close()


def table_names(settings: Settings, dataset: str) -> list[str]:
    """Tables and views of a dataset."""
    service = Service(settings)
    try:
        return sorted(service.tables(dataset))
    finally:
        service.close()
