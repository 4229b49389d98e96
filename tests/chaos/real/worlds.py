"""Faults of every layer, then all marts: what they hold after it is compared with the answer key.

A synthetic ad world is played day by day. Each day something goes wrong on its way to the marts:
the stream, a landing, upkeep of the lake, the build or its publish is killed, everything is sent
again, or the warehouse is deleted. The platform is started again, builds and publishes; then every
figure of the marts is compared with the answer key, to the micro-unit, and every row with the lake.
"""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final
from unittest.mock import patch

from ingestion.adworld import create_world, play
from ingestion.adworld.sinks import MemorySink
from ingestion.failpoints import failing
from ingestion.lake import Lake
from ingestion.settings import Settings
from orchestration.batch import BATCH_SOURCES, broken_files, land_source
from orchestration.warehouse.build import build
from orchestration.warehouse.publish import publish
from tests.chaos.marts import marts_difference
from tests.chaos.real.processes import end, kill_at_work, start
from tests.chaos.real.steps import keep_sent, land_sent, upkeep
from tests.chaos.suite import Outcome, Run, chaos_class, noting_misses, reproduce

STREAM, AGAIN = "marts: stream killed", "marts: sent again"
LANDING, UPKEEP = "marts: landing killed", "marts: upkeep killed"
PUBLISH = "marts: publish killed"
KILLED, LOST = "build of all marts killed", "all marts lost"

_ADX: Final = "from orchestration.cli.main import main; main()"
_STEPS: Final = "tests.chaos.real.steps"
_EVENTS: Final = 3_000
"""Events of a day, before they are sent again."""
_BATCH: Final = 400
"""Records of a micro-batch, so that a day takes several."""
_ANY_TIME: Final = "any time"
_SECONDS: Final = 15.0
"""A build of all marts is at work longer than that."""

Fault = tuple[str, str]
"""A class, and where."""

Day = tuple[Fault, ...]

_SMOKE: Final[tuple[Day, ...]] = (
    (
        (STREAM, "stream.after_commit:2"),
        (LANDING, "adserver dlt.after_commit"),
        (KILLED, _ANY_TIME),
    ),
)
"""Days, with what goes wrong in each; in the smoke test one comparison is for three faults."""
_FULL: Final[tuple[Day, ...]] = (
    ((STREAM, "stream.before_files:2"),),
    ((STREAM, "stream.before_commit:2"), (UPKEEP, "orphans.after_file")),  # it leaves orphans
    ((LANDING, "adserver dlt.after_commit"),),
    ((STREAM, "stream.after_commit:2"),),
    ((UPKEEP, "compact.after_file"),),
    ((LANDING, "exchange lake.in_swap"),),
    ((AGAIN, "stream.after_commit"),),
    ((KILLED, _ANY_TIME),),
    ((STREAM, "lake.after_swap:2"),),
    ((LANDING, "campaigns dlt.after_commit"),),
    ((UPKEEP, "compact.before_commit"),),
    ((PUBLISH, "publish.in_swap"),),
    ((LANDING, "adserver drop.before_remove"),),
    ((STREAM, "lake.before_rename:3"),),
    ((LOST, "deleted"),),
    ((LANDING, "fx dlt.after_extract"),),
    ((UPKEEP, "expire.after_table"),),
    ((KILLED, "build.before_accept"),),
    ((STREAM, "stream.after_ledger"),),
    ((AGAIN, "stream.before_checkpoint"),),
    ((LANDING, "exchange dlt.before_commit"),),
    ((PUBLISH, "publish.after_swap"),),
    ((KILLED, "build.in_accept"),),
    ((KILLED, "pin.after_commit"),),
)
_ROUNDS: Final = 2


class PlayedWorld:
    """An ad world of which one day more is played at a time."""

    def __init__(self, folder: Path, seed: int, days: int) -> None:
        self.settings = Settings(home=folder, drop_quiet_seconds=0, stream_batch_records=_BATCH)
        create_world(self.settings.world, seed=seed, scale=_EVENTS * days, days=days)
        self.rng = random.Random(f"world {seed}")
        self._sink = MemorySink(topic_id="d29ybGQgb2YgY2hhb3MuLg")
        self._day = 0
        Lake.open(self.settings).ensure_tables()

    def next_day(self) -> int:
        """Play a day; gives the records that came."""
        self._day += 1
        report = play(self.settings, self._day, sink=self._sink)
        keep_sent(self.settings, self._sink)
        return report.messages + report.rows

    def send_again(self) -> int:
        """Send the messages of the day once more; gives how many."""
        report = play(self.settings, self._day, sink=self._sink, resend=True)
        keep_sent(self.settings, self._sink)
        return report.messages

    def land(self) -> None:
        """Land what is left of every source."""
        land_sent(self.settings)
        for source in BATCH_SOURCES:
            self.land_source(source)

    def land_source(self, source: str) -> None:
        """Land one of the sources that are no stream."""
        broken_files(land_source(self.settings, source, demanded=True))

    def build(self) -> float:
        """Build; gives the seconds until it was at work.

        The work itself takes as long as it takes without a fault.
        """
        at_work: list[float] = []
        began = time.monotonic()
        with failing("build.after_copy", lambda: at_work.append(time.monotonic())):
            build(self.settings)
        return at_work[0] - began if at_work else 0.0

    def finish(self) -> None:
        """Do all that is left."""
        self.land()
        self.build()
        publish(self.settings)

    def kill(self, arguments: list[str], fault: str) -> None:
        """Start a process that is killed at a failpoint."""
        process = start(arguments, self.settings, fault)
        try:
            code = process.wait(600)
        finally:
            end(process)
        assert code == -signal.SIGKILL, f"it ended with {code} before {fault}"


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _stream(world: PlayedWorld, where: str) -> float:
    world.kill(["-m", _STEPS, "stream"], where)
    return _seconds(lambda: land_sent(world.settings))


def _again(world: PlayedWorld, where: str) -> float:
    world.kill(["-m", _STEPS, "stream"], where)
    world.send_again()
    return _seconds(lambda: land_sent(world.settings))


def _landing(world: PlayedWorld, where: str) -> float:
    source, _, point = where.partition(" ")
    world.kill(["-m", f"ingestion.sources.{source}"], point)
    return _seconds(lambda: world.land_source(source))


def _upkeep(world: PlayedWorld, where: str) -> float:
    world.land()
    world.kill(["-m", _STEPS, "upkeep"], where)
    return _seconds(lambda: upkeep(world.settings))


def _killed(world: PlayedWorld, where: str) -> float:
    world.land()
    if where == _ANY_TIME:

        def again() -> None:
            world.send_again()
            world.land()

        kill_at_work(
            lambda: start(["-c", _ADX, "build"], world.settings),
            world.settings.home,
            world.rng,
            _SECONDS,
            again,
        )
    else:
        world.kill(["-c", _ADX, "build"], where)
    return world.build()


def _publish(world: PlayedWorld, where: str) -> float:
    world.land()
    world.build()
    world.kill(["-c", _ADX, "publish"], where)
    return _seconds(lambda: publish(world.settings))


def _lost(world: PlayedWorld, _: str) -> float:
    world.land()
    shutil.rmtree(world.settings.warehouse)
    return world.build()


_WORKS: Final[dict[str, Callable[[PlayedWorld, str], float]]] = {
    STREAM: _stream,
    AGAIN: _again,
    LANDING: _landing,
    UPKEEP: _upkeep,
    PUBLISH: _publish,
    KILLED: _killed,
    LOST: _lost,
}


def _days(run: Run) -> list[tuple[int, list[str]]]:
    """The faults of each day, and the round it belongs to."""
    return [
        (number, [f"{name}/{where}#{number}" for name, where in day])
        for number in range(_ROUNDS if run.full else 1)
        for day in (_FULL if run.full else _SMOKE)
    ]


def _plan(run: Run) -> list[str]:
    return [case for _, cases in _days(run) for case in cases]


@chaos_class(*_WORKS, level="real", plan=_plan)
def worlds(run: Run) -> Iterator[Outcome]:
    """A day, a fault, a proof; and so on."""
    days = [(number, cases) for number, cases in _days(run) if not run.done.issuperset(cases)]
    for number, todo in groupby(days, key=itemgetter(0)):
        folder = run.folder / f"world-{number}"
        world: PlayedWorld | None = None
        for _, cases in todo:
            with patch.dict(os.environ, ADX_HOME=str(folder)):
                world = world or _begun(folder, run, number)
                outcomes = _day(world, run, cases)
            if any(outcome.notes for outcome in outcomes):
                shutil.rmtree(folder, ignore_errors=True)
                world = None
            yield from outcomes
        shutil.rmtree(folder, ignore_errors=True)


def _begun(folder: Path, run: Run, number: int) -> PlayedWorld:
    """A world; in the full test with a day in its marts, so that what follows are increments."""
    days = len(_FULL) + 1 if run.full else 2
    world = PlayedWorld(folder, run.seed + number, days)
    if run.full:
        world.next_day()
        world.finish()
    return world


def _day(world: PlayedWorld, run: Run, cases: list[str]) -> list[Outcome]:
    """A day with its faults; what they left to be compared is compared once, behind the last."""
    steps = [*cases, "land, build, publish, compare"]
    outcomes = [Outcome(case, steps=reproduce(run, case, steps)) for case in cases]
    try:
        outcomes[0].events = world.next_day() + world.send_again()
        for outcome in outcomes:
            where = outcome.case.partition("/")[2].rpartition("#")[0]
            with noting_misses(outcome):
                outcome.seconds = _WORKS[outcome.class_name](world, where)
        world.finish()
        difference = marts_difference(world.settings)
    except Exception as error:  # noqa: BLE001 - the report has it
        for outcome in outcomes:
            outcome.notes.append(f"{type(error).__name__}: {error}")
    else:
        for outcome in outcomes:
            outcome.count(difference)
    return outcomes
