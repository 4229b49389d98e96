"""The real Kafka broker that tests share, and what they need to use it.

- `kafka_broker`: one broker for the whole test run, on free ports, in a temporary folder; with
  pytest-xdist all workers share it, and the last one that is done stops it.
- `stream_settings`: settings of one test on that broker: a home of its own, and a topic prefix of
  its own, so that tests do not see each other's topics; `make_stream_settings(...)` makes more.
- `make_topics`: creates the topics of some settings.
- `send`: produces records and waits until the broker has them.
- `raw_rows`: what the lake holds of a topic.
- `drain`: lands everything that is there, in a Spark that all tests of a process share.

And, for contracts that move:

- `contract_folders`: makes folders of contract files, as the code of some day has them.
"""

# ruff: noqa: PLC0415 - most tests need neither a broker nor Spark, and do not wait for their imports
import fcntl
import gc
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import psutil
import pytest

from ingestion.settings import Settings


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Let the cycle collector work less: runs of dbt in a worker made it a third of the time.

    What was imported and collected stays to the end, so it is looked at no more; and what a test
    makes is looked at after every 100,000 new objects instead of every 700.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


# A forked process must not collect what it has inherited: a DuckDB connection, say, would wait for
# threads that only its parent has, or end the process.
os.register_at_fork(after_in_child=gc.freeze)


@dataclass(frozen=True)
class KafkaBroker:
    """The shared broker: where it listens, and the settings it was started with."""

    bootstrap: str
    settings: Settings


@contextmanager
def _shared_state(path: Path) -> Iterator[tuple[dict[str, Any], Callable[[dict[str, Any]], None]]]:
    """A JSON object that test processes read and write one at a time."""
    handle: TextIO
    with path.open("a+", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        handle.seek(0)
        text = handle.read()

        def write(state: dict[str, Any]) -> None:
            handle.truncate(0)
            handle.write(json.dumps(state))
            handle.flush()

        yield (json.loads(text) if text else {"users": []}), write


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    from ingestion.kafka import free_port, start_broker, stop_broker

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # the folder of the whole run
    path = folder / "kafka-broker.json"
    with _shared_state(path) as (state, write):
        state.setdefault("bootstrap", f"127.0.0.1:{free_port()}")
        settings = Settings(home=folder / "kafka-broker", kafka_bootstrap=state["bootstrap"])
        start_broker(settings)
        state["users"].append(os.getpid())
        write(state)
    yield KafkaBroker(settings.kafka_bootstrap, settings)
    with _shared_state(path) as (state, write):
        others = [pid for pid in state["users"] if pid != os.getpid() and psutil.pid_exists(pid)]
        state["users"] = others
        write(state)
        if not others:
            stop_broker(settings)


@pytest.fixture(scope="session")
def make_stream_settings(
    kafka_broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Settings]:
    def make(**others: Any) -> Settings:
        name = uuid.uuid4().hex[:8]
        values: dict[str, Any] = {
            "home": tmp_path_factory.mktemp(name),
            "kafka_bootstrap": kafka_broker.bootstrap,
            "kafka_topic_prefix": f"{name}.",
            "kafka_partitions": 2,
            "stream_interval_seconds": 0.3,
        }
        return Settings(**{**values, **others})

    return make


@pytest.fixture
def stream_settings(make_stream_settings: Callable[..., Settings]) -> Settings:
    return make_stream_settings()


@pytest.fixture(scope="session")
def make_topics() -> Callable[..., list[str]]:
    """`make_topics(settings, names=...)` creates topics and gives their names on the broker."""
    from ingestion.kafka import TOPICS, create_topics

    def make(settings: Settings, names: Sequence[str] = TOPICS) -> list[str]:
        return create_topics(settings, names)

    return make


@pytest.fixture(scope="session")
def send() -> Callable[..., None]:
    """`send(settings, topic, values, partition=0, headers=None)` produces and waits."""
    from confluent_kafka import Producer

    from ingestion.kafka import client_config

    def produce(
        settings: Settings,
        topic: str,
        values: Sequence[bytes | None],
        partition: int = 0,
        headers: Sequence[list[tuple[str, bytes | None]] | None] | None = None,
    ) -> None:
        producer = Producer({**client_config(settings), "message.max.bytes": 8_000_000})
        problems: list[Any] = []

        def delivered(error: Any, _: Any) -> None:
            if error is not None:
                problems.append(error)

        for index, value in enumerate(values):
            producer.produce(
                settings.topic(topic),
                value,
                partition=partition,
                headers=headers[index] if headers else None,
                on_delivery=delivered,
            )
        assert producer.flush(120) == 0, "records that the broker has not taken"
        assert not problems, problems

    return produce


@pytest.fixture(scope="session")
def raw_rows() -> Callable[[Settings, str], list[dict[str, Any]]]:
    """`raw_rows(settings, topic)`: the rows of a topic's table, by partition and offset."""
    from pyiceberg.table import StaticTable

    from ingestion.contracts import contract_for_topic
    from ingestion.lake import Lake

    def read(settings: Settings, topic: str) -> list[dict[str, Any]]:
        head = Lake.open(settings).head(contract_for_topic(topic))
        rows = StaticTable.from_metadata(head.metadata_location).scan().to_arrow().to_pylist()
        return sorted(rows, key=lambda row: (row["_kafka_partition"], row["_kafka_offset"]))

    return read


@pytest.fixture(scope="session")
def drain() -> Iterator[Callable[[Settings], Any]]:
    """`drain(settings, topics=...)` runs the stream once; its Spark stays for the next test."""
    from ingestion.streaming import run_stream
    from ingestion.streaming.spark import stop_spark

    def run(settings: Settings, **arguments: Any) -> Any:
        return run_stream(settings, once=True, keep_spark=True, **arguments)

    yield run
    stop_spark()


class ContractFolders:
    """Folders of contract files, each the contracts of the code at some time."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._patch = patch

    def first(self, *names: str) -> Path:
        """A folder with the first version of some tables (`<source>.<table>`)."""
        import ingestion.contracts

        folder = self._new()
        for name in names:
            path = Path(*name.split(".")).with_suffix(".v1.json")
            (folder / path).parent.mkdir(exist_ok=True)
            shutil.copy(Path(ingestion.contracts.__file__).parent / path, folder / path)
        return folder

    def newer(self, before: Path, name: str, change: Callable[[dict[str, Any]], None]) -> Path:
        """A folder like another one, with one more version of a table, changed by `change`."""
        folder = self._new()
        shutil.copytree(before, folder, dirs_exist_ok=True)
        source, table = name.split(".")
        newest = max((folder / source).glob(f"{table}.v*.json"))
        node = json.loads(newest.read_text(encoding="utf-8"))
        node["x-version"] += 1
        change(node)
        path = folder / source / f"{table}.v{node['x-version']}.json"
        path.write_text(json.dumps(node), encoding="utf-8")
        return folder

    def use(self, folder: Path) -> None:
        """Go on as the code with these contracts; also in processes that are started."""
        self._patch.setenv("ADX_CONTRACTS", str(folder))

    def _new(self) -> Path:
        folder = self._folder / uuid.uuid4().hex[:8]
        folder.mkdir()
        return folder


@pytest.fixture
def contract_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ContractFolders:
    return ContractFolders(tmp_path, monkeypatch)
