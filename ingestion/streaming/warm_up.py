"""Start Spark once, so that every later start is quick: `python -m ingestion.streaming.warm_up`.

The first start that ends well leaves the archive of classes; until then each one pays the full
price, and one that is killed leaves nothing. The test suite, which starts Spark dozens of times
and kills many of them, warms up first.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition

from ingestion.settings import Settings
from ingestion.streaming.classes import keep_archive
from ingestion.streaming.spark import start_spark, stop_spark


class OneRow(DataSource):
    """A stream of one row."""

    @classmethod
    def name(cls) -> str:
        """What Spark calls it."""
        return "one-row"

    def schema(self) -> str:
        """One text."""
        return "value string"

    def streamReader(self, schema: Any) -> "OneRowReader":  # noqa: N802, ARG002 - Spark's names
        """Its reader."""
        return OneRowReader()


class OneRowReader(DataSourceStreamReader):
    """Plans one partition and reads its row."""

    def initialOffset(self) -> dict[str, int]:  # noqa: N802
        """Before the row."""
        return {"row": 0}

    def latestOffset(self) -> dict[str, int]:  # noqa: N802
        """Behind the row."""
        return {"row": 1}

    def partitions(
        self,
        start: dict[str, int],  # noqa: ARG002
        end: dict[str, int],  # noqa: ARG002
    ) -> Sequence[InputPartition]:
        """One."""
        return [InputPartition(0)]

    def read(self, partition: InputPartition) -> Iterator[tuple[str]]:  # noqa: ARG002
        """The row."""
        yield ("row",)


def warm_up() -> None:
    """Land one row nowhere, end the JVM, and keep what it has written."""
    with tempfile.TemporaryDirectory() as folder:
        spark = start_spark(Settings(home=Path(folder)))
        spark.dataSource.register(OneRow)
        writer = spark.readStream.format(OneRow.name()).load().writeStream
        writer = writer.option("checkpointLocation", f"{folder}/checkpoint")
        query = writer.foreachBatch(_collect).trigger(availableNow=True).start()
        query.awaitTermination()
        jvm = spark.sparkContext._gateway.proc
        stop_spark()
        jvm.stdin.close()
        jvm.wait()
        keep_archive()


def _collect(rows: Any, _: int) -> None:
    rows.collect()


if __name__ == "__main__":
    warm_up()
