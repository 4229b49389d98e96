"""Plain confluent-kafka: idempotent, all replicas, compressed; what is in memory dies with it."""

import os
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import KafkaError, Message, Producer

from benchmarks.contender import contend
from benchmarks.messages import TOPIC
from benchmarks.usage import Clock
from ingestion.kafka import client_config
from ingestion.settings import Settings


def work(arguments: dict[str, Any]) -> dict[str, Any]:
    """Send all events; the clock stops when Kafka has acknowledged the last one."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    settings = Settings.model_validate(arguments["settings"])
    lines = Path(arguments["events"]).read_bytes().splitlines()
    # of the length that our producer's envelope has
    minted = b'{"event_id":"01900000-0000-7000-8000-000000000000","producer_id":"adx.' + b"0" * 17
    pairs = [
        (_key(line), b'%b","seq":%d,"schema_version":1,%b' % (minted, number, line[1:]))
        for number, line in enumerate(lines)
    ]
    problems: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            problems.append(error)

    producer = Producer(
        {
            **client_config(settings),
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "lz4",
            "linger.ms": 20,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 100_000,
        }
    )
    topic = settings.topic(TOPIC)
    clock = Clock()
    for number, (key, value) in enumerate(pairs):
        while True:
            try:
                producer.produce(topic, value, key, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
        if number % 500 == 0:
            producer.poll(0)
    if producer.flush(120) or problems:
        raise RuntimeError(f"not all was acknowledged: {problems[:1]}")
    return {"wall": clock.wall, "cpu": clock.cpu}


def _key(line: bytes) -> bytes:
    event = orjson.loads(line)
    payload = event[event["event_type"]]
    return str(payload.get("user_id") or payload["impression_id"]).encode()


if __name__ == "__main__":
    contend(work)
