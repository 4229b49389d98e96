"""Starts Spark for the stream: small, quiet, without a jar beyond its own."""

import os
import shlex
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import pyspark
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from ingestion.errors import AdxError, ExitCode
from ingestion.java import find_java
from ingestion.lake.problems import storage_errors
from ingestion.settings import Settings
from ingestion.streaming.classes import archive_options
from ingestion.streaming.home import spark_home

_LOG4J = Path(__file__).with_name("log4j2.properties")

_EXECUTOR_VARIABLES = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
)

_lock = threading.Lock()
_gateway: Any = None
_session: SparkSession | None = None


def start_spark(settings: Settings) -> SparkSession:
    """The Spark session of this process.

    It is started at the first call, and after `stop_spark` again in the same JVM.

    Raises:
        AdxError: There is no JDK that Spark runs on, or Spark does not start.
    """
    global _session  # noqa: PLW0603 - Spark itself allows one session a process
    with _lock:
        if _session is None:
            _session = _start(settings)
        return _session


def stop_spark() -> None:
    """Stop the session, if there is one."""
    global _session  # noqa: PLW0603
    with _lock:
        if _session is not None:
            _session.stop()
            _session = None


def spark_log(settings: Settings) -> Path:
    """Where Spark's own log goes."""
    return settings.checkpoints / "spark.log"


def _start(settings: Settings) -> SparkSession:
    java = find_java()
    # Tasks need this very Python; without it Spark takes whatever `python3` is on the PATH. Only
    # the machines of a cluster may have theirs elsewhere.
    if _is_local(settings) or "PYSPARK_PYTHON" not in os.environ:
        os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    if "SPARK_HOME" not in os.environ and (home := spark_home()) is not None:
        os.environ["SPARK_HOME"] = str(home)
    if _is_local(settings):
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    # py4j imports pandas to tell NumPy scalars from others, and PySpark dislikes its version
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
    log = spark_log(settings)
    with storage_errors(settings.checkpoints):
        log.parent.mkdir(parents=True, exist_ok=True)
    archive = archive_options(java, f"{pyspark.__version__} {os.environ.get('SPARK_HOME')}")
    conf = SparkConf().setAll(list(_options(settings, log, archive).items()))
    try:
        context = SparkContext(conf=conf, gateway=_launch(conf, log))
    except PySparkException as error:
        raise AdxError(
            "Spark did not start.",
            remedy=f"Read {log}; check ADX_SPARK_MASTER and ADX_SPARK_MEMORY.",
            exit_code=ExitCode.CONFIGURATION,
        ) from error
    return SparkSession(context)


def _options(settings: Settings, log: Path, archive: list[str]) -> dict[str, str]:
    java_options = [
        f"-Dlog4j2.configurationFile={_LOG4J.as_uri()}",
        f"-Dadx.log={log}",
        "-XX:+UseSerialGC",  # descriptors are all that the JVM holds
        "-XX:TieredStopAtLevel=1",  # it plans, it does not compute: quick start beats peak speed
        *archive,
    ]
    options = {
        "spark.master": settings.spark_master,
        "spark.app.name": "advertisex-stream",
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
    if _is_local(settings):
        options["spark.driver.host"] = options["spark.driver.bindAddress"] = "127.0.0.1"
    # Where S3 is; who asks it is the executors' own environment's or role's to know.
    options |= {
        f"spark.executorEnv.{name}": os.environ[name]
        for name in _EXECUTOR_VARIABLES
        if name in os.environ
    }
    return options | settings.spark_options


def _is_local(settings: Settings) -> bool:
    """Whether tasks run on this machine, below this process."""
    return settings.spark_master.startswith("local")


def _launch(conf: SparkConf, log: Path) -> Any:
    """The JVM of this process; once started it serves every later session.

    It gets a session of its own, so that a signal to the process group reaches the driver alone,
    which then lets the running batch finish. It ends with the driver, whose end closes its stdin.
    """
    global _gateway  # noqa: PLW0603 - PySpark keeps one JVM a process
    if _gateway is None:
        with log.open("ab") as output:
            streams = {"stdout": output, "stderr": output, "start_new_session": True}
            _gateway = launch_gateway(conf=conf, popen_kwargs=streams)
    return _gateway
