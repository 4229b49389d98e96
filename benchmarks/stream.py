"""The stream against Spark's own Kafka source and against a bare consumer loop.

What counts is the marginal cost: each contender drains a small and a large topic, and the
difference is what the additional bytes cost, free of start-up.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.contender import run_contender
from benchmarks.figures import Figure
from benchmarks.messages import TOPIC, Messages, make_messages, send
from ingestion.contracts import Contract, Field, contract_for_topic
from ingestion.kafka import create_topics, free_port, start_broker, stop_broker
from ingestion.lake.duckdb import connect
from ingestion.settings import PROJECT_ROOT, Settings

_POM = PROJECT_ROOT / "benchmarks" / "spark_kafka" / "pom.xml"
_SIZES = {"small": 0.2, "large": 1.0}


def run(folder: Path, *, smoke: bool) -> list[Figure]:
    """Measure; `folder` is scratch."""
    messages = make_messages(20_000 if smoke else 1_500_000, folder / "keys")
    sizes = {name: messages.first(int(len(messages) * part)) for name, part in _SIZES.items()}
    jars = _spark_kafka_jars(folder)
    with local_broker(folder) as broker:
        for name, part in sizes.items():
            settings = _settings(broker, folder / "topics", name)
            create_topics(settings, [TOPIC])
            send(settings, part)
        cost = {
            contender: _marginal_cost(contender, broker, folder, sizes, jars)
            for contender in ("stream_ours", "stream_spark", "stream_bare")
        }
    megabytes = (sizes["large"].bytes - sizes["small"].bytes) / 1e6
    speed = {contender: megabytes / seconds for contender, seconds in cost.items()}
    return [
        Figure.of(
            "stream: marginal speed",
            speed["stream_ours"],
            speed[peer],
            "MB of JSON per core-second",
            peer_name=what,
            at_least=target,
        )
        for peer, what, target in (
            ("stream_spark", "Spark's Kafka source, from_json, single pass", 1.8),
            ("stream_bare", "a bare loop with the same parser, no commits", 0.9),
        )
    ]


def _marginal_cost(
    contender: str,
    broker: Settings,
    folder: Path,
    sizes: dict[str, Messages],
    jars: list[str],
) -> float:
    seconds = {}
    for name, messages in sizes.items():
        home = folder / contender / name
        settings = _settings(broker, home, name)
        arguments = {"settings": settings.model_dump(mode="json"), "jars": jars}
        report = run_contender(contender, arguments)
        _check(report, contender, messages, home)
        seconds[name] = report["cpu"]
        shutil.rmtree(home)
    return seconds["large"] - seconds["small"]


def _settings(broker: Settings, home: Path, name: str) -> Settings:
    return Settings(
        home=home, kafka_bootstrap=broker.kafka_bootstrap, kafka_topic_prefix=f"{name}."
    )


@contextmanager
def local_broker(folder: Path) -> Iterator[Settings]:
    """A broker of its own while the context lasts."""
    settings = Settings(home=folder / "broker", kafka_bootstrap=f"127.0.0.1:{free_port()}")
    start_broker(settings)
    try:
        yield settings
    finally:
        stop_broker(settings)


def _spark_kafka_jars(folder: Path) -> list[str]:
    jars = folder / "jars"
    subprocess.run(
        [
            "mvn",
            "-q",
            "-B",
            "-f",
            _POM,
            "dependency:copy-dependencies",
            f"-DoutputDirectory={jars}",
        ],
        check=True,
    )
    return [str(jar) for jar in sorted(jars.glob("*.jar"))]


_expected: dict[int, tuple[Any, ...]] = {}


def _check(report: dict[str, Any], contender: str, messages: Messages, home: Path) -> None:
    """All contenders must have made the same rows, good and failed, of the same bytes."""
    with connect(Settings(home=home)) as connection:
        found = _checksum(connection, report)
    if found[0] != len(messages):
        raise RuntimeError(f"{contender} read {found[0]} of {len(messages)} messages")
    expected = _expected.setdefault(len(messages), found)
    if found != expected:
        raise RuntimeError(f"{contender} made other rows: {found}, the first one {expected}")


def _checksum(connection: duckdb.DuckDBPyConnection, report: dict[str, Any]) -> tuple[Any, ...]:
    if "metadata" in report:
        relation = f"iceberg_scan('{report['metadata']}')"
    else:
        files = ", ".join(f"'{path}'" for path in report["files"])
        relation = f"read_parquet([{files}], hive_partitioning = false)"
    columns = ", ".join(f"coalesce({each}::varchar, '~')" for each in _leaves())
    row = connection.sql(
        f"select count(*), count(_error.reason),"
        f" sum(hash(concat_ws('|', {columns}))::hugeint) filter (_error.reason is null),"
        f" sum(hash(_kafka_partition, _kafka_offset)::hugeint) from {relation}"
    ).fetchone()
    return row or ()


def _leaves() -> list[str]:
    """Paths of all declared values that no privacy rule replaces."""
    contract: Contract = contract_for_topic(TOPIC)

    def walk(fields: tuple[Field, ...], prefix: str) -> Iterator[str]:
        for field in fields:
            if field.type == "struct":
                yield from walk(field.fields, f'{prefix}"{field.column}".')
            elif field.pii is None:
                yield f'{prefix}"{field.column}"'

    return [*walk(contract.fields, ""), "event_date"]
