"""What a world remembers of its playing: sends to Kafka, the FX API's day, finished days."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ingestion.adworld.config import write_atomically
from ingestion.errors import AdxError, ExitCode

FILE_NAME = "state.json"


@dataclass
class Send:
    """The messages of one day, sent once.

    Attributes:
        day: The day.
        counts: Messages by topic and partition; empty until all of them are acknowledged.
    """

    day: int
    counts: dict[str, list[int]] = field(default_factory=dict)


@dataclass
class WorldState:
    """How far a world has been played.

    Attributes:
        played: The last day of which everything has been sent.
        sends: What went to Kafka, in order; the last one may be unfinished.
        topic_ids: UUIDs of the topics that the messages went to.
        fx_day: The day up to which the FX API shows its rates.
    """

    played: int = 0
    sends: list[Send] = field(default_factory=list)
    topic_ids: dict[str, str] = field(default_factory=dict)
    fx_day: int = 0

    def sent(self, topic: str, partitions: int) -> list[int]:
        """Messages of all finished sends by partition of a topic."""
        totals = [0] * partitions
        for send in self.sends:
            for partition, count in enumerate(send.counts.get(topic, [])):
                totals[partition] += count
        return totals


def read_state(folder: Path) -> WorldState:
    """The state of a world; a new one if it was never played.

    Raises:
        AdxError: The file is damaged.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return WorldState()
    try:
        fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        sends = [Send(**send) for send in fields.pop("sends")]
        return WorldState(sends=sends, **fields)
    except (ValueError, TypeError, KeyError) as error:
        raise AdxError(
            f"The ad world's state {path} is damaged: {error}.",
            remedy=f"Remove {folder} and the broker's data, then create and play the world again.",
            exit_code=ExitCode.DATA,
        ) from error


def write_state(folder: Path, state: WorldState) -> None:
    """Keep the state, whole or not at all."""
    write_atomically(folder / FILE_NAME, json.dumps(asdict(state), indent=2).encode() + b"\n")
