"""Where a topic is read from, how much a batch takes, and when the only right answer is to halt.

Pure functions on offsets; the lake's table says what is committed, the cluster what there is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ingestion.errors import AdxError, ExitCode
from ingestion.kafka.client import Topic

Offsets = Mapping[int, int]

_LIFE: Final = "~"
"""Kafka's ids are base64 for URLs, which has no such character."""


@dataclass(frozen=True)
class MissingOffsets:
    """Why a topic cannot be read on from where the lake ends.

    Attributes:
        kind: `expired`: the broker dropped records that were not landed. `truncated`: a partition
            ends before what was landed of it, so the broker has lost records and gives their
            offsets to others. `recreated`: the topic is another one.
        topic: Name of the topic.
        topic_id: The topic as the lake knows it; of a recreated one its new id.
        partition: Partition; None for a recreated topic.
        landed: Offset up to which the lake holds the partition; None for a recreated topic.
        found: The earliest offset that is kept (`expired`), or the offset that the next record gets
            (`truncated`).
        known: Ids of the topics that the lake holds offsets of, for a recreated one.
        table: The table that holds them, for a recreated one.
    """

    kind: Literal["expired", "truncated", "recreated"]
    topic: str
    topic_id: str
    partition: int | None = None
    landed: int | None = None
    found: int | None = None
    known: tuple[str, ...] = ()
    table: str = ""

    @property
    def message(self) -> str:
        """One sentence."""
        if self.kind == "expired":
            return (
                f"Offsets {self.landed} to {(self.found or 0) - 1} of {self.topic}, partition "
                f"{self.partition}, have expired on the broker before they were landed."
            )
        if self.kind == "truncated":
            return (
                f"Partition {self.partition} of {self.topic} ends at offset {self.found}, but the "
                f"lake holds it up to {self.landed}: the broker has lost records."
            )
        return (
            f"Topic {self.topic} is not the one that {self.table} was read from: its id is "
            f"{self.topic_id}, the lake holds offsets of {', '.join(self.known)}."
        )

    @property
    def remedy(self) -> str:
        """How nothing is lost; going on without the records is the last one."""
        if self.kind == "expired":
            return "Restore the broker's data, or have their senders send them to a new topic."
        if self.kind == "truncated":
            return "Restore the broker's data."
        return (
            "Point ADX_KAFKA_BOOTSTRAP and ADX_KAFKA_TOPIC_PREFIX at the topic it was read from, "
            "or use another ADX_HOME for this one."
        )

    def error(self) -> AdxError:
        """The error for it, where nobody has noted it yet."""
        return AdxError(
            self.message,
            remedy=f"{self.remedy} `adx gaps list` shows how to go on without them.",
            exit_code=ExitCode.DATA,
        )


def cluster_id(topic_id: str) -> str:
    """The id that the cluster knows, of a topic as the lake knows it."""
    return topic_id.partition(_LIFE)[0]


def current_id(topic_id: str, committed: Mapping[str, Offsets]) -> str:
    """The newest life of a topic as the lake knows it; the id itself if it has no other.

    A topic whose broker lost records gives offsets again that the lake holds of other records. Once
    that is accepted, what follows is landed as of another life of the topic, `<id>~<n>`, so that
    topic id, partition and offset go on naming one record.

    Args:
        topic_id: Id of the topic on the cluster.
        committed: Next offset by topic id and partition, as the table holds them.
    """
    lives = [name for name in committed if cluster_id(name) == topic_id]
    return max(lives, key=_life, default=topic_id)


def next_life(topic_id: str) -> str:
    """The life of a topic after this one."""
    return f"{cluster_id(topic_id)}{_LIFE}{_life(topic_id) + 1}"


def _life(topic_id: str) -> int:
    return int(topic_id.partition(_LIFE)[2] or 0)


def start_offsets(topic: Topic, committed: Mapping[str, Offsets], table: str) -> dict[int, int]:
    """The offset from which each partition of a topic is read next.

    Args:
        topic: The topic as the cluster has it.
        committed: Next offset by topic id and partition, as the table holds them.
        table: Name of the table, for messages.

    Raises:
        AdxError: Records that were never landed are gone, or the topic is another one.
    """
    for missing in missing_offsets(topic, committed, table):
        raise missing.error()
    return _ends(topic, committed)


def missing_offsets(
    topic: Topic, committed: Mapping[str, Offsets], table: str
) -> list[MissingOffsets]:
    """Everything that keeps a topic from being read on where the table ends."""
    reading = current_id(topic.topic_id, committed)
    if committed and reading not in committed:
        known = tuple(sorted(committed))
        return [_recreated(topic, known, table)]
    return _missing(topic, reading, _ends(topic, committed))


def check_kept(topic: Topic, start: Offsets) -> None:
    """Demand that the cluster still has every record from these offsets on.

    A partition that is not named starts at its first record ever, offset 0.

    Raises:
        AdxError: It has not: records expired, or the partition ends before the offset.
    """
    for missing in _missing(topic, topic.topic_id, start):
        raise missing.error()


def _ends(topic: Topic, committed: Mapping[str, Offsets]) -> dict[int, int]:
    known = committed.get(current_id(topic.topic_id, committed), {})
    return {partition: known.get(partition, 0) for partition in topic.end}


def _missing(topic: Topic, topic_id: str, start: Offsets) -> list[MissingOffsets]:
    missing = []
    for partition, end in sorted(topic.end.items()):
        landed, earliest = start.get(partition, 0), topic.earliest[partition]
        where = (topic.name, topic_id, partition, landed)
        if earliest > landed:
            missing.append(MissingOffsets("expired", *where, earliest))
        elif end < landed:
            missing.append(MissingOffsets("truncated", *where, end))
    return missing


def batch_end(start: Offsets, end: Offsets, most: int | None) -> dict[int, int]:
    """Where a batch of at most so many records ends, shared evenly over the partitions.

    What a partition with little to read leaves of its share goes to the others. The parts of a
    batch are of one size then, and no task waits for a larger one.
    """
    behind = {partition: max(0, stop - start.get(partition, 0)) for partition, stop in end.items()}
    if most is None:
        most = sum(behind.values())
    taken = {}
    left = most
    for done, (partition, lag) in enumerate(sorted(behind.items(), key=lambda item: item[1])):
        taken[partition] = min(lag, left // (len(behind) - done))
        left -= taken[partition]
    return {partition: start.get(partition, 0) + taken[partition] for partition in end}


def expired(topic: str, partition: int, wanted: int, earliest: int) -> AdxError:
    """The error for records that the cluster dropped before they were landed."""
    return MissingOffsets("expired", topic, "", partition, wanted, earliest).error()


def recreated(topic: Topic, known: str, table: str) -> AdxError:
    """The error for a topic that was deleted and created again."""
    return _recreated(topic, (known,), table).error()


def _recreated(topic: Topic, known: tuple[str, ...], table: str) -> MissingOffsets:
    return MissingOffsets("recreated", topic.name, topic.topic_id, known=known, table=table)
