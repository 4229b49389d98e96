import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from ingestion.adworld import Answer, create_worked_example, create_world, play, read_key
from ingestion.adworld.config import WorldConfig
from ingestion.adworld.sinks import MemorySink
from ingestion.settings import Settings

SCALE = 6_000


@dataclass
class PlayedDay:
    """What the targets hold after a day; files, by source and name, are those of the day alone."""

    messages: dict[str, list[list[tuple[str, int, bytes, bytes | None, object]]]]
    files: dict[str, bytes]
    rows: dict[str, list[tuple[object, ...]]]
    key: list[Answer]


@dataclass
class PlayedWorld:
    config: WorldConfig
    settings: Settings
    sink: MemorySink
    days: list[PlayedDay] = field(default_factory=list)


def _tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        names = [
            name
            for (name,) in connection.execute("select name from sqlite_master where type='table'")
        ]
        return {
            name: sorted(connection.execute(f"select * from {name}").fetchall(), key=repr)
            for name in names
        }


def _take_files(settings: Settings) -> dict[str, bytes]:
    paths = sorted(path for path in settings.drop.rglob("*") if path.is_file())
    files = {str(path.relative_to(settings.drop)): path.read_bytes() for path in paths}
    shutil.rmtree(settings.drop)
    return files


@pytest.fixture(scope="session")
def config() -> WorldConfig:
    return WorldConfig(seed=7, scale=SCALE, days=3, start=date(2026, 3, 28))


@pytest.fixture(scope="session")
def play_world(config: WorldConfig) -> Callable[[Path], PlayedWorld]:
    """Plays all days of a world in a folder; files are taken after each day."""

    def run(home: Path) -> PlayedWorld:
        settings = Settings(home=home)
        create_world(settings.world, config.seed, config.scale, config.days)
        world = PlayedWorld(config, settings, MemorySink())
        for day in range(1, config.days + 1):
            play(settings, day, sink=world.sink)
            kept = {
                topic: [list(part) for part in parts] for topic, parts in world.sink.kept.items()
            }
            world.days.append(
                PlayedDay(
                    messages=kept,
                    files=_take_files(settings),
                    rows=_tables(settings.world / "campaigns.db"),
                    key=read_key(settings.world, day),
                )
            )
        return world

    return run


@pytest.fixture(scope="session")
def played(
    play_world: Callable[[Path], PlayedWorld], tmp_path_factory: pytest.TempPathFactory
) -> PlayedWorld:
    return play_world(tmp_path_factory.mktemp("played"))


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> PlayedWorld:
    """The worked example, played."""
    settings = Settings(home=tmp_path_factory.mktemp("example"))
    create_worked_example(settings.world)
    world = PlayedWorld(
        WorldConfig(0, 1, 1, date(2026, 3, 2), kind="worked_example"), settings, MemorySink()
    )
    play(settings, 1, sink=world.sink)
    world.days.append(
        PlayedDay(
            messages=world.sink.kept,
            files=_take_files(settings),
            rows=_tables(settings.world / "campaigns.db"),
            key=read_key(settings.world, 1),
        )
    )
    return world
