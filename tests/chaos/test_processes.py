"""A process is killed while it is at work, and a kill that comes too late is not passed over."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.inprocess.batches import FilesScenario
from tests.chaos.inprocess.home import few_tables
from tests.chaos.inprocess.warehouses import PublishScenario
from tests.chaos.real import landings, warehouses
from tests.chaos.real.processes import kill_at_work
from tests.chaos.suite import MissedError, Outcome, Run, noting_misses

_WORKS = "import sys, time; file = open(sys.argv[1], 'w'); time.sleep(60)"
_ENDS = "pass"


class Processes:
    """Processes that are started one after another; the last program is repeated."""

    def __init__(self, home: Path, *programs: str) -> None:
        self.home = home
        self.programs = programs
        self.started: list[subprocess.Popen[bytes]] = []
        self.given = 0

    def begin(self) -> "subprocess.Popen[bytes]":
        program = self.programs[min(len(self.started), len(self.programs) - 1)]
        process = subprocess.Popen([sys.executable, "-c", program, str(self.home / "file")])
        self.started.append(process)
        return process

    def again(self) -> None:
        self.given += 1

    def kill(self) -> None:
        kill_at_work(self.begin, self.home, random.Random(1), 0.01, self.again)


def test_a_process_is_killed_once_it_has_a_file_open(tmp_path: Path) -> None:
    processes = Processes(tmp_path, _WORKS)
    processes.kill()
    assert [process.returncode for process in processes.started] == [-signal.SIGKILL]
    assert (tmp_path / "file").exists()


def test_what_ends_before_its_kill_is_given_more_to_do_and_tried_again(tmp_path: Path) -> None:
    processes = Processes(tmp_path, _ENDS, _WORKS)
    processes.kill()
    assert [process.returncode for process in processes.started] == [0, -signal.SIGKILL]
    assert processes.given == 1


def test_a_kill_that_never_comes_in_time_is_told(tmp_path: Path) -> None:
    processes = Processes(tmp_path, _ENDS)
    outcome = Outcome("one/a")
    with noting_misses(outcome):
        processes.kill()
    assert len(processes.started) == 3
    assert not outcome.came
    assert not outcome.survived


def missed(*_: object) -> None:
    raise MissedError("it ended with 0")


def test_a_landing_or_a_build_that_no_kill_reached_has_not_survived_one(tmp_path: Path) -> None:
    run, rng = Run(tmp_path, seed=1), random.Random(1)
    with few_tables(tmp_path / "contracts"):
        files = landings._begun(FilesScenario, tmp_path, rng)
        landed = landings._one(files, run, "landing killed/any time#0", missed, rng)
        mart = PublishScenario(tmp_path / "mart", rng)
        built = warehouses._one(mart, run, "dbt killed/any time#0", missed, rng)  # type: ignore[arg-type]
    for outcome in (landed, built):
        assert not outcome.notes
        assert not outcome.came


@pytest.mark.parametrize("lost", warehouses._LOSSES)
def test_of_a_warehouse_only_that_is_lost_which_is_named(tmp_path: Path, lost: str) -> None:
    with few_tables(tmp_path / "contracts"):
        scenario = PublishScenario(tmp_path / "mart", random.Random(1))
        scenario.send()
        scenario.run()
        warehouse = scenario.settings.warehouse
        before = {path for path in warehouse.rglob("*") if path.is_file()}
        warehouses._file_lost(scenario, lost, random.Random(1))  # type: ignore[arg-type]
    gone = {path.relative_to(warehouse).parts for path in before if not path.exists()}
    assert gone
    (build,) = {parts[1] for parts in gone if parts[0] == "builds"}
    within = {
        "all of it": (),
        "all builds": ("builds",),
        "the published build's folder": ("builds", build),
        "the published file": ("builds", build, "advertisex.duckdb"),
    }[lost]
    kept = {path.relative_to(warehouse).parts for path in before if path.exists()}
    assert {parts[: len(within)] for parts in gone} == {within}
    assert within not in {parts[: len(within)] for parts in kept}
