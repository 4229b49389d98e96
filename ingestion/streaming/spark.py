"""Starts Spark for the stream: small, quiet, without a jar beyond its own."""

import os
import shlex
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from ingestion.java import find_java
from ingestion.settings import Settings
from ingestion.streaming.source import TopicSource

_LOG4J = Path(__file__).with_name("log4j2.properties")


def start_spark(settings: Settings) -> SparkSession:
    """The Spark session of this process, with our data source registered.

    Raises:
        AdxError: There is no JDK that Spark runs on.
    """
    find_java()
    # Workers must be this very Python; without it Spark takes whatever `python3` is on the PATH.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    builder = SparkSession.builder.master(settings.spark_master).appName("advertisex-stream")
    if settings.spark_master.startswith("local"):
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
        builder = builder.config("spark.driver.host", "127.0.0.1")
        builder = builder.config("spark.driver.bindAddress", "127.0.0.1")
    log = spark_log(settings)
    log.parent.mkdir(parents=True, exist_ok=True)
    java_options = [
        f"-Dlog4j2.configurationFile={_LOG4J.as_uri()}",
        f"-Dadx.log={log}",
        "-XX:+UseSerialGC",  # descriptors are all that the JVM holds
        "-XX:TieredStopAtLevel=1",  # it plans, it does not compute: quick start beats peak speed
    ]
    options = {
        "spark.driver.memory": settings.spark_memory,
        "spark.driver.extraJavaOptions": shlex.join(java_options),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": str(settings.checkpoints / "spark-warehouse"),
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.codegen.wholeStage": "false",  # nothing to generate for one text column
        "spark.sql.streaming.noDataMicroBatches.enabled": "false",
        "spark.sql.streaming.numRecentProgressUpdates": "1",
        "spark.sql.streaming.minBatchesToRetain": "2",
    }
    for name, value in options.items():
        builder = builder.config(name, value)
    session: SparkSession = builder.getOrCreate()
    session.dataSource.register(TopicSource)
    return session


def spark_log(settings: Settings) -> Path:
    """Where Spark's own log goes."""
    return settings.checkpoints / "spark.log"
