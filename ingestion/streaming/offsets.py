"""Where a topic is read from, how much a batch takes, and when the only right answer is to halt.

Pure functions on offsets; the lake's table says what is committed, the cluster what there is.
"""

from collections.abc import Mapping

from ingestion.errors import AdxError, ExitCode
from ingestion.kafka.client import Topic

Offsets = Mapping[int, int]


def start_offsets(topic: Topic, committed: Mapping[str, Offsets], table: str) -> dict[int, int]:
    """The offset from which each partition of a topic is read next.

    Args:
        topic: The topic as the cluster has it.
        committed: Next offset by topic id and partition, as the table holds them.
        table: Name of the table, for messages.

    Raises:
        AdxError: Records that were never landed are gone, or the topic is another one.
    """
    if topic.topic_id not in committed and committed:
        raise recreated(topic.name, known=sorted(committed), found=topic.topic_id, table=table)
    known = committed.get(topic.topic_id, {})
    start = {partition: known.get(partition, 0) for partition in topic.end}
    check_kept(topic, start)
    return start


def check_kept(topic: Topic, start: Offsets) -> None:
    """Demand that the cluster still has every record from these offsets on.

    A partition that is not named starts at its first record ever, offset 0.

    Raises:
        AdxError: It has not: records expired, or the partition ends before the offset.
    """
    for partition, end in sorted(topic.end.items()):
        first = start.get(partition, 0)
        if topic.earliest[partition] > first:
            raise expired(topic.name, partition, first, topic.earliest[partition])
        if end < first:
            raise AdxError(
                f"Partition {partition} of {topic.name} ends at offset {end}, but the lake "
                f"holds it up to {first}: the broker has lost records.",
                remedy="Restore the broker's data, or create the topic again and have its "
                "records sent again.",
                exit_code=ExitCode.DATA,
            )


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
    return AdxError(
        f"Offsets {wanted} to {earliest - 1} of {topic}, partition {partition}, have expired on "
        "the broker before they were landed.",
        remedy="Have their senders send them again to a new topic, or restore the broker's data; "
        "the stream does not go on over a gap by itself.",
        exit_code=ExitCode.DATA,
    )


def recreated(topic: str, *, known: list[str], found: str, table: str) -> AdxError:
    """The error for a topic that was deleted and created again."""
    return AdxError(
        f"Topic {topic} is not the one that {table} was read from: its id is {found}, the lake "
        f"holds offsets of {', '.join(known)}.",
        remedy="Point ADX_KAFKA_BOOTSTRAP and ADX_KAFKA_TOPIC_PREFIX at the topic it was read "
        "from, or use another ADX_HOME for this one.",
        exit_code=ExitCode.DATA,
    )
