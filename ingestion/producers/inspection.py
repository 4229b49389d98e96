"""What a journal on this machine says of itself, read beside the producer that writes it.

Takes no lock and changes nothing. The position is read first and the segments after it, so that
what a producer does meanwhile makes the journal only longer than the position says.
"""

from dataclasses import dataclass
from pathlib import Path

import orjson

from ingestion.kafka.client import TOPICS
from ingestion.producers.journal import read_identity, read_position, segment_files
from ingestion.producers.records import Record, read_records, was_durable
from ingestion.settings import Settings

_LOOKS = 5
"""A segment that is acknowledged may go between a look into the folder and one into the file."""


@dataclass(frozen=True)
class JournalState:
    """A journal as it is on disk.

    Attributes:
        producer: Name of the producer, as its folder is called.
        topic: Logical name of the topic.
        producer_id: The `producer_id` of its events.
        accepted: Events that it has taken, ever: the number after the newest one.
        acknowledged: Events that Kafka has acknowledged without a gap.
        to_send: Events that can be read and that Kafka has not acknowledged.
        kept: Ids, by number, of the events that Kafka has acknowledged and that were read.
        problem: What of it cannot be read; None if all can be.
    """

    producer: str
    topic: str
    producer_id: str
    accepted: int
    acknowledged: int
    to_send: int
    kept: dict[int, str]
    problem: str | None = None


def journals(settings: Settings) -> list[Path]:
    """Folders of the journals on this machine, of whichever producer."""
    if not settings.producers.is_dir():
        return []
    return [
        folder / topic
        for folder in sorted(settings.producers.iterdir())
        for topic in TOPICS
        if (folder / topic).is_dir()
    ]


def inspect(folder: Path, *, with_ids: bool = False) -> JournalState:
    """Read a journal, from the segment on that has the first event that is not acknowledged.

    Args:
        folder: Where it lies.
        with_ids: Also tell the ids of the events in these segments that are acknowledged.

    Raises:
        AdxError: It does not tell whose it is.
    """
    for _ in range(_LOOKS):
        try:
            return _inspect(folder, with_ids=with_ids)
        except FileNotFoundError:
            continue
    return _inspect(folder, with_ids=with_ids)


def _inspect(folder: Path, *, with_ids: bool) -> JournalState:
    position = read_position(folder).get("next", 0)
    segments = segment_files(folder)
    producer_id = read_identity(folder) if segments or position else ""
    if segments:
        position = max(position, segments[0][0])
    accepted, to_send, problem = position, 0, None
    kept: dict[int, str] = {}
    nexts = [first for first, _ in segments[1:]] + [None]
    for (first, path), following in zip(segments, nexts, strict=True):
        if following is not None and following <= position:
            continue
        content = path.read_bytes()
        end, size = first, 0
        for record in read_records(content, first):
            end, size = end + 1, size + record.size
            if record.seq >= position:
                to_send += 1
            elif with_ids:
                kept[record.seq] = _event_id(record)
        accepted = end if following is None else following
        if following is not None and end != following:
            problem = f"{path.name} ends before record {following}, at {end}"
        elif following is None and was_durable(content, size, end):
            problem = f"record {end} was on disk and cannot be read ({path.name})"
    return JournalState(
        folder.parent.name,
        folder.name,
        producer_id,
        accepted,
        position,
        to_send,
        kept,
        problem,
    )


def _event_id(record: Record) -> str:
    return str(orjson.loads(record.value)["event_id"])
