"""A Spark standalone cluster on loopback: a master and two workers of one core each."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark
import requests

from ingestion.local_server import HOST, Server, free_ports

WORKERS = 2
_SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
_FRUGAL = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"


@dataclass(frozen=True)
class Cluster:
    """A running cluster: its master's URL, and the folder of its event logs."""

    master: str
    events: Path

    @property
    def options(self) -> dict[str, str]:
        """Spark properties of a driver: wait for both executors, and log which one did what."""
        return {
            "spark.driver.host": HOST,
            "spark.driver.bindAddress": HOST,
            "spark.cores.max": str(WORKERS),
            "spark.executor.cores": "1",
            "spark.executor.memory": "512m",
            "spark.executor.extraJavaOptions": _FRUGAL,
            "spark.scheduler.minRegisteredResourcesRatio": "1.0",
            "spark.scheduler.maxRegisteredResourcesWaitingTime": "300s",
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": self.events.as_uri(),
            "spark.eventLog.compress": "false",
            "spark.eventLog.rolling.enabled": "false",
        }

    def environment(self) -> dict[str, str]:
        """The settings of a process whose stream runs on the cluster."""
        return {
            "ADX_SPARK_MASTER": self.master,
            "ADX_SPARK_OPTIONS": json.dumps(self.options),
            "SPARK_LOCAL_IP": HOST,
        }

    def executors(self) -> dict[str, set[str]]:
        """The executors that ended a task, by application."""
        return {
            log.name: {
                str(event["Task Info"]["Executor ID"])
                for event in map(json.loads, log.read_text(encoding="utf-8").splitlines())
                if event["Event"] == "SparkListenerTaskEnd"
            }
            for log in self.events.iterdir()
        }


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Start a cluster, and stop it at the end."""
    port, *pages = free_ports(WORKERS + 2)
    master = f"spark://{HOST}:{port}"
    variables = {
        "SPARK_LOCAL_IP": HOST,
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": _FRUGAL,
    }
    (folder / "events").mkdir(parents=True)
    servers: list[Server] = []

    def launch(name: str, page: int, *arguments: str) -> None:
        server = Server(folder / name, f"Spark's {name}", start_seconds=300.0)
        servers.append(server)
        with server.lock():
            common = ["--host", HOST, "--webui-port", str(page)]
            server.launch([str(_SPARK_CLASS), *arguments[:1], *common, *arguments[1:]], variables)

    def alive() -> bool:
        try:
            answer = requests.get(f"http://{HOST}:{pages[0]}/json/", timeout=5).json()
        except requests.RequestException:
            return False
        return int(answer["aliveworkers"]) == WORKERS

    package = "org.apache.spark.deploy"
    try:
        launch("master", pages[0], f"{package}.master.Master", "--port", str(port))
        for number, page in enumerate(pages[1:]):
            launch(
                f"worker{number}",
                page,
                f"{package}.worker.Worker",
                *("--cores", "1", "--memory", "600m"),
                *("--work-dir", str(folder / f"work{number}"), master),
            )
        process = servers[0].process()
        assert process is not None
        servers[0].wait_until(alive, process)
        yield Cluster(master, folder / "events")
    finally:
        for server in reversed(servers):
            server.stop(signal.SIGTERM)


def outer_environment() -> dict[str, str]:
    """This process's environment without settings of AdvertiseX."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ADX_")}
