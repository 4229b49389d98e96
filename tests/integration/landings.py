"""Landing messages as the stream does, without a broker and without Spark."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa

from ingestion.adworld.sinks import MemorySink
from ingestion.contracts import contract_for_topic
from ingestion.lake import Lake, StreamClaim, write_data_files
from ingestion.landing import KeyStore, LandingContext, land_json
from ingestion.settings import Settings
from orchestration.batch import BATCH_SOURCES, land_source

Message = tuple[bytes | None, bytes | None]
"""A value, and the event id in the message's headers."""


def land_messages(
    settings: Settings,
    topic: str,
    partitions: Mapping[int, Sequence[Message]],
    topic_id: str = "Zm9vYmFyYmF6cXV4cXV1eA",
) -> None:
    """Land messages by partition in one commit, behind those that were landed before."""
    lake, contract = Lake.open(settings), contract_for_topic(topic)
    head = lake.head(contract)
    keys = KeyStore(settings.keys)
    context = LandingContext(contract, head.ingest_seq + 1, datetime.now(UTC), keys)
    landed = head.claims.stream.get(topic_id, {})
    files, start, end = [], {}, {}
    for partition, messages in partitions.items():
        count = len(messages)
        start[partition] = landed.get(partition, 0)
        end[partition] = start[partition] + count
        lineage = pa.table(
            {
                "_kafka_topic": pa.array([topic] * count, pa.string()),
                "_kafka_topic_id": pa.array([topic_id] * count, pa.string()),
                "_kafka_partition": pa.array([partition] * count, pa.int32()),
                "_kafka_offset": pa.array(range(start[partition], end[partition]), pa.int64()),
            }
        )
        values = pa.array([value for value, _ in messages], pa.binary())
        ids = pa.array([event_id for _, event_id in messages], pa.binary())
        rows = land_json(context, values, lineage, ids)
        files += write_data_files(rows, contract, lake.location(contract))
    claim = StreamClaim(topic, topic_id, start, end)
    lake.commit_files(contract, files, claim, expected_seq=head.ingest_seq)


def land_played(settings: Settings, sink: MemorySink) -> None:
    """Land what a world has sent to its topics since it was landed last, and its other sources."""
    lake = Lake.open(settings)
    for topic, partitions in sink.kept.items():
        landed = lake.head(contract_for_topic(topic)).claims.stream.get(sink.topic_id, {})
        messages = {
            partition: [
                (message[3], dict(message[4] or ()).get("event_id"))
                for message in kept[landed.get(partition, 0) :]
            ]
            for partition, kept in enumerate(partitions)
        }
        land_messages(settings, topic, messages, sink.topic_id)
    for source in BATCH_SOURCES:
        land_source(settings, source, demanded=True)
