"""What makes one ad world different from another, and how its random numbers are drawn."""

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ingestion.errors import AdxError, ExitCode

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
SECOND_US = 1_000_000
FILE_NAME = "world.json"

Kind = Literal["generated", "worked_example"]


@dataclass(frozen=True)
class WorldConfig:
    """One world; everything it ever sends follows from these values.

    Attributes:
        seed: Seed of all random numbers.
        scale: About how many events all sources send over all days.
        days: Number of days it can play.
        start: Day 1 (UTC).
        partitions: Partitions of each Kafka topic.
        kind: A generated world, or the worked example of the definitions.
    """

    seed: int
    scale: int
    days: int
    start: date
    partitions: int = 4
    kind: Kind = "generated"

    def day_start_us(self, day: int) -> int:
        """Epoch microseconds at which a day (from 1) begins, UTC."""
        return epoch_us(self.start + timedelta(days=day - 1))

    def date_of(self, day: int) -> date:
        """The UTC date of a day (from 1)."""
        return self.start + timedelta(days=day - 1)

    @property
    def file_hours(self) -> int:
        """Hours that one file of the ad server covers; small worlds would have empty files."""
        return 1 if self.scale >= 100_000 else 3


def epoch_us(day: date) -> int:
    """Epoch microseconds of midnight UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND_US


def rng(config: WorldConfig, *purpose: int) -> np.random.Generator:
    """Random numbers for one purpose; the same purpose always draws the same numbers.

    Hours are drawn apart from each other, so that a day needs no other day, and chunks of any
    size give the same bytes.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([config.seed, *purpose])))


def read_config(folder: Path) -> WorldConfig:
    """Read the world that lives in a folder.

    Raises:
        AdxError: There is none, or its file is damaged.
    """
    path = folder / FILE_NAME
    try:
        fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return WorldConfig(**{**fields, "start": date.fromisoformat(fields["start"])})
    except FileNotFoundError as error:
        raise AdxError(
            f"There is no ad world in {folder}.",
            remedy="Make one with `adx world create`.",
            exit_code=ExitCode.USAGE,
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise AdxError(
            f"The ad world's file {path} is damaged: {error}.",
            remedy=f"Remove {folder} and make the world again with `adx world create`.",
            exit_code=ExitCode.DATA,
        ) from error


def write_config(folder: Path, config: WorldConfig) -> None:
    """Write the world's file, whole or not at all."""
    document = {**asdict(config), "start": config.start.isoformat()}
    write_atomically(folder / FILE_NAME, json.dumps(document, indent=2).encode() + b"\n")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a kill leaves the old content or the new, never a part."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
