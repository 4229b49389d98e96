"""Our producer: ids, numbers, a journal with group fsync, and Kafka behind it."""

import os
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import orjson

from benchmarks.contender import contend
from benchmarks.messages import TOPIC
from benchmarks.usage import Clock
from ingestion.producers.events import Ready
from ingestion.producers.producer import Receipt, open_producer
from ingestion.settings import Settings

_BATCH = 500
_WAITING = 8
"""Batches that callers have handed over without an answer, at most."""


def work(arguments: dict[str, Any]) -> dict[str, Any]:
    """Send all events; the clock stops when Kafka has acknowledged the last one."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    settings = Settings.model_validate(arguments["settings"])
    lines = Path(arguments["events"]).read_bytes().splitlines()
    batches = [lines[at : at + _BATCH] for at in range(0, len(lines), _BATCH)]
    ready = [] if arguments["check"] else [[_trusted(line) for line in each] for each in batches]
    with open_producer(settings, TOPIC) as producer:
        producer.check(batches[0])
        waiting: deque[Future[Receipt]] = deque()
        clock = Clock()
        for number, batch in enumerate(batches):
            events = producer.check(batch) if arguments["check"] else ready[number]
            waiting.append(producer.submit(events))
            if len(waiting) > _WAITING:
                waiting.popleft().result()
        acknowledged = [future.result() for future in waiting]
        if not producer.wait_until_sent(120):
            raise RuntimeError("Kafka did not acknowledge all")
        wall, cpu = clock.wall, clock.cpu
    return {"wall": wall, "cpu": cpu, "last": acknowledged[-1].first_seq}


def _trusted(line: bytes) -> Ready:
    event = orjson.loads(line)
    payload = event[event["event_type"]]
    return line[1:], (payload.get("user_id") or payload["impression_id"]).encode()


if __name__ == "__main__":
    contend(work)
