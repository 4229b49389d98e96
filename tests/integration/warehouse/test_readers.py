"""Readers in processes of their own while everything happens that a warehouse does.

At each durable step of a build, a publish, a rollback and of tidying, the writer waits until every
reader has read again. So a reader that had to wait for the writer would stop the test, and one that
saw half of something would say so.
"""

import multiprocessing
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.errors import AdxError
from ingestion.settings import Settings
from orchestration.warehouse import build as building
from orchestration.warehouse import dbt
from orchestration.warehouse import publish as publishing
from orchestration.warehouse import store as storing
from orchestration.warehouse.build import build
from orchestration.warehouse.duck import open_file
from orchestration.warehouse.publish import publish, rollback
from orchestration.warehouse.store import Store
from tests.integration.warehouse.conftest import World
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

_READS, _PINS = 0, 1
"""What a reader counts: its reads, and a bit for each pin that it saw a build of."""

_PAUSE_SECONDS = 0.005
"""Leaves a core to the writer."""

READ = """
select meta.build.pin, meta.build.build_id, actions.n, totals.n
from meta.build, (select count(*) as n from core.fct_actions) as actions, core.totals as totals
"""
"""A build of pin n has n actions, and its second table says so: two tables of one build agree."""


def _build(
    settings: Settings, _arguments: Sequence[str], *, database: Path, **_: object
) -> dbt.Outcome:
    """Two models, in transactions of their own: between them the file is half built."""
    with open_file(database, settings, read_only=False) as connection:
        connection.execute("create schema if not exists core")
        connection.execute(
            "create or replace table core.fct_actions as select * from raw_user_events.events"
        )
    building.failpoint("between two models")
    with open_file(database, settings, read_only=False) as connection:
        connection.execute(
            "create or replace table core.totals as select count(*) as n from core.fct_actions"
        )
    return dbt.Outcome(models=2, tests=1)


def _reopen(file: Path, reads: Any, problems: Any) -> None:
    """Open the published file again and again, and ask it."""
    try:
        while True:
            with duckdb.connect(str(file), read_only=True) as connection:
                pin, build_id, actions, totals = connection.execute(READ).fetchall()[0]
            if not pin == actions == totals:
                problems.put(f"{build_id}: {actions} actions, {totals} in total")
            reads[_PINS] |= 1 << pin
            reads[_READS] += 1
            time.sleep(_PAUSE_SECONDS)
    except duckdb.Error as error:
        problems.put(str(error))


def _stay(file: Path, reads: Any, problems: Any) -> None:
    """Keep the first file open: it says the same for ever, whatever becomes of it."""
    try:
        with duckdb.connect(str(file), read_only=True) as connection:
            first = connection.execute(READ).fetchall()
            while True:
                if connection.execute(READ).fetchall() != first:
                    problems.put("an open file has changed")
                reads[_READS] += 1
                time.sleep(_PAUSE_SECONDS)
    except duckdb.Error as error:
        problems.put(str(error))


@dataclass
class Readers:
    """Processes that read, and how often each has."""

    processes: list[multiprocessing.process.BaseProcess] = field(default_factory=list)
    reads: list[Any] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    problems: Any = None

    def start(self, file: Path) -> None:
        """Start two that open the file anew each time, and one that keeps it open."""
        context = multiprocessing.get_context("spawn")
        self.problems = context.SimpleQueue()
        for read in (_reopen, _reopen, _stay):
            reads = context.Array("q", 2, lock=False)
            process = context.Process(target=read, args=(file, reads, self.problems), daemon=True)
            process.start()
            self.processes.append(process)
            self.reads.append(reads)
        self.have_read("start")

    def have_read(self, step: str) -> None:
        """Wait until each has begun and finished a read behind this moment."""
        wanted = [reads[_READS] + 2 for reads in self.reads]

        def all_have() -> bool:
            assert self.problems.empty(), f"{step}: {self.problems.get()}"
            return all(
                reads[_READS] >= least for reads, least in zip(self.reads, wanted, strict=True)
            )

        wait_for(f"reads at {step}", all_have)
        self.steps.append(step)

    def stop(self) -> None:
        """End them."""
        for process in self.processes:
            process.kill()
            process.join(30)

    @property
    def pins(self) -> int:
        """Of how many pins they saw a build."""
        return int(self.reads[0][_PINS]).bit_count()


@pytest.fixture
def readers(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Readers]:
    """No reader yet; once there are, every durable step waits for them."""
    found = Readers()

    def step(name: str) -> None:
        if found.processes:
            found.have_read(name)

    rmtree = shutil.rmtree

    def remove(folder: Path) -> None:
        step("before removing")
        rmtree(folder)
        step("after removing")

    monkeypatch.setattr(dbt, "run", _build)
    monkeypatch.setattr(building, "failpoint", step)
    monkeypatch.setattr(publishing, "failpoint", step)
    monkeypatch.setattr(storing, "failpoint", step)
    monkeypatch.setattr(shutil, "rmtree", remove)
    yield found
    found.stop()


def test_readers_never_wait_fail_or_see_half_of_anything(world, settings, readers, monkeypatch):
    settings = settings.model_copy(update={"kept_builds": 2})
    warehouse = Store(settings.warehouse)

    def grow() -> str:
        world.land(world.action("view"))
        return build(settings).build_id

    grow()
    publish(settings)
    readers.start(warehouse.current_file)

    def fail(*arguments: Any, **options: Any) -> dbt.Outcome:
        _build(*arguments, **options)
        return dbt.Outcome(failures=[dbt.Failure("test", "no_good", "2 rows", "schema.yml", None)])

    for number in range(2, 7):
        grow()
        publish(settings)
        if number == 3:
            with monkeypatch.context() as patch:
                patch.setattr(dbt, "run", fail)
                with pytest.raises(AdxError, match="no_good"):
                    grow()
        if number == 5:
            rollback(settings, reason="wrong")
            grow()
            publish(settings, by_itself=True)
            publish(settings)
    warehouse.tidy(settings.kept_builds)
    readers.have_read("the end")
    assert readers.problems.empty()
    assert {
        "build.after_copy",
        "between two models",
        "build.after_dbt",
        "build.before_accept",
        "build.in_accept",
        "build.after_accept",
        "build.in_remove",
        "publish.before_swap",
        "publish.in_swap",
        "publish.after_swap",
        "rollback.after_decision",
        "before removing",
        "after removing",
    } <= set(readers.steps)
    assert readers.pins >= 6, "they read what was published meanwhile"
    print(f"{sum(reads[_READS] for reads in readers.reads)} reads, {len(readers.steps)} steps")
