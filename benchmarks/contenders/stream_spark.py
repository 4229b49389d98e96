"""Spark's own Kafka source with `from_json`: one pass, good and failed rows, a commit a batch.

Tuned as one would: no shuffle, code generation on, native zstd, timestamps in microseconds. It
does not pseudonymise or encrypt, keeps no unknown fields, and looks at types and required fields
only: all of that is work that ours does and it does not.
"""

import uuid
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyspark.sql import DataFrame, SparkSession

from benchmarks.contender import contend
from benchmarks.messages import TOPIC
from benchmarks.usage import Clock
from ingestion.contracts import Field, contract_for_topic
from ingestion.settings import Settings

_TYPES = {"int": "bigint", "bool": "boolean", "ts": "timestamp", "date": "date"}
_TABLE = ("raw", "events")


def parsed_type(field: Field) -> str:
    """The type that `from_json` gives a field: decimals are text on the wire."""
    if field.type == "struct":
        return f"struct<{', '.join(f'`{f.name}`: {parsed_type(f)}' for f in field.fields)}>"
    return _TYPES.get(field.type, "string")


def column(field: Field, path: str) -> str:
    """Expression of a field's raw column, decimals cast."""
    if field.type == "dec":
        return f"cast({path} as decimal(38, 9))"
    if field.type != "struct":
        return path
    members = ", ".join(f"'{f.column}', {column(f, f'{path}.`{f.name}`')}" for f in field.fields)
    return f"case when {path} is not null then named_struct({members}) end"


def missing(fields: tuple[Field, ...], path: str) -> str:
    """Condition that a required field is not there."""
    conditions = []
    for field in fields:
        at = f"{path}.`{field.name}`"
        if field.type == "struct":
            conditions.append(f"({at} is not null and ({missing(field.fields, at)}))")
        if field.required:
            conditions.append(f"{at} is null")
    return " or ".join(conditions) or "false"


def statements() -> tuple[str, list[str]]:
    """The schema for `from_json`, and the expressions of the raw columns."""
    contract = contract_for_topic(TOPIC)
    schema = ", ".join(f"`{field.name}` {parsed_type(field)}" for field in contract.fields)
    bad = f"(e is null or e._corrupt_record is not null or {missing(contract.fields, 'e')})"
    columns = [
        f"case when not {bad} then {column(field, f'e.`{field.name}`')} end as `{field.column}`"
        for field in contract.fields
    ]
    error = "named_struct('reason', 'parse', 'payload', cast(value as string))"
    columns += [
        f"case when not {bad} then cast(e.`{contract.event_time}` as date) end as event_date",
        f"case when {bad} then {error} end as _error",
        "topic as _kafka_topic",
        "partition as _kafka_partition",
        "offset as _kafka_offset",
        "current_timestamp() as _loaded_at",
    ]
    return f"{schema}, _corrupt_record string", columns


class Commits:
    """One Iceberg commit a batch, of the files that Spark wrote."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._catalog = SqlCatalog(
            "peer", uri=f"sqlite:///{home}/catalog.db", warehouse=str(home / "tables")
        )
        self._catalog.create_namespace("raw")
        self.rows = 0

    def __call__(self, batch: DataFrame, _number: int) -> None:
        """Write a batch in one pass, and commit its files."""
        folder = self._home / "files" / uuid.uuid4().hex
        day = batch.selectExpr("*", "event_date as part")
        day.write.partitionBy("part").option("compression", "zstd").parquet(str(folder))
        files = sorted(str(path) for path in folder.rglob("*.parquet"))
        schema = pq.read_schema(files[0])
        if not self._catalog.table_exists(_TABLE):
            table = self._catalog.create_table(_TABLE, schema)
            with table.update_spec() as update:
                update.add_identity("event_date")
        table = self._catalog.load_table(_TABLE)
        table.add_files(files, check_duplicate_files=False)
        self.rows += sum(pq.read_metadata(file).num_rows for file in files)

    @property
    def metadata(self) -> str:
        """The newest metadata file."""
        return str(self._catalog.load_table(_TABLE).metadata_location)


def work(arguments: dict[str, Any]) -> dict[str, Any]:
    """Drain the topic into an Iceberg table."""
    settings = Settings.model_validate(arguments["settings"])
    settings.home.mkdir(parents=True, exist_ok=True)
    clock = Clock()
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.jars", ",".join(arguments["jars"]))
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "2g")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        .config("spark.sql.sources.partitionOverwriteMode", "static")
        .config("spark.driver.extraJavaOptions", "-XX:+UseParallelGC")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    schema, columns = statements()
    commits = Commits(settings.home)
    records = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", settings.kafka_bootstrap)
        .option("subscribe", settings.topic(TOPIC))
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", settings.stream_batch_records)
        .load()
    )
    options = "map('mode', 'PERMISSIVE', 'columnNameOfCorruptRecord', '_corrupt_record')"
    parse = f"from_json(cast(value as string), '{schema}', {options}) as e"
    query = (
        records.selectExpr("*", parse)
        .selectExpr(*columns)
        .writeStream.option("checkpointLocation", str(settings.home / "checkpoint"))
        .trigger(availableNow=True)
        .foreachBatch(commits)
        .start()
    )
    query.awaitTermination()
    return {
        "cpu": clock.cpu,
        "wall": clock.wall,
        "rows": commits.rows,
        "metadata": commits.metadata,
    }


if __name__ == "__main__":
    contend(work)
