"""The local Kafka broker: one KRaft process on loopback, whose data survive a restart.

All of it lies in `<home>/kafka`: `server.properties` (written at each start), `data/`, `broker.log`
and `broker.pid`. The pid file also holds the start time of the process, so that a pid that the
system has given to somebody else meanwhile is never signalled.
"""

import fcntl
import json
import os
import re
import socket
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from ingestion.errors import AdxError, ExitCode
from ingestion.java import find_java
from ingestion.kafka.client import MAX_MESSAGE_BYTES, client_config
from ingestion.kafka.jars import ensure_jars
from ingestion.settings import Settings

_HOST = "127.0.0.1"
_PROBE_TOPIC = "adx-probe"
_START_SECONDS = 120.0
_STOP_SECONDS = 60.0
_POLL_SECONDS = 0.05
_LOG_BYTES = 10 * 1024 * 1024
_START_TIME_TOLERANCE = 2.0
"""Seconds by which the reported start time of one process may differ when the clock is set."""


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
    with _locked(settings):
        running = _process(settings)
        if running is None:
            java, jars = find_java().program, ensure_jars()
            running = _launch(settings, port, java, jars)
        _wait_until_ready(settings, running)
    return BrokerStatus(True, True, settings.kafka_bootstrap, running.pid, _log(settings))


def stop_broker(settings: Settings) -> bool:
    """Stop the broker and wait until it has gone; False if it did not run."""
    if not settings.kafka.exists():
        return False
    with _locked(settings):
        process = _process(settings)
        if process is None:
            return False
        process.terminate()
        if not _ends(process):
            process.kill()  # acknowledged records are with the kernel: nothing is lost
            _ends(process)
        _pid_file(settings).unlink()
        return True


def broker_status(settings: Settings) -> BrokerStatus:
    """Whether the broker runs and answers."""
    process = _process(settings)
    ready = process is not None and _answers(settings)
    pid = None if process is None else process.pid
    return BrokerStatus(pid is not None, ready, settings.kafka_bootstrap, pid, _log(settings))


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _launch(settings: Settings, port: int, java: Path, jars: Path) -> psutil.Process:
    if not _is_free(port):
        raise AdxError(
            f"Port {port} on {_HOST} is taken by another process, so the broker cannot start.",
            remedy="Stop that process, or set ADX_KAFKA_BOOTSTRAP to a free port.",
            exit_code=ExitCode.BUSY,
        )
    properties = settings.kafka / "server.properties"
    properties.write_text(_server_properties(port, _controller_port(properties)), encoding="utf-8")
    log = _log(settings)
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    base = [str(java), "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    base += ["-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dfile.encoding=UTF-8"]
    base += ["-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ"]
    base += ["-cp", f"{jars}/*"]
    with log.open("ab") as output:
        _format(settings, base, properties, output.fileno())
        process = subprocess.Popen(
            [*base[:1], "-Xms128m", "-Xmx512m", *base[1:], "kafka.Kafka", str(properties)],
            cwd=settings.kafka,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C in a terminal is for the command, not for the broker
        )
    started = psutil.Process(process.pid)
    record = json.dumps({"pid": started.pid, "started": started.create_time()})
    scratch = _pid_file(settings).with_suffix(".tmp")
    scratch.write_text(record, encoding="utf-8")
    scratch.replace(_pid_file(settings))
    return started


def _format(settings: Settings, base: list[str], properties: Path, output: int) -> None:
    """Prepare the data folder; done when `cluster.id` is there, and harmless to repeat."""
    marker = settings.kafka / "cluster.id"
    if marker.exists():
        return
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
    command = [*base, "kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster]
    done = subprocess.run(
        [*command, "-c", str(properties)],
        cwd=settings.kafka,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        check=False,
    )
    if done.returncode != 0:
        raise _failed(settings, "its data folder could not be formatted")
    marker.write_text(cluster, encoding="utf-8")


def _server_properties(port: int, controller_port: int) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{_HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{_HOST}:{port},CONTROLLER://{_HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{_HOST}:{port}",
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


def _controller_port(properties: Path) -> int:
    """The controller's port of the last start, or another one if that is taken now."""
    if properties.exists():
        match = re.search(r"CONTROLLER://[^:]+:(\d+)", properties.read_text(encoding="utf-8"))
        if match and _is_free(int(match[1])):
            return int(match[1])
    return free_port()


def _wait_until_ready(settings: Settings, process: psutil.Process) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _can_produce(settings):
        if not _is_alive(process):
            raise _failed(settings, "its process ended")
        if time.monotonic() > deadline:
            raise _failed(settings, f"it did not answer within {_START_SECONDS:.0f} s")


def _can_produce(settings: Settings) -> bool:
    """Whether a record was acknowledged just now; waits a moment at most."""
    if not _answers(settings):
        time.sleep(0.1)
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
        return probe.connect_ex((_HOST, _port(settings))) == 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
        return True


def _process(settings: Settings) -> psutil.Process | None:
    """The broker's process, if the one that the pid file names is still that very process."""
    try:
        record = json.loads(_pid_file(settings).read_text(encoding="utf-8"))
        process = psutil.Process(record["pid"])
        same = abs(process.create_time() - record["started"]) < _START_TIME_TOLERANCE
        ours = str(settings.kafka / "server.properties") in process.cmdline()
    except (FileNotFoundError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return process if same and ours and _is_alive(process) else None


def _ends(process: psutil.Process) -> bool:
    """Wait for a process to end.

    `psutil.Process.wait` would wait in vain for a broker whose starter still runs and does not look
    after its children: to it a zombie is still there.
    """
    deadline = time.monotonic() + _STOP_SECONDS
    while _is_alive(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _port(settings: Settings) -> int:
    host, _, port = settings.kafka_bootstrap.partition(":")
    if host not in (_HOST, "localhost") or not port.isdigit():
        raise AdxError(
            f"ADX_KAFKA_BOOTSTRAP is {settings.kafka_bootstrap}, which is no port on {_HOST}; "
            "the local broker serves loopback only.",
            remedy=f"Set it to {_HOST}:<port>, or manage that broker where it runs.",
            exit_code=ExitCode.CONFIGURATION,
        )
    return int(port)


def _failed(settings: Settings, what: str) -> AdxError:
    log = _log(settings)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    reason = next((line for line in reversed(lines) if "Exception" in line), "no reason logged")
    return AdxError(
        f"The Kafka broker did not start: {what} ({reason.strip()[:300]}).",
        remedy=f"Read {log}; if its data are damaged, delete {settings.kafka / 'data'} and "
        "cluster.id beside it, and send the events again.",
        exit_code=ExitCode.UNAVAILABLE,
    )


def _log(settings: Settings) -> Path:
    return settings.kafka / "broker.log"


def _pid_file(settings: Settings) -> Path:
    return settings.kafka / "broker.pid"


@contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    """One start or stop at a time; a folder that cannot be written is told as such."""
    try:
        settings.kafka.mkdir(parents=True, exist_ok=True)
        with (settings.kafka / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise AdxError(
            f"The broker's folder {settings.kafka} cannot be written: "
            f"{error.strerror or os.strerror(error.errno or 0)}.",
            remedy="Make it writable, free some disk space, or set ADX_HOME elsewhere.",
            exit_code=ExitCode.UNAVAILABLE,
        ) from error
