"""What a day sends, target by target: the script that the player plays."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ingestion.adworld import files as adserver
from ingestion.adworld.config import WorldConfig
from ingestion.adworld.exchange import files as exchange
from ingestion.adworld.key import Answer, answers
from ingestion.adworld.ledger import LedgerPart, open_ledger
from ingestion.adworld.program import TOPICS, Message, hours_of


class Script(Protocol):
    """One day of a world."""

    @property
    def day(self) -> int:
        """The day, from 1."""

    def chunks(self) -> Iterator[list[Message]]:
        """The day's messages, a chunk at a time."""

    def file_names(self) -> Iterator[str]:
        """Names of the day's files, each with the folder of its source."""

    def files(self) -> Iterator[tuple[str, bytes]]:
        """The names and contents of the files, in the order in which they are dropped."""

    def save_stream(self, ledger: Path) -> None:
        """Write what the messages were to the ledger; `chunks` has been gone through."""

    def save_files(self, ledger: Path) -> None:
        """Write what the files held to the ledger; `files` has been gone through."""

    def key(self, ledger: Path, day: int, sends: list[int]) -> list[Answer]:
        """The key after a day and these sends."""


@dataclass
class GeneratedDay:
    """One day of a generated world; holds one hour or one file at a time.

    Attributes:
        config: The world.
        day: The day, from 1.
        stream: Ledger of the messages that `chunks` has yielded.
        dropped: Ledger of the files that `files` has yielded.
    """

    config: WorldConfig
    day: int
    stream: LedgerPart = field(default_factory=LedgerPart)
    dropped: LedgerPart = field(default_factory=LedgerPart)

    def chunks(self) -> Iterator[list[Message]]:
        """The messages of each hour and topic."""
        self.stream = LedgerPart()
        for hour in hours_of(self.config, self.day):
            for topic in TOPICS:
                yield hour.messages(topic)
            self.stream.add_hour(hour)

    def file_names(self) -> Iterator[str]:
        """Names of the day's files, those without rows included."""
        yield from adserver.names_of(self.config, self.day)
        yield from exchange.names_of(self.config, self.day)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """The files that have rows."""
        self.dropped = LedgerPart()
        yield from adserver.files_of(self.config, self.day, self.dropped)
        yield from exchange.files_of(self.config, self.day, self.dropped)

    def save_stream(self, ledger: Path) -> None:
        """Write the ledger of the messages."""
        self.stream.save(ledger, self.day, "stream")

    def save_files(self, ledger: Path) -> None:
        """Write the ledger of the files."""
        self.dropped.save(ledger, self.day, "files")

    def key(self, ledger: Path, day: int, sends: list[int]) -> list[Answer]:
        """Computed from the ledger."""
        return answers(open_ledger(ledger, self.config, day, sends))


def script_of(config: WorldConfig, day: int) -> Script:
    """The script of one day of a world."""
    if config.kind == "worked_example":
        # Imported here: the example is made of the shapes of this package.
        from ingestion.adworld.worked_example import WorkedExampleDay  # noqa: PLC0415

        return WorkedExampleDay(day, config.partitions)
    return GeneratedDay(config, day)
