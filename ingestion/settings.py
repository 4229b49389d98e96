"""Every setting of AdvertiseX, typed, from the environment (`ADX_*`) or a `.env` file."""

from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingestion.errors import AdxError, ExitCode

PROJECT_ROOT = Path(__file__).resolve().parent.parent

Environment = Literal["local"]


class Settings(BaseSettings):
    """Settings of one environment; all folders lie below `home` unless set apart.

    Attributes:
        environment: Which environment this is; also the dbt target.
        home: Folder for all that the platform keeps (lake, keys, broker, warehouse).
        kafka_bootstrap: `host:port` of the Kafka broker.
        kafka_partitions: Partitions of a topic that is created.
        kafka_topic_prefix: What stands before the topics' names on a cluster that is shared.
        kafka_options: More librdkafka settings of every client (TLS, SASL), as a JSON object.
        stream_batch_records: Most records one micro-batch takes.
        stream_interval_seconds: Pause between micro-batches of the continuous service.
        spark_master: Spark's master URL.
        spark_memory: Memory of the Spark driver, such as `1g`.
        campaigns_url: SQLAlchemy URL of the campaigns database; by default the ad world's.
        fx_url: Base URL of the FX API; by default the ad world's server is started for a landing.
        fx_lookback_days: Days before the newest rate that are asked for again, since rates may be
            published late or corrected.
        drop_quiet_seconds: How long a dropped file without a `.done` marker must stay unchanged
            before it is taken.
        keep_loaded_files: Keep dropped files after their commit, in `<drop>/archive/`. They hold
            personal data in clear text, so by default they are deleted.
        duckdb_threads: Threads DuckDB may use.
        duckdb_memory: Memory DuckDB may use, such as `4GB`.
    """

    model_config = SettingsConfigDict(
        env_prefix="ADX_", env_file=PROJECT_ROOT / ".env", extra="forbid"
    )

    environment: Environment = "local"
    home: Path = PROJECT_ROOT / ".adx"
    kafka_bootstrap: str = "127.0.0.1:19092"
    kafka_partitions: int = Field(default=4, ge=1)
    kafka_topic_prefix: str = ""
    kafka_options: dict[str, str] = {}
    stream_batch_records: int = Field(default=1_000_000, ge=1)
    stream_interval_seconds: float = Field(default=5.0, gt=0)
    spark_master: str = "local[2]"
    spark_memory: str = "1g"
    campaigns_url: str | None = None
    fx_url: str | None = None
    fx_lookback_days: int = Field(default=7, ge=0)
    drop_quiet_seconds: float = Field(default=2.0, ge=0)
    keep_loaded_files: bool = False
    duckdb_threads: int = Field(default=2, ge=1)
    duckdb_memory: str = "4GB"

    @cached_property
    def lake(self) -> Path:
        """Iceberg warehouse, catalog and pointers."""
        return self.home / "lake"

    @cached_property
    def keys(self) -> Path:
        """Pseudonym key and daily keys, outside the lake on purpose."""
        return self.home / "keys"

    @cached_property
    def kafka(self) -> Path:
        """The local broker: jars, configuration, log segments."""
        return self.home / "kafka"

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
    """Read the settings of this process.

    Raises:
        AdxError: A setting is unknown or has an invalid value; the message names it.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"ADX_{'_'.join(str(part) for part in first['loc']).upper()}"
        raise AdxError(
            f"Setting {name} is invalid: {first['msg']} (got {first.get('input')!r}).",
            remedy="Correct it in the environment or in .env; .env.example lists every setting.",
            exit_code=ExitCode.CONFIGURATION,
        ) from error
    settings.home = settings.home.expanduser().resolve()
    return settings
