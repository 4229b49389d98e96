"""Plays the days of a world: messages to Kafka, files, table changes, rates, and the key.

Each target is told once, however often a day is played and wherever a run is killed:

- Kafka: all messages of a day are made again, and as many of each partition are left out as the
  partition already holds. The order within a partition is fixed, so what it holds is a prefix.
- Files: written beside their place, noted in a manifest, then renamed. After a kill, a file that
  is noted and still beside its place was not renamed; one that is gone was.
- The campaigns database keeps the last day in the transaction that changes its rows.
- The FX API shows the day that the state says.

`resend=True` sends the messages of a played day to Kafka once more, with new offsets, and the
key counts them (duplicates; and events of their own where they have no id).
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ingestion.adworld.campaigns_db import FILE_NAME as DATABASE
from ingestion.adworld.campaigns_db import create_database, play_database
from ingestion.adworld.config import (
    FILE_NAME,
    Kind,
    WorldConfig,
    read_config,
    write_config,
)
from ingestion.adworld.key import Answer, write_key
from ingestion.adworld.program import TOPICS, Message
from ingestion.adworld.sinks import KafkaSink, Sink, TopicState
from ingestion.adworld.sources import Script, script_of
from ingestion.adworld.state import Send, WorldState, read_state, write_state
from ingestion.adworld.worked_example import START as EXAMPLE_START
from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings

START = date(2026, 3, 28)
"""Default first day; the second day is the one on which European clocks change."""

_LOCK = "world.lock"
_LEDGER = "ledger"
_MANIFEST = "manifest.jsonl"


@dataclass(frozen=True)
class PlayReport:
    """What playing a day has sent; all zero if it had been played before.

    Attributes:
        day: The day.
        messages: Messages to Kafka.
        files: Files dropped.
        rows: Rows written to or deleted from the campaigns database.
    """

    day: int
    messages: int
    files: int
    rows: int


def create_world(
    folder: Path,
    seed: int,
    scale: int,
    days: int = 3,
    *,
    start: date = START,
    partitions: int = 4,
    kind: Kind = "generated",
) -> bool:
    """Make a world; the same world again changes nothing.

    Args:
        folder: Where it lives.
        seed: Same seed and scale, same bytes.
        scale: About how many events all sources send over all days.
        days: How many days it can play.
        start: Day 1.
        partitions: Partitions of each topic.
        kind: A generated world or the worked example.

    Returns:
        Whether the world is new.

    Raises:
        AdxError: Another world lives there.
    """
    config = WorldConfig(seed, scale, days, start, partitions, kind)
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        if (folder / FILE_NAME).exists():
            present = read_config(folder)
            if present != config:
                raise AdxError(
                    f"Another ad world lives in {folder}: seed {present.seed}, scale "
                    f"{present.scale}, {present.days} days from {present.start}.",
                    remedy="Use its seed, scale and days, or start from an empty home.",
                    exit_code=ExitCode.USAGE,
                )
            create_database(folder / DATABASE)
            return False
        create_database(folder / DATABASE)
        write_config(folder, config)
        return True


def create_worked_example(folder: Path, *, partitions: int = 4) -> bool:
    """Make the worked example of the definitions: one day, its key written by hand.

    Args:
        folder: Where it lives.
        partitions: Partitions of each topic.

    Returns:
        Whether the world is new.
    """
    return create_world(
        folder, 0, 1, 1, start=EXAMPLE_START, partitions=partitions, kind="worked_example"
    )


def play(
    settings: Settings, day: int, *, resend: bool = False, sink: Sink | None = None
) -> PlayReport:
    """Play one day of the world of this home.

    Args:
        settings: Names the world's folder, the drop folder and the broker.
        day: The day, from 1; days are played in order.
        resend: Send the messages of a played day once more.
        sink: Takes the messages in the place of the broker.

    Raises:
        AdxError: The day is out of order, a target cannot be reached, or the topics do not hold
            what this world has sent before.
    """
    folder = settings.world
    config = read_config(folder)
    with _locked(folder):
        state = read_state(folder)
        _check_day(config, state, day, resend)
        script = script_of(config, day)
        player = _Player(folder, settings.drop, config, state, script)
        if day > state.played:
            player.check_drop_folder()
        messages = player.send(sink or KafkaSink(settings), resend)
        files = rows = 0
        if day > state.played:
            files = player.drop_files()
            rows = play_database(folder / DATABASE, config, day)
            state.fx_day = day
            state.played = day
            write_key(folder, day, player.key())
        elif messages:
            write_key(folder, state.played, player.key())
        write_state(folder, state)
        return PlayReport(day, messages, files, rows)


class _Player:
    """One run of one day."""

    def __init__(
        self, folder: Path, drop: Path, config: WorldConfig, state: WorldState, script: Script
    ) -> None:
        self.folder = folder
        self.drop = drop
        self.config = config
        self.state = state
        self.script = script

    # ------------------------------------------------------------ Kafka

    def send(self, sink: Sink, resend: bool) -> int:
        """Send what the topics do not hold yet; returns the number of messages."""
        topics = sink.topics()
        unfinished = bool(self.state.sends) and not self.state.sends[-1].counts
        self._check_topics(topics, unfinished)
        if not unfinished:
            if self.script.day <= self.state.played and not resend:
                return 0
            self.state.sends.append(Send(self.script.day))
            self.state.topic_ids = {name: topic.topic_id for name, topic in topics.items()}
            write_state(self.folder, self.state)
        present = {
            name: [end - before for end, before in zip(topic.ends, self._sent(name), strict=True)]
            for name, topic in topics.items()
        }
        counts = {name: [0] * self.config.partitions for name in TOPICS}
        sent = 0
        for chunk in self.script.chunks():
            fresh = list(_fresh(chunk, counts, present))
            sink.send(fresh)
            sent += len(fresh)
        sink.flush()
        self.script.save_stream(self.folder / _LEDGER)
        self._check_sent(sink.topics(), counts)
        self.state.sends[-1] = Send(self.script.day, counts)
        write_state(self.folder, self.state)
        return sent

    def _sent(self, topic: str) -> list[int]:
        return self.state.sent(topic, self.config.partitions)

    def _check_topics(self, topics: dict[str, TopicState], unfinished: bool) -> None:
        """The topics hold what this world has sent: no less, and no more."""
        for name, topic in topics.items():
            if len(topic.ends) != self.config.partitions:
                raise AdxError(
                    f"Topic {name} has {len(topic.ends)} partitions, the ad world sends to "
                    f"{self.config.partitions}.",
                    remedy="Create the topic with as many partitions as the world, or the world "
                    "with as many as the topic.",
                    exit_code=ExitCode.CONFIGURATION,
                )
            known = self.state.topic_ids.get(name)
            before = self._sent(name)
            pairs = list(zip(topic.ends, before, strict=True))
            if known is not None and known != topic.topic_id:
                raise _other_broker(f"topic {name} is another one than before ({known})")
            if any(end < sent for end, sent in pairs):
                raise _other_broker(
                    f"topic {name} holds {sum(topic.ends)} messages, the world has sent "
                    f"{sum(before)}"
                )
            if not unfinished and any(end > sent for end, sent in pairs):
                raise _other_broker(
                    f"topic {name} holds {sum(topic.ends)} messages, of which the world has sent "
                    f"only {sum(before)}"
                )

    def _check_sent(self, topics: dict[str, TopicState], counts: dict[str, list[int]]) -> None:
        for name, topic in topics.items():
            expected = [
                before + count for before, count in zip(self._sent(name), counts[name], strict=True)
            ]
            if topic.ends != expected:
                raise _other_broker(
                    f"topic {name} ends at {topic.ends} after the day, not at {expected}"
                )

    # ------------------------------------------------------------ files

    def check_drop_folder(self) -> None:
        """No file of this day may stand on one of an earlier day that nobody has taken yet.

        Raises:
            AdxError: One would; landing the earlier day first makes room.
        """
        known = self._manifest()
        for name in self.script.file_names():
            place = self.drop / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.exists() and f"{self.script.day}/{name}" not in known:
                raise AdxError(
                    f"{place} still waits to be landed, and day {self.script.day} brings another "
                    "file of that name.",
                    remedy="Land the files of the day before first (`adx land`).",
                    exit_code=ExitCode.USAGE,
                )

    def drop_files(self) -> int:
        """Drop the files of the day that were not dropped before; returns their number."""
        known = self._manifest()
        dropped = 0
        for name, content in self.script.files():
            entry = f"{self.script.day}/{name}"
            if known.get(entry) == "dropped":
                continue
            place, beside = self.drop / name, self.drop / f"{name}.tmp"
            if known.get(entry) == "noted" and not beside.exists():
                self._note(entry, "dropped", content)
                continue
            _write_synced(beside, content)
            self._note(entry, "noted", content)
            beside.rename(place)
            self._note(entry, "dropped", content)
            dropped += 1
        self.script.save_files(self.folder / _LEDGER)
        return dropped

    def _manifest(self) -> dict[str, str]:
        """The fate of each file by day and name: noted, then dropped."""
        path = self.folder / _MANIFEST
        if not path.exists():
            return {}
        fates: dict[str, str] = {}
        for line in path.read_text(encoding="utf-8").split("\n"):
            if line.endswith("}"):  # the last line may be cut off by a kill
                entry = json.loads(line)
                fates[entry["file"]] = entry["fate"]
        return fates

    def _note(self, entry: str, fate: str, content: bytes) -> None:
        line = json.dumps(
            {"file": entry, "fate": fate, "sha256": hashlib.sha256(content).hexdigest()}
        )
        with (self.folder / _MANIFEST).open("a", encoding="utf-8") as manifest:
            manifest.write(f"\n{line}")
            manifest.flush()
            os.fsync(manifest.fileno())

    # ------------------------------------------------------------ key

    def key(self) -> list[Answer]:
        """The key after everything that has been sent."""
        sends = [send.day for send in self.state.sends if send.counts]
        return self.script.key(self.folder / _LEDGER, self.state.played, sends)


def _fresh(
    chunk: Iterable[Message], counts: dict[str, list[int]], present: dict[str, list[int]]
) -> Iterator[Message]:
    """The messages that are not there yet; counts all of them."""
    for message in chunk:
        topic, partition = message[0], message[1]
        counts[topic][partition] += 1
        if counts[topic][partition] > present[topic][partition]:
            yield message


def _check_day(config: WorldConfig, state: WorldState, day: int, resend: bool) -> None:
    if not 1 <= day <= config.days:
        raise AdxError(
            f"This ad world has days 1 to {config.days}, not {day}.",
            remedy="Play one of its days, or create a world with more days.",
            exit_code=ExitCode.USAGE,
        )
    if state.sends and not state.sends[-1].counts and state.sends[-1].day != day:
        raise AdxError(
            f"Sending day {state.sends[-1].day} was interrupted.",
            remedy=f"Finish it first: `adx world play {state.sends[-1].day}`.",
            exit_code=ExitCode.USAGE,
        )
    if day > state.played + 1 or (resend and day > state.played):
        raise AdxError(
            f"Day {day} cannot be {'resent' if resend else 'played'} yet; "
            f"{state.played} days have been played.",
            remedy=f"Play day {state.played + 1} first.",
            exit_code=ExitCode.USAGE,
        )


def _other_broker(what: str) -> AdxError:
    return AdxError(
        f"The Kafka topics do not hold what this ad world has sent: {what}.",
        remedy="Use the broker that the world was played to, or start with an empty home (a new "
        "world and a new broker belong together).",
        exit_code=ExitCode.DATA,
    )


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Only one process plays a world at a time.

    Raises:
        AdxError: Another process does.
    """
    if not folder.is_dir():
        read_config(folder)  # says that there is no world
    with (folder / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AdxError(
                f"Another process is playing the ad world in {folder}.",
                remedy="Wait until it is done.",
                exit_code=ExitCode.BUSY,
            ) from error
        yield
