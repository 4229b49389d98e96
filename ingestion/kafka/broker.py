"""The local Kafka broker: one KRaft process on loopback, whose data survive a restart.

All of it lies in `<home>/kafka`: `server.properties` (written at each start), `data/`, `broker.log`
and `broker.pid`.
"""

import re
import socket
import subprocess
import uuid
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path

import psutil
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from ingestion.errors import AdxError, ExitCode
from ingestion.java import find_java
from ingestion.kafka.client import MAX_MESSAGE_BYTES, client_config
from ingestion.kafka.jars import ensure_jars
from ingestion.local_server import HOST, Server, demand_free, free_ports, is_free
from ingestion.settings import Settings

_PROBE_TOPIC = "adx-probe"


@dataclass(frozen=True)
class BrokerStatus:
    """What is known about the local broker.

    Attributes:
        running: Its process lives.
        ready: It answers on its port.
        bootstrap: `host:port` it serves, or will serve.
        pid: Its process id, if it runs.
        log: Its log file.
    """

    running: bool
    ready: bool
    bootstrap: str
    pid: int | None
    log: Path


def start_broker(settings: Settings) -> BrokerStatus:
    """Start the broker, unless it runs, and wait until a record can be produced.

    Raises:
        AdxError: Java, Maven or the network is missing, the port is taken, the folder cannot be
            written, or the broker does not come up.
    """
    port = _port(settings)
    server = _server(settings)
    with server.lock():
        process = server.process()
        if process is None:
            java, jars = find_java().program, ensure_jars()
            process = _launch(settings, server, port, [str(java), *_OPTIONS, "-cp", f"{jars}/*"])
        server.wait_until(lambda: _can_produce(settings), process)
    return BrokerStatus(True, True, settings.kafka_bootstrap, process.pid, server.log)


def stop_broker(settings: Settings) -> bool:
    """Stop the broker and wait until it has gone; False if it did not run.

    One that must be killed loses nothing: acknowledged records are with the kernel.
    """
    return _server(settings).stop()


def broker_status(settings: Settings) -> BrokerStatus:
    """Whether the broker runs and answers."""
    found = _server(settings).status(settings.kafka_bootstrap, lambda: _answers(settings))
    return BrokerStatus(found.running, found.ready, found.address, found.pid, found.log)


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    return free_ports(1)[0]


def _server(settings: Settings) -> Server:
    return Server(
        settings.kafka,
        "The Kafka broker",
        stem="broker",
        mark=str(_properties(settings)),
        start_seconds=120.0,
        stop_seconds=60.0,
        remedy=f"; if its data are damaged, delete {settings.kafka / 'data'} and cluster.id beside "
        "it, and send the events again",
    )


def _properties(settings: Settings) -> Path:
    return settings.kafka / "server.properties"


_OPTIONS = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # one user on loopback: quick start beats peak speed
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
    "-Dfile.encoding=UTF-8",
)


def _launch(settings: Settings, server: Server, port: int, base: list[str]) -> psutil.Process:
    demand_free(port, "ADX_KAFKA_BOOTSTRAP")
    properties = _properties(settings)
    properties.write_text(
        _server_properties(port, _controller_port(properties, port)), encoding="utf-8"
    )
    _format(settings, server, base)
    return server.launch([*base, "kafka.Kafka", str(properties)], {})


def _format(settings: Settings, server: Server, base: list[str]) -> None:
    """Prepare the data folder; done when `cluster.id` is there, and harmless to repeat."""
    marker = settings.kafka / "cluster.id"
    if marker.exists():
        return
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
    command = [*base, "kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster]
    with server.log.open("ab") as output:
        done = subprocess.run(
            [*command, "-c", str(_properties(settings))],
            cwd=settings.kafka,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    if done.returncode != 0:
        raise server.failed("its data folder could not be formatted")
    marker.write_text(cluster, encoding="utf-8")


def _server_properties(port: int, controller_port: int) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": "data",  # below the working folder: a path may hold a comma, this list not
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "auto.create.topics.enable": "false",
        "message.max.bytes": MAX_MESSAGE_BYTES,
        "log.retention.ms": -1,
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,  # 128 MiB by default, at once
        "num.network.threads": 2,
        "num.io.threads": 4,
    }
    lines = [f"{key}={value}" for key, value in settings.items()]
    return "\n".join(["# written by `adx kafka start` at each start", *lines, ""])


def _controller_port(properties: Path, port: int) -> int:
    """The controller's port of the last start, or another one if that is taken now.

    Args:
        properties: What the last start wrote, if there was one.
        port: The broker's own.
    """
    if properties.exists():
        match = re.search(r"CONTROLLER://[^:]+:(\d+)", properties.read_text(encoding="utf-8"))
        if match and int(match[1]) != port and is_free(int(match[1])):
            return int(match[1])
    return free_ports(1, beside={port})[0]


def _can_produce(settings: Settings) -> bool:
    """Whether a record was acknowledged just now."""
    if not _answers(settings):
        return False
    admin = AdminClient(client_config(settings))
    topic = NewTopic(_PROBE_TOPIC, 1, config={"retention.ms": "60000", "segment.ms": "60000"})
    try:
        admin.create_topics([topic], request_timeout=5.0)[_PROBE_TOPIC].result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            return False
    acknowledged: list[bool] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        acknowledged.append(error is None)

    producer = Producer({**client_config(settings), "message.timeout.ms": 5000, "linger.ms": 0})
    producer.produce(_PROBE_TOPIC, b"", on_delivery=delivered)
    producer.flush(5.0)
    return acknowledged == [True]


def _answers(settings: Settings) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2.0)
        return probe.connect_ex((HOST, _port(settings))) == 0


def _port(settings: Settings) -> int:
    host, _, port = settings.kafka_bootstrap.partition(":")
    if host not in (HOST, "localhost") or not port.isdigit():
        raise AdxError(
            f"ADX_KAFKA_BOOTSTRAP is {settings.kafka_bootstrap}, which is no port on {HOST}; "
            "the local broker serves loopback only.",
            remedy=f"Set it to {HOST}:<port>, or manage that broker where it runs.",
            exit_code=ExitCode.CONFIGURATION,
        )
    return int(port)
