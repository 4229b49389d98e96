"""A bare consumer loop: one process, the same strict parser, files, and no commit at all."""

from datetime import UTC, datetime
from typing import Any

from benchmarks.contender import contend
from benchmarks.messages import TOPIC
from benchmarks.usage import Clock
from ingestion.contracts import contract_for_topic
from ingestion.kafka.client import describe_topics
from ingestion.landing import KeyStore
from ingestion.settings import Settings
from ingestion.streaming.plan import QueryPlan, TaskRange
from ingestion.streaming.task import land_range


def work(arguments: dict[str, Any]) -> dict[str, Any]:
    """Turn every partition into files."""
    settings = Settings.model_validate(arguments["settings"])
    contract = contract_for_topic(TOPIC)
    clock = Clock()
    (topic,) = describe_topics(settings, [TOPIC])
    plan = QueryPlan(
        topic=TOPIC,
        topic_id=topic.topic_id,
        source=contract.source,
        table=contract.table,
        version=contract.version,
        contracts="",
        location=str(settings.home / "files"),
        start={},
        end=topic.end,
        most_records=0,
        folder="",
        settings=settings.model_dump_json(),
        keys=KeyStore(settings.keys).fingerprint(),
    )
    now = datetime.now(UTC)
    done = [
        land_range(plan, TaskRange(partition, 0, end, 1, now))
        for partition, end in sorted(topic.end.items())
    ]
    return {
        "cpu": clock.cpu,
        "wall": clock.wall,
        "rows": sum(each.read for each in done),
        "files": [file["path"] for each in done for file in each.files],
    }


if __name__ == "__main__":
    contend(work)
