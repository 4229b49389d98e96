"""Gaps that are made on purpose: records that a broker loses, numbers that never come."""

from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from ingestion.adworld.hostile import ad_event
from ingestion.kafka import client_config, create_topics
from ingestion.settings import Settings

PRODUCER = "pixel." + "0" * 17


def numbered_event(seq: int, number: int | None = None) -> dict[str, Any]:
    """A lawful ad event of a producer that numbers what it sends.

    Args:
        seq: The number that its producer gave it.
        number: Makes its id; by default the same.
    """
    event = ad_event(seq if number is None else number)
    return {**event, "producer_id": PRODUCER, "seq": seq}


def make_anew(settings: Settings, topic: str) -> None:
    """Delete a topic and create it again."""
    admin = AdminClient(client_config(settings))
    for future in admin.delete_topics([settings.topic(topic)], operation_timeout=30).values():
        future.result()
    create_topics(settings, [topic])


def expire(settings: Settings, topic: str, partition: int, end: int) -> None:
    """Let the broker drop the records of a partition before an offset, as its retention does."""
    admin = AdminClient(client_config(settings))
    before = TopicPartition(settings.topic(topic), partition, end)
    for future in admin.delete_records([before]).values():
        future.result()
