"""One emulator and one small lake that two days of an ad world land in, day by day."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.adworld import create_world, play
from ingestion.adworld.sinks import MemorySink
from ingestion.lake import Lake
from ingestion.settings import Settings
from orchestration.warehouse.pin import pin_lake
from tests.emulated import emulator
from tests.integration.landings import land_messages


class Days:
    """A lake, and the days that are still to land in it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._sink = MemorySink()
        self._sent: dict[tuple[str, int], int] = {}
        self._day = 0

    def land(self) -> int:
        """Land the next day of the world; the number of its pin."""
        self._day += 1
        play(self.settings, self._day, sink=self._sink)
        Lake.open(self.settings).ensure_tables()
        for topic, partitions in self._sink.kept.items():
            new = {}
            for number, kept in enumerate(partitions):
                fresh = kept[self._sent.get((topic, number), 0) :]
                self._sent[topic, number] = len(kept)
                new[number] = [
                    (message[3], dict(message[4] or ()).get("event_id")) for message in fresh
                ]
            land_messages(self.settings, topic, new, self._sink.topic_id)
        for source in ("campaigns", "fx", "crunchbase", "adserver", "exchange"):
            importlib.import_module(f"ingestion.sources.{source}").land(self.settings)
        return pin_lake(Lake.open(self.settings)).number


@pytest.fixture(scope="session")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    """A world whose first day has landed, in a home that has an emulator."""
    home: Path = tmp_path_factory.mktemp("emulated")
    settings = Settings(home=home, drop_quiet_seconds=0)
    with pytest.MonkeyPatch.context() as patch, emulator(settings) as on_emulator:
        patch.setenv("ADX_HOME", str(home))
        create_world(settings.world, seed=3, scale=1_000, days=2)
        days = Days(on_emulator)
        days.land()
        yield days
