"""Every setting of AdvertiseX, typed.

A value comes from, the first wins: the process environment (`ADX_*`), `.env`, and the file of the
environment that `ADX_ENVIRONMENT` names (`environments/<name>.env`), which spells out what makes
it that environment. No code asks for an environment's name.
"""

import os
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingestion.errors import AdxError, ExitCode

PROJECT_ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = PROJECT_ROOT / "environments"
"""One file an environment."""

CatalogType = Literal["sqlite", "postgres", "rest"]
Engine = Literal["duckdb", "bigquery"]


class Settings(BaseSettings):
    """Settings of one environment; all folders lie below `home` unless set apart.

    Attributes:
        environment: Which environment this is; also the dbt target.
        home: Folder for all that the platform keeps (lake, keys, broker, warehouse).
        lake_url: Where the lake's files are: a folder, or `s3://<bucket>/<prefix>` (endpoint and
            credentials are those of the AWS_* variables); by default `<home>/lake`.
        catalog_type: `sqlite` (a file in `<home>/lake`), `postgres` or `rest`.
        catalog_url: `postgresql+pg8000://<user>@<host>:<port>/<database>`, or the REST server's.
        catalog_warehouse: The warehouse that a REST catalog serves; by default `tables` below the
            lake's place.
        catalog_options: More pyiceberg properties of the catalog, as a JSON object.
        catalog_secret: Password of the Postgres catalog, or `id:secret` of the REST catalog.
        kafka_bootstrap: `host:port` of the Kafka broker, or of several, separated by commas.
        kafka_partitions: Partitions of a topic that is created.
        kafka_topic_prefix: What stands before the topics' names on a cluster that is shared.
        kafka_options: More librdkafka settings of every client (TLS, SASL), as a JSON object.
        producer_id: Name of this process as a producer of events; another one for each of them.
        producer_journal_bytes: Bytes that a producer keeps while the broker is away; beyond them
            callers are told to come back.
        producer_commit_seconds: How long a group of events is collected before its fsync.
        stream_batch_records: Most records one micro-batch takes.
        stream_interval_seconds: Pause between micro-batches of the continuous service.
        gap_hours: How many hours after a later one a number of a producer is missing.
        spark_master: Spark's master URL.
        spark_memory: Memory of the Spark driver, such as `1g`.
        spark_options: More Spark properties (of a cluster), as a JSON object.
        campaigns_url: SQLAlchemy URL of the campaigns database; by default the ad world's.
        fx_url: Base URL of the FX API; by default the ad world's server is started for a landing.
        fx_lookback_days: Days before the newest rate that are asked for again, since rates may be
            published late or corrected.
        crunchbase_url: Base URL of the Crunchbase API, version included; with a key alone, the
            public one; with neither, the ad world's server is started for a landing.
        crunchbase_key: User key of the Crunchbase API.
        crunchbase_calls_per_minute: Most calls a minute that the licence allows.
        crunchbase_lookback_days: Days before the newest change that are asked for again.
        drop_url: Where producers write files besides the drop folder, `s3://<bucket>/<prefix>`: the
            objects of a source lie below `<prefix>/<source>/`.
        drop_copies: Objects that are copied from there at a time.
        drop_quiet_seconds: How long a dropped file without a `.done` marker must stay unchanged
            before it is taken.
        keep_loaded_files: Keep dropped files after their commit, in `<drop>/archive/`. They hold
            personal data in clear text, so by default they are deleted.
        retry_seconds: Pause before a landing is tried again because a system was away or another
            process was at work; doubled each time.
        first_event_date: The first date that Dagster offers to build again.
        delete_orphans: Let the daily upkeep remove files of the lake that nothing reaches; it finds
            them in any case.
        dagster_autostart: Start Dagster's schedules and sensors with it; otherwise each waits until
            somebody switches it on.
        alert_urls: Where alerts go, as apprise writes it (`mailto://`, `slack://`, ...), separated
            by blanks. Without any, alerts stand in the run ledger alone.
        duckdb_threads: Threads DuckDB may use.
        duckdb_memory: Memory DuckDB may use, such as `4GB`.
        kept_builds: How many of the newest builds are kept, and how many of those that readers have
            seen, to go back to.
        warehouse_engine: What the warehouse is: `duckdb` files in `<home>/warehouse`, or datasets
            of `bigquery`.
        bigquery_project: Project of the datasets and of the jobs.
        bigquery_location: Location of the datasets, such as `EU`.
        bigquery_dataset_prefix: What stands before the names of all datasets, where several
            warehouses share a project.
        bigquery_endpoint: Another address than Google's: that of the emulator. Nobody signs in
            there.
        bigquery_connection: The BigLake connection that reads the lake's files,
            `<project>.<location>.<name>`; without one, the lake's rows are loaded into tables.
        bigquery_readers: Who may read what is published, as BigQuery names members
            (`group:analysts@example.com`), separated by blanks.
        bigquery_maximum_bytes_billed: Most bytes that one statement may be billed for.
        bigquery_job_seconds: Longest that one statement may take.
        bigquery_request_seconds: Longest that the service may take to answer a request.
        bigquery_job_retries: How often a job is tried again that the service failed.
        bigquery_priority: `interactive` or `batch`.
        bigquery_threads: Statements at a time.
    """

    model_config = SettingsConfigDict(
        env_prefix="ADX_",
        env_file=PROJECT_ROOT / ".env",
        extra="forbid",
        hide_input_in_errors=True,
    )

    environment: str = "local"
    home: Path = PROJECT_ROOT / ".adx"
    lake_url: str | None = None
    catalog_type: CatalogType = "sqlite"
    catalog_url: str | None = None
    catalog_warehouse: str | None = None
    catalog_options: dict[str, str] = {}
    catalog_secret: SecretStr | None = None
    kafka_bootstrap: str = "127.0.0.1:19092"
    kafka_partitions: int = Field(default=4, ge=1)
    kafka_topic_prefix: str = ""
    kafka_options: dict[str, str] = {}
    producer_id: str = "adx"
    producer_journal_bytes: int = Field(default=1024**3, ge=1024**2)
    producer_commit_seconds: float = Field(default=0.005, ge=0)
    stream_batch_records: int = Field(default=1_000_000, ge=1)
    stream_interval_seconds: float = Field(default=5.0, gt=0)
    gap_hours: float = Field(default=24.0, ge=0)
    spark_master: str = "local[2]"
    spark_memory: str = "1g"
    spark_options: dict[str, str] = {}
    campaigns_url: str | None = None
    fx_url: str | None = None
    fx_lookback_days: int = Field(default=7, ge=0)
    crunchbase_url: str | None = None
    crunchbase_key: SecretStr | None = None
    crunchbase_calls_per_minute: int = Field(default=200, ge=1)
    crunchbase_lookback_days: int = Field(default=1, ge=0)
    drop_url: str | None = Field(default=None, pattern=r"^s3://[^/]+(/.+)?$")
    drop_copies: int = Field(default=8, ge=1)
    drop_quiet_seconds: float = Field(default=2.0, ge=0)
    keep_loaded_files: bool = False
    retry_seconds: float = Field(default=10.0, ge=0)
    first_event_date: date = date(2026, 1, 1)
    delete_orphans: bool = False
    dagster_autostart: bool = False
    alert_urls: SecretStr = SecretStr("")
    duckdb_threads: int = Field(default=2, ge=1)
    duckdb_memory: str = "4GB"
    kept_builds: int = Field(default=3, ge=2)
    warehouse_engine: Engine = "duckdb"
    bigquery_project: str | None = None
    bigquery_location: str = "EU"
    bigquery_dataset_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9_]*$")
    bigquery_endpoint: str | None = None
    bigquery_connection: str | None = None
    bigquery_readers: str = ""
    bigquery_maximum_bytes_billed: int = Field(default=1024**4, ge=10 * 1024**2)
    bigquery_job_seconds: int = Field(default=3600, ge=1)
    bigquery_request_seconds: int = Field(default=60, ge=1)
    bigquery_job_retries: int = Field(default=1, ge=0)
    bigquery_priority: Literal["interactive", "batch"] = "interactive"
    bigquery_threads: int = Field(default=8, ge=1)

    @field_validator("kafka_bootstrap")
    @classmethod
    def _brokers_have_ports(cls, value: str) -> str:
        for broker in value.split(","):
            host, _, port = broker.strip().rpartition(":")
            if not host or not port.isdecimal():
                raise ValueError(f"{broker.strip() or 'nothing'} is no <host>:<port>")
        return value

    @model_validator(mode="after")
    def _catalog_has_a_place(self) -> Self:
        if self.catalog_type != "sqlite" and not self.catalog_url:
            raise ValueError(f"ADX_CATALOG_TYPE {self.catalog_type} needs ADX_CATALOG_URL")
        if urlsplit(self.catalog_url or "").password:
            raise ValueError("the password in ADX_CATALOG_URL belongs in ADX_CATALOG_SECRET")
        return self

    @model_validator(mode="after")
    def _bigquery_has_a_project(self) -> Self:
        if self.warehouse_engine == "bigquery" and not self.bigquery_project:
            raise ValueError("ADX_WAREHOUSE_ENGINE bigquery needs ADX_BIGQUERY_PROJECT")
        return self

    @cached_property
    def lake(self) -> Path:
        """What of the lake is on this machine: locks, a SQLite catalog; by default all of it."""
        return self.home / "lake"

    @property
    def lake_root(self) -> str:
        """Where the lake's files are: pointers, and the tables unless the catalog has its own."""
        return (self.lake_url or str(self.lake)).rstrip("/")

    @cached_property
    def keys(self) -> Path:
        """Pseudonym key and daily keys, outside the lake on purpose."""
        return self.home / "keys"

    @cached_property
    def s3(self) -> Path:
        """The local S3 server: data, log."""
        return self.home / "s3"

    @cached_property
    def postgres(self) -> Path:
        """The local Postgres server: data, log."""
        return self.home / "postgres"

    @cached_property
    def bigquery_emulator(self) -> Path:
        """The local BigQuery emulator: data, log."""
        return self.home / "bigquery_emulator"

    @cached_property
    def kafka(self) -> Path:
        """The local broker: jars, configuration, log segments."""
        return self.home / "kafka"

    @cached_property
    def producers(self) -> Path:
        """Journals of producers: what Kafka has not acknowledged yet is nowhere else."""
        return self.home / "producers"

    @cached_property
    def checkpoints(self) -> Path:
        """Spark checkpoints; disposable."""
        return self.home / "checkpoints"

    @cached_property
    def dlt(self) -> Path:
        """Working folders of dlt; disposable."""
        return self.home / "dlt"

    @cached_property
    def drop(self) -> Path:
        """Folder that file sources drop into: `<drop>/<source>/`, with its sibling folders."""
        return self.home / "drop"

    @cached_property
    def warehouse(self) -> Path:
        """DuckDB builds and the `current` link."""
        return self.home / "warehouse"

    @cached_property
    def world(self) -> Path:
        """The synthetic ad world: its state, its campaigns database, its answer key."""
        return self.home / "world"

    @cached_property
    def dagster(self) -> Path:
        """Dagster's own storage."""
        return self.home / "dagster"

    def topic(self, name: str) -> str:
        """Name on the cluster of the topic that contracts call `name`."""
        return self.kafka_topic_prefix + name


def load_settings() -> Settings:
    """Read the settings of this process; folders as full paths, since dbt works in one of its own.

    Raises:
        AdxError: A setting is unknown or has an invalid value; the message names it.
    """
    try:
        settings = Settings(_env_file=(_environment_file(), PROJECT_ROOT / ".env"))
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:
            raise AdxError(
                f"The settings do not fit together: {first['msg'].removeprefix('Value error, ')}.",
                remedy="Correct them in the environment or in .env; .env.example lists them all.",
                exit_code=ExitCode.CONFIGURATION,
            ) from error
        name = f"ADX_{'_'.join(str(part) for part in first['loc']).upper()}"
        # a misspelt name may hold a key all the same
        is_secret = any(word in name for word in ("KEY", "SECRET", "ALERT"))
        got = "" if is_secret else f" (got {first.get('input')!r})"
        raise AdxError(
            f"Setting {name} is invalid: {first['msg']}{got}.",
            remedy="Correct it in the environment or in .env; .env.example lists every setting.",
            exit_code=ExitCode.CONFIGURATION,
        ) from error
    settings.home = settings.home.expanduser().resolve()
    if settings.lake_url and "://" not in settings.lake_url:
        settings.lake_url = str(Path(settings.lake_url).expanduser().resolve())
    warehouse = settings.catalog_warehouse
    if warehouse and warehouse.startswith(("/", "./", "../", "~")):  # others are names
        settings.catalog_warehouse = str(Path(warehouse).expanduser().resolve())
    return settings


def _environment_file() -> Path:
    name = (
        os.environ.get("ADX_ENVIRONMENT")
        or dotenv_values(PROJECT_ROOT / ".env").get("ADX_ENVIRONMENT")
        or "local"
    )
    path = ENVIRONMENTS / f"{name}.env"
    if path.is_file():
        return path
    known = ", ".join(sorted(file.stem for file in ENVIRONMENTS.glob("*.env")))
    raise AdxError(
        f"There is no environment {name}.",
        remedy=f"Set ADX_ENVIRONMENT to one of: {known}; or add {path.name} beside them.",
        exit_code=ExitCode.CONFIGURATION,
    )
