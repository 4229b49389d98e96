"""Landings in processes of their own: killed, stopped, side by side, on a full disk."""

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from ingestion.errors import ExitCode
from ingestion.sources import adserver
from tests.chaos.books import Difference
from tests.chaos.inprocess.batches import FilesScenario, RatesScenario
from tests.chaos.inprocess.home import LakeScenario, few_tables
from tests.chaos.real.disks import can_mount, small_disk
from tests.chaos.real.processes import end, is_stopped, kill_at_work, start, wait_until
from tests.chaos.suite import Outcome, Run, chaos_class, noting_misses, reproduce
from tests.integration.environments.buckets import fresh_lake, running_s3

KILLED, LOST, ZOMBIE = "landing killed", "folder of dlt lost", "zombie landing"
FULL, BESIDE = "full disk of a landing", "landings side by side"
IN_BUCKET = "landing to a bucket killed"
_FILES, _RATES = "ingestion.sources.adserver", "ingestion.sources.fx"
_ANY_TIME: Final = "any time"
_SECONDS: Final = 0.7
"""A landing of files is at work that long."""


def _killed(scenario: LakeScenario, where: str, rng: random.Random) -> None:
    settings = scenario.settings
    if where == _ANY_TIME:
        kill_at_work(
            lambda: start(["-m", _FILES], settings), settings.home, rng, _SECONDS, scenario.send
        )
        return
    process = start(["-m", _FILES], settings, f"{where}=kill")
    process.wait(60)
    end(process)
    assert process.returncode == -signal.SIGKILL, process.returncode


def _lost(scenario: LakeScenario, where: str, rng: random.Random) -> None:
    _killed(scenario, where, rng)
    shutil.rmtree(scenario.settings.dlt)


def _zombie(scenario: LakeScenario, where: str, _: random.Random) -> None:
    process = start(["-m", _RATES], scenario.settings, f"{where}=stop")
    try:
        wait_until("it stands still", lambda: is_stopped(process.pid), process=process)
        # the lock of a host that nobody hears of any more is gone
        (scenario.settings.dlt / "fx_rates.lock").unlink()
        scenario.run()
        scenario.send()
        process.send_signal(signal.SIGCONT)
        code = process.wait(60)
        assert code >= 0, f"the zombie ended with {code}"
    finally:
        end(process)


def _full(scenario: LakeScenario, where: str, _: random.Random) -> None:
    if where == "injected":
        process = start(["-m", _FILES], scenario.settings, "disk.write:4=full")
        assert process.wait(60) == ExitCode.UNAVAILABLE, process.returncode
        return
    kept = scenario.folder / "kept"
    home = scenario.settings.home
    shutil.move(home, kept)
    with small_disk(home, megabytes=64) as disk:
        shutil.copytree(kept, home, dirs_exist_ok=True)
        disk.fill()
        process = start(["-m", _FILES], scenario.settings)
        code = process.wait(60)
        disk.free()
        assert code == ExitCode.UNAVAILABLE, f"on a full disk it ended with {code}"
        shutil.rmtree(kept)
        shutil.copytree(home, kept)
    shutil.copytree(kept, home, dirs_exist_ok=True)
    shutil.rmtree(kept)


def _beside(scenario: LakeScenario, _: str, rng: random.Random) -> None:
    settings = scenario.settings
    others = []

    def begin() -> "subprocess.Popen[bytes]":
        first, *rest = (start(["-m", _FILES], settings) for _ in range(3))
        others.extend(rest)
        return first

    try:
        kill_at_work(begin, settings.home, rng, _SECONDS, scenario.send)
    finally:
        codes = [process.wait(90) for process in others]
    for code in codes:
        assert code in {0, ExitCode.FAILED, ExitCode.BUSY, ExitCode.DATA}, codes


Work = Callable[[LakeScenario, str, random.Random], None]
_WORKS: Final[dict[str, Work]] = {
    KILLED: _killed,
    LOST: _lost,
    ZOMBIE: _zombie,
    FULL: _full,
    BESIDE: _beside,
}
_SMOKE: Final = (
    (KILLED, "dlt.after_extract"),
    (KILLED, "dlt.after_commit"),
    (LOST, "lake.in_swap"),
    (BESIDE, "one of them killed"),
    (FULL, "memory disk" if can_mount() else "injected"),
    (ZOMBIE, "dlt.before_commit"),
)
_MORE: Final = (
    *((KILLED, point) for point in ("dlt.before_extract", "dlt.before_commit", "disk.rename:6")),
    *((KILLED, point) for point in ("drop.after_take", "drop.after_note", "drop.before_remove")),
    *((KILLED, _ANY_TIME) for _ in range(3)),
    (LOST, "dlt.after_commit"),
    (LOST, "drop.before_remove"),
    (ZOMBIE, "dlt.after_extract"),
    (ZOMBIE, "lake.before_metadata"),
    (FULL, "injected"),
)


def _plan(run: Run) -> list[str]:
    listed = [*_SMOKE, *(_MORE if run.full else ())]
    return [f"{name}/{where}#{place}" for place, (name, where) in enumerate(listed)]


@chaos_class(*_WORKS, level="real", plan=_plan)
def landings(run: Run) -> Iterator[Outcome]:
    """One landing after another, on one lake a source."""
    todo = [case for case in _plan(run) if case not in run.done]
    if not todo:
        return
    rng = random.Random(f"landings {run.seed}")
    folder = run.folder / "landings"
    with few_tables(folder / "contracts"):
        known: dict[type[LakeScenario], LakeScenario] = {}
        for case in todo:
            name = case.partition("/")[0]
            kind = RatesScenario if name == ZOMBIE else FilesScenario
            if kind not in known:
                known[kind] = _begun(kind, folder, rng)
            outcome = _one(known[kind], run, case, _WORKS[name], rng)
            if outcome.notes:
                _forget(known.pop(kind))
            yield outcome
        for scenario in known.values():
            _forget(scenario)


_BUCKET_POINTS: Final = (
    "dlt.after_extract",
    "lake.before_metadata",
    "dlt.before_commit",
    "lake.in_swap",
    "lake.after_swap",
    "lake.after_pointer",
    "dlt.after_commit",
    "lake.before_register",
    "drop.before_remove",
    _ANY_TIME,
)


def _bucket_plan(run: Run) -> list[str]:
    listed = _BUCKET_POINTS * 2 if run.full else ()
    return [f"{IN_BUCKET}/{where}#{place}" for place, where in enumerate(listed)]


@chaos_class(IN_BUCKET, level="real", plan=_bucket_plan)
def in_a_bucket(run: Run) -> Iterator[Outcome]:
    """The same with the lake in a bucket of an S3 server, and its catalog behind REST."""
    todo = [case for case in _bucket_plan(run) if case not in run.done]
    if not todo:
        return
    rng = random.Random(f"bucket {run.seed}")
    folder = run.folder / "bucket"
    with few_tables(folder / "contracts"), running_s3(folder / "server") as server:

        class BucketLake(FilesScenario):
            def __init__(self, folder: Path, rng: random.Random) -> None:
                super().__init__(folder, rng)
                update = {"drop_quiet_seconds": 0.0}
                self.settings = fresh_lake(server, folder / "home").model_copy(update=update)

        scenario: LakeScenario | None = None
        for case in todo:
            if scenario is None:
                scenario = _begun(BucketLake, folder, rng)
            outcome = _one(scenario, run, case, _killed, rng)
            if outcome.notes:
                _forget(scenario)
                scenario = None
            yield outcome
    shutil.rmtree(folder, ignore_errors=True)


def _begun(kind: type[LakeScenario], folder: Path, rng: random.Random) -> LakeScenario:
    scenario = kind(folder / kind.__name__, rng)
    scenario.send()
    scenario.run()
    return scenario


def _forget(scenario: LakeScenario) -> None:
    scenario.close()
    shutil.rmtree(scenario.folder, ignore_errors=True)


def _one(scenario: LakeScenario, run: Run, case: str, work: Work, rng: random.Random) -> Outcome:
    where = case.partition("/")[2].partition("#")[0]
    outcome = Outcome(case, steps=reproduce(run, case.partition("/")[0], ["send", where, "land"]))
    before = len(scenario.books)
    try:
        scenario.send()
        with noting_misses(outcome):
            work(scenario, where, rng)
        seen = Difference()
        scenario.between(seen)
        outcome.count(seen)
        began = time.monotonic()
        scenario.run()
        outcome.seconds = time.monotonic() - began
        outcome.count(scenario.check())
        if isinstance(scenario, FilesScenario):
            commits = sum(table.commits for table in adserver.land(scenario.settings).tables)
            outcome.notes += [f"{commits} commits where nothing was new"] if commits else []
    except Exception as error:  # noqa: BLE001 - the report has it
        outcome.notes.append(f"{type(error).__name__}: {error}")
    outcome.events = len(scenario.books) - before
    return outcome
