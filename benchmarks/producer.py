"""A producer with its journal against plain confluent-kafka without one.

The same events to the same broker. A contender and all its threads run on one core; the broker has
the other ones. What counts is the time from the first event to the last acknowledgement of Kafka,
and the processor time of the contender, which does not see what else the machine does.
"""

from pathlib import Path
from typing import Any

import orjson

from benchmarks.contender import run_contender
from benchmarks.figures import Figure
from benchmarks.messages import TOPIC, make_messages
from benchmarks.stream import local_broker
from ingestion.kafka import create_topics, describe_topics
from ingestion.settings import Settings

COMMIT_SECONDS = 0.005
"""How long a group is collected before its fsync: the default of ADX_PRODUCER_COMMIT_SECONDS."""

_MINTED = ("event_id", "producer_id", "seq", "schema_version")
_WANTED = 50_000


def run(folder: Path, *, smoke: bool) -> list[Figure]:
    """Measure; `folder` is scratch."""
    count = 2_000 if smoke else 200_000
    events = folder / "events.jsonl"
    count = _write_events(events, count, folder / "keys")
    with local_broker(folder) as broker:
        reports = {
            name: _report(broker, folder, name, events, count)
            for name in ("plain", "journalled", "checked")
        }
    speed = {name: count / report["wall"] for name, report in reports.items()}
    cost = {name: 1e6 * report["cpu"] / count for name, report in reports.items()}
    group = f"group commit every {1000 * COMMIT_SECONDS:g} ms"
    return [
        Figure.of(
            f"producer: journalled, fsynced, acknowledged ({group})",
            speed["journalled"],
            _WANTED,
            "events per second on one core",
            peer_name="the speed that is wanted",
            at_least=1.0,
        ),
        Figure.of(
            f"producer: journalled, fsynced, acknowledged ({group})",
            speed["journalled"],
            speed["plain"],
            "events per second on one core",
            peer_name="plain confluent-kafka, no journal",
            at_least=0.4,
        ),
        Figure.of(
            "producer: the same, each event checked against its contract",
            speed["checked"],
            _WANTED,
            "events per second on one core",
            peer_name="the speed that is wanted",
            at_least=1.0,
        ),
        *(
            Figure.of(
                f"producer: processor time, {name}",
                cost[name],
                1e6 / _WANTED,
                "µs an event",
                peer_name="what the wanted speed leaves",
                at_most=1.0,
            )
            for name in ("journalled", "checked")
        ),
        Figure.of(
            "producer: processor time, journalled",
            cost["journalled"],
            cost["plain"],
            "µs an event",
            peer_name="plain confluent-kafka, no journal",
            at_most=3.0,
        ),
    ]


def _report(
    broker: Settings, folder: Path, name: str, events: Path, count: int
) -> dict[str, float]:
    settings = Settings(
        home=folder / name,
        kafka_bootstrap=broker.kafka_bootstrap,
        kafka_topic_prefix=f"{name}.",
        producer_commit_seconds=COMMIT_SECONDS,
    )
    create_topics(settings, [TOPIC])
    arguments: dict[str, Any] = {
        "settings": settings.model_dump(mode="json"),
        "events": str(events),
        "check": name == "checked",
    }
    module = "producer_plain" if name == "plain" else "producer_ours"
    report = run_contender(module, arguments)
    (topic,) = describe_topics(settings, [TOPIC])
    if sum(topic.end.values()) != count:
        raise RuntimeError(f"{name} sent {sum(topic.end.values())} of {count} events")
    return {"wall": float(report["wall"]), "cpu": float(report["cpu"])}


def _write_events(path: Path, count: int, keys: Path) -> int:
    """Ad events as a client sends them: good ones, without what a producer mints."""
    written = 0
    with path.open("wb") as file:
        for value in make_messages(count, keys).values.to_pylist():
            try:
                event = orjson.loads(value)
            except orjson.JSONDecodeError:
                continue  # cut short on purpose, for the benchmark of the stream
            for name in _MINTED:
                del event[name]
            file.write(orjson.dumps(event) + b"\n")
            written += 1
    return written
