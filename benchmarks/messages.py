"""The bytes that the stream is measured on: the ad world's own messages, a few of them broken."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Producer

from ingestion.adworld.config import WorldConfig
from ingestion.adworld.export import messages_table
from ingestion.adworld.sources import script_of
from ingestion.contracts import contract_for_topic
from ingestion.kafka.client import client_config
from ingestion.landing import KeyStore, LandingContext, land_json
from ingestion.settings import Settings

TOPIC = "ad-events"
_START = date(2026, 3, 28)
_ONE_BROKEN_IN = 1000


@dataclass(frozen=True)
class Messages:
    """Messages of one topic, in the order in which they are sent.

    Attributes:
        values: Their values.
        partitions: Their partitions.
    """

    values: pa.ChunkedArray
    partitions: pa.ChunkedArray

    @property
    def bytes(self) -> int:
        """Bytes of all values."""
        return int(pc.sum(pc.binary_length(self.values)).as_py())

    def first(self, count: int) -> "Messages":
        """The first messages."""
        return Messages(self.values.slice(0, count), self.partitions.slice(0, count))

    def __len__(self) -> int:
        return len(self.values)


def make_messages(count: int, folder: Path) -> Messages:
    """Real ad events of one day, one in a thousand cut short.

    What the world plants on purpose is left out: on records that break the contract in other ways
    the parsers that are compared do not agree, and events of many old dates would measure the
    opening of files.

    Args:
        count: How many.
        folder: Scratch folder for the keys of the landing that tells good from broken.
    """
    parts: list[pa.Table] = []
    have, seed = 0, 1
    while have < count:
        for part in _good(seed, count, folder):
            parts.append(part)
            have += part.num_rows
            if have >= count:
                break
        seed += 1
    table = pa.concat_tables(parts).slice(0, count)
    values = [
        value[: len(value) // 2] if number % _ONE_BROKEN_IN == 0 else value
        for number, value in enumerate(table.column("value").to_pylist())
    ]
    return Messages(pa.chunked_array([pa.array(values, pa.large_binary())]), table["partition"])


def _good(seed: int, count: int, folder: Path) -> Iterator[pa.Table]:
    context = LandingContext(
        contract_for_topic(TOPIC), 1, datetime(2026, 3, 29, tzinfo=UTC), KeyStore(folder), threads=2
    )
    config = WorldConfig(seed, 2 * count, 1, _START)
    for messages in script_of(config, 1).chunks():
        found = messages_table([message for message in messages if message[0] == TOPIC])
        if not found.num_rows:
            continue
        nothing = pa.nulls(found.num_rows)
        lineage = pa.table(
            {
                "_kafka_topic": nothing.cast(pa.string()),
                "_kafka_topic_id": nothing.cast(pa.string()),
                "_kafka_partition": found["partition"],
                "_kafka_offset": nothing.cast(pa.int64()),
            }
        )
        landed = land_json(context, found["value"].combine_chunks(), lineage)
        keep = pc.and_(
            pc.equal(landed["event_date"], pa.scalar(_START)), pc.is_null(landed["_extras"])
        )
        yield found.filter(pc.fill_null(keep, False)).select(["partition", "value"])


def send(settings: Settings, messages: Messages) -> None:
    """Produce messages and wait until the broker has them all."""
    producer = Producer(
        {**client_config(settings), "linger.ms": 50, "queue.buffering.max.messages": 500_000}
    )
    topic = settings.topic(TOPIC)
    pairs = zip(messages.values.to_pylist(), messages.partitions.to_pylist(), strict=True)
    for value, partition in pairs:
        while True:
            try:
                producer.produce(topic, value, partition=partition)
                break
            except BufferError:
                producer.poll(0.1)
    left = producer.flush(120)
    if left:
        raise RuntimeError(f"{left} messages were not acknowledged")
