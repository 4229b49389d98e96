"""The connection to BigQuery, or to its emulator: statements, loads and datasets.

Every request has a time limit and every retry a bound, so that nothing hangs on a service that
fails; every error is a sentence (`problems.py`).
"""

import io
from collections.abc import Iterable, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from google.api_core import exceptions as api
from google.auth import default as default_credentials
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from ingestion.settings import Settings
from orchestration.warehouse.bigquery.problems import is_about_project, service_errors

SCOPES: Final = ("https://www.googleapis.com/auth/bigquery",)
LAYERS: Final = ("staging", "raw_vault", "business_vault", "utilities")
MARTS: Final = ("core", "analytics", "finance")
"""What readers see, each a dataset of views."""


class Service:
    """BigQuery, with the project, location, prefix and limits of the settings.

    Raises:
        AdxError: Nobody is signed in.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.project = str(settings.bigquery_project)
        self.prefix = settings.bigquery_dataset_prefix
        self._timeout = float(settings.bigquery_request_seconds)
        self._retry = (
            bigquery.DEFAULT_RETRY.with_timeout(self._timeout)
            if settings.bigquery_job_retries
            else None
        )
        with service_errors(settings):
            self._client = self._connect()

    def _connect(self) -> bigquery.Client:
        endpoint = self.settings.bigquery_endpoint
        credentials = AnonymousCredentials() if endpoint else default_credentials(scopes=SCOPES)[0]
        return bigquery.Client(
            project=self.project,
            credentials=credentials,
            location=self.settings.bigquery_location,
            client_options={"api_endpoint": endpoint} if endpoint else None,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def dataset(self, name: str) -> str:
        """The full name of a dataset of this warehouse: `<project>.<prefix><name>`."""
        return f"{self.project}.{self.prefix}{name}"

    def quoted(self, dataset: str) -> str:
        """A dataset of this warehouse as statements name it."""
        return f"`{self.project}`.`{self.prefix}{dataset}`"

    def table(self, dataset: str, name: str) -> str:
        """A table of this warehouse as statements name it."""
        return f"{self.quoted(dataset)}.`{name}`"

    def check(self) -> None:
        """Ask for something small, so that what is wrong is told before anything is begun.

        Raises:
            AdxError: The service cannot be reached, or the project is closed or does not exist.
        """
        with service_errors(self.settings):
            found = self._client.list_datasets(
                max_results=1, retry=self._retry, timeout=self._timeout
            )
            list(found)

    def run(self, sql: str, build_id: str | None = None) -> list[tuple[Any, ...]]:
        """Run one statement or script, and give its rows.

        Args:
            sql: The statement.
            build_id: The build it is for, as a label of the job.

        Raises:
            AdxError: It failed.
        """
        with service_errors(self.settings):
            return [tuple(row.values()) for row in self._result(sql, build_id)]

    def ask(self, sql: str, limit: int | None) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Columns and rows of a SELECT."""
        with service_errors(self.settings):
            rows = self._result(sql, None, limit)
            return [field.name for field in rows.schema], [tuple(row.values()) for row in rows]

    def arrow(self, sql: str) -> pa.Table:
        """The rows of a SELECT as an Arrow table."""
        with service_errors(self.settings):
            return self._result(sql, None).to_arrow(create_bqstorage_client=False)

    def _result(self, sql: str, build_id: str | None, limit: int | None = None) -> Any:
        job = self._client.query(
            sql,
            job_config=self._config(build_id),
            retry=self._retry,
            timeout=self._timeout,
            job_retry=None,
        )
        return job.result(
            retry=self._retry,
            timeout=float(self.settings.bigquery_job_seconds),
            job_retry=None,
            max_results=limit,
        )

    def statement_type(self, sql: str) -> str:
        """What kind of statement it is, such as SELECT, without running it.

        Raises:
            AdxError: It is none that BigQuery understands.
        """
        config = self._config(None)
        config.dry_run = True
        with service_errors(self.settings):
            job = self._client.query(
                sql, job_config=config, retry=self._retry, timeout=self._timeout, job_retry=None
            )
        return str(job.statement_type)

    def _config(self, build_id: str | None) -> bigquery.QueryJobConfig:
        settings = self.settings
        labels = {"app": "advertisex"} | ({"build_id": build_id} if build_id else {})
        return bigquery.QueryJobConfig(
            labels=labels,
            maximum_bytes_billed=settings.bigquery_maximum_bytes_billed,
            job_timeout_ms=settings.bigquery_job_seconds * 1000,
            priority=settings.bigquery_priority.upper(),
        )

    def datasets(self) -> list[str]:
        """Names of the datasets of this warehouse, without its prefix."""
        with service_errors(self.settings):
            found = self._client.list_datasets(retry=self._retry, timeout=self._timeout)
            names = [item.dataset_id for item in found]
        return [name.removeprefix(self.prefix) for name in names if name.startswith(self.prefix)]

    def make_dataset(self, name: str, *, readable_by_views_of: Sequence[str] = ()) -> None:
        """Create a dataset unless it is there.

        Args:
            name: Its name, without the prefix.
            readable_by_views_of: Datasets whose views may read it for those who may not
                (authorized datasets).
        """
        dataset = bigquery.Dataset(self.dataset(name))
        dataset.location = self.settings.bigquery_location
        dataset.labels = {"app": "advertisex"}
        with service_errors(self.settings):
            made = self._client.create_dataset(
                dataset, exists_ok=True, retry=self._retry, timeout=self._timeout
            )
            if readable_by_views_of:
                entries = access_entries(self, readable_by_views_of)
                made.access_entries = [
                    entry for entry in made.access_entries if entry not in entries
                ] + entries
                self._client.update_dataset(
                    made, ["access_entries"], retry=self._retry, timeout=self._timeout
                )

    def drop_dataset(self, name: str) -> None:
        """Remove a dataset with all it holds, if it is there."""
        with service_errors(self.settings):
            self._client.delete_dataset(
                self.dataset(name),
                delete_contents=True,
                not_found_ok=True,
                retry=self._retry,
                timeout=self._timeout,
            )

    def tables(self, dataset: str) -> dict[str, str]:
        """Kind (`TABLE`, `VIEW`, `EXTERNAL`, …) of each table of a dataset; none without it."""
        with service_errors(self.settings):
            try:
                found = self._client.list_tables(
                    self.dataset(dataset), retry=self._retry, timeout=self._timeout
                )
                return {item.table_id: str(item.table_type) for item in found}
            except api.NotFound as error:
                self._demand_project(error)
                return {}

    def describe(self, dataset: str, table: str) -> bigquery.Table | None:
        """What the service knows of a table; None if there is none."""
        with service_errors(self.settings):
            try:
                return self._client.get_table(
                    f"{self.dataset(dataset)}.{table}", retry=self._retry, timeout=self._timeout
                )
            except api.NotFound as error:
                self._demand_project(error)
                return None

    def _demand_project(self, error: api.NotFound) -> None:
        """Let an error pass that says more than that the dataset or table is not there."""
        if is_about_project(str(error.message), self.settings):
            raise error

    def make_table(self, dataset: str, table: str, schema: Iterable[bigquery.SchemaField]) -> None:
        """Create an empty table in the place of one that may be there."""
        name = f"{self.dataset(dataset)}.{table}"
        with service_errors(self.settings):
            self._client.delete_table(
                name, not_found_ok=True, retry=self._retry, timeout=self._timeout
            )
            self._client.create_table(
                bigquery.Table(name, schema=list(schema)),
                retry=self._retry,
                timeout=self._timeout,
            )

    def load(self, dataset: str, table: str, rows: pa.Table) -> None:
        """Append rows to a table, by one load job of a Parquet file.

        Args:
            dataset: Without the prefix.
            table: A table that has the columns of the rows, in their order.
            rows: The rows.
        """
        file = io.BytesIO()
        pq.write_table(rows, file, compression="zstd")
        options = bigquery.ParquetOptions()
        options.enable_list_inference = True
        config = bigquery.LoadJobConfig(
            source_format="PARQUET",
            parquet_options=options,
            schema=schema_of(rows.schema),
            write_disposition="WRITE_APPEND",
            labels={"app": "advertisex"},
        )
        with service_errors(self.settings):
            job = self._client.load_table_from_file(
                file,
                f"{self.dataset(dataset)}.{table}",
                rewind=True,
                job_config=config,
                num_retries=self.settings.bigquery_job_retries,
                timeout=self._timeout,
            )
            job.result(retry=self._retry, timeout=float(self.settings.bigquery_job_seconds))


def access_entries(service: Service, views_of: Sequence[str]) -> list[bigquery.AccessEntry]:
    """Entries that let the views of datasets read, whoever asks them (authorized datasets)."""
    return [
        bigquery.AccessEntry(
            entity_type="dataset",
            entity_id={
                "dataset": {
                    "projectId": service.project,
                    "datasetId": f"{service.prefix}{name}",
                },
                "targetTypes": ["VIEWS"],
            },
        )
        for name in views_of
    ]


def schema_of(schema: pa.Schema) -> list[bigquery.SchemaField]:
    """A table's columns as BigQuery declares them.

    Raises:
        TypeError: A type that no raw table has.
    """
    return [_field(field.name, field.type) for field in schema]


def _field(name: str, kind: pa.DataType) -> bigquery.SchemaField:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        item = _field(name, kind.value_type)
        return bigquery.SchemaField(name, item.field_type, mode="REPEATED", fields=item.fields)
    if pa.types.is_struct(kind):
        children = [_field(child.name, child.type) for child in kind]
        return bigquery.SchemaField(name, "RECORD", fields=children)
    return bigquery.SchemaField(name, _scalar(kind))


def sql_type(kind: pa.DataType) -> str:
    """A column's type as statements name it.

    Raises:
        TypeError: A type that no raw table has.
    """
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"array<{sql_type(kind.value_type)}>"
    if pa.types.is_struct(kind):
        members = ", ".join(f"`{child.name}` {sql_type(child.type)}" for child in kind)
        return f"struct<{members}>"
    return _scalar(kind).lower()


def _scalar(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP" if kind.tz else "DATETIME"
    for matches, answer in (
        (pa.types.is_string, "STRING"),
        (pa.types.is_large_string, "STRING"),
        (pa.types.is_integer, "INT64"),
        (pa.types.is_boolean, "BOOL"),
        (pa.types.is_date, "DATE"),
        (pa.types.is_decimal, "NUMERIC"),
        (pa.types.is_floating, "FLOAT64"),
        (pa.types.is_binary, "BYTES"),
    ):
        if matches(kind):
            return answer
    raise TypeError(f"BigQuery has no column of {kind}")
