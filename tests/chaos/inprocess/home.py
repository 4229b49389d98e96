"""The lake that in-process faults happen to: few tables, all in one process, each carrier once."""

import os
import random
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import ingestion.contracts
from ingestion.contracts.registry import FOLDER_VARIABLE
from ingestion.lake import Lake
from ingestion.settings import Settings
from tests.chaos.books import VIEWS, Difference, View, rows_of
from tests.chaos.inprocess.driver import Scenario

TABLES = tuple(view.table for view in VIEWS)


@contextmanager
def few_tables(folder: Path, names: Collection[str] = TABLES) -> Iterator[None]:
    """Know the first version of some contracts alone; all of them cost a second a lake."""
    for name in names:
        path = Path(*name.split(".")).with_suffix(".v1.json")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(ingestion.contracts.__file__).parent / path, folder / path)
    before = os.environ.get(FOLDER_VARIABLE)
    os.environ[FOLDER_VARIABLE] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[FOLDER_VARIABLE]
        else:
            os.environ[FOLDER_VARIABLE] = before


class LakeScenario(Scenario):
    """A scenario on a lake of a home of its own."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        folder.mkdir(parents=True)
        self.settings = Settings(home=folder / "home", drop_quiet_seconds=0.0)
        self.views: tuple[View, ...] = VIEWS

    def lake(self) -> Lake:
        """The lake, as a process that has just begun opens it."""
        lake = Lake.open(self.settings)
        lake.ensure_tables()
        return lake

    def check(self) -> Difference:
        """Compare all tables with the books, and the platform's own notes with both."""
        lake = Lake.open(self.settings)
        difference = self.books.compare(rows_of(self.settings, lake, self.views))
        self.check_more(lake, difference)
        return difference

    def between(self, difference: Difference) -> None:
        """Readers see what is committed, and nothing else."""
        lake = Lake.open(self.settings)
        rows = rows_of(self.settings, lake, self.views)
        for view in self.views:
            committed = lake.head(view.contract).rows
            found = len(rows[view.table])
            if found > committed:
                difference.add("phantom", found - committed, f"{view.table}: not committed")
            elif found < committed:
                difference.add("lost", committed - found, f"{view.table}: committed, not read")

    def check_more(self, lake: Lake, difference: Difference) -> None:
        """Look at what else must be as if nothing had happened."""
        for view in self.views:
            for problem in lake.check_files(view.contract):
                difference.add("lost", 1, f"{problem.path}: {problem.problem}")
