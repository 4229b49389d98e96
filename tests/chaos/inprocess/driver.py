"""Goes through the failpoints of a scenario: every point, every pass, every action.

Which points there are is found by recording: the scenario is run once without a fault, and what it
passes is what can go wrong. So a failpoint that is new in the code is in the next run by itself.
"""

import gc
import random
import shutil
import time
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

from ingestion.errors import AdxError
from ingestion.failpoints import Action, DiedError, Fault, failing, recorded
from tests.chaos.books import Books, Difference
from tests.chaos.suite import Outcome, Run, chaos_class, reproduce

WRITES = ("disk.write", "producer.write", "bucket.write")
_FULL_POINTS = (*WRITES, "disk.sync", "disk.rename")
"""Where a disk can be full."""
_COMMON = ("disk.", "lake.", "stream.")
"""Points that many scenarios pass."""


class Scenario(ABC):
    """A part of the platform with something to do, on a disk of its own.

    Args:
        folder: The disk.
        rng: Decides what is sent.
    """

    expected: ClassVar[tuple[type[BaseException], ...]] = (AdxError, OSError)
    """What a start of the platform may raise when the disk fails under it."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder = folder
        self.rng = rng
        self.books = Books()
        self.operator = 0

    @abstractmethod
    def send(self) -> None:
        """Something new comes; no fault touches this."""

    @abstractmethod
    def run(self) -> None:
        """Start the platform, let it do all that is left, and end it."""

    @abstractmethod
    def check(self) -> Difference:
        """Compare what is there with what was sent."""

    def between(self, difference: Difference) -> None:  # noqa: B027 - not all have readers
        """Look, after a fault and before the next start, at what readers see."""

    def overtake(self) -> None:
        """Do all that is left as another process, while this one stands still and then goes on."""
        raise NotImplementedError

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of what is not on the disk."""


Wrong = Action | Literal["overtaken"]


@dataclass(frozen=True)
class Case:
    """A fault: where, in which pass, what; and a second one while it is recovered from."""

    point: str
    at: int
    action: Wrong
    then: "Case | None" = None

    @property
    def name(self) -> str:
        """How the report names it."""
        own = f"{self.point}:{self.at}={self.action}"
        return own if self.then is None else f"{own}+{self.then.name}"


def cases_of(passes: list[str], actions: tuple[Wrong, ...]) -> list[Case]:
    """Every fault that can come in a run which passes these points, in the order of the run."""
    found = []
    seen: Counter[str] = Counter()
    for point in passes:
        seen[point] += 1
        for action in actions:
            if action == "full" and point not in _FULL_POINTS:
                continue
            if action == "short" and point not in WRITES:
                continue
            if action == "sleep" and seen[point] > 1:
                continue
            if action == "overtaken" and point.startswith("disk."):
                continue  # the other process would wait for a lock of this very one
            found.append(Case(point, seen[point], action))
    return found


def chosen(
    cases: list[Case], most: int | None, rng: random.Random, common: tuple[str, ...] = _COMMON
) -> list[Case]:
    """Some of the cases: each point with each action at least once, if there is room for it.

    Args:
        cases: All cases.
        most: So many are chosen.
        rng: Chooses.
        common: How the names of points begin that are tried elsewhere, too: last here.
    """
    if most is None or len(cases) <= most:
        return cases
    first: dict[tuple[str, str], Case] = {}
    for case in rng.sample(cases, len(cases)):
        first.setdefault((case.point, case.action), case)
    # deaths are what a point is there for; a pause alone does least
    order: tuple[Wrong, ...] = ("die", "overtaken", "raise", "full", "short", "sleep")

    def rank(case: Case) -> tuple[int, bool]:
        return order.index(case.action), case.point.startswith(common)

    picked = sorted(first.values(), key=rank)[:most]
    rest = [case for case in cases if case not in set(picked)]
    picked += rng.sample(rest, most - len(picked))
    return sorted(picked, key=cases.index)


ACTIONS: tuple[Wrong, ...] = ("die", "raise", "full", "short", "sleep")


@dataclass
class InProcess:
    """A class of faults of one scenario.

    Attributes:
        name: Name of the class.
        make: Makes the scenario in a folder.
        smoke: So many faults of it are in the smoke test.
        full: So many are in a round of the full test, each point with each action among them; all
            of them by default, and with `--every`.
        rounds: How many rounds the full test has, with other data each time.
        actions: What may go wrong.
        doubles: How many faults come with a second one while the first is recovered from.
        renew: After so many faults the scenario begins again on an empty disk.
        points: Only these points; all if empty.
        common: How the names of points begin that another class tries, too.
    """

    name: str
    make: Callable[[Path, random.Random], Scenario]
    smoke: int
    full: int | None = None
    rounds: int = 1
    actions: tuple[Wrong, ...] = ACTIONS
    doubles: int = 2
    renew: int = 40
    points: frozenset[str] = frozenset()
    common: tuple[str, ...] = ()

    def __call__(self, run: Run) -> Iterator[Outcome]:
        """Let the faults happen."""
        for number in range(self.rounds if run.full else 1):
            seed = run.seed + number
            yield from self._round(run, number, random.Random(f"{self.name} {seed}"))

    def plan(self, run: Run) -> list[str]:
        """A place for each fault; what they are is known when the points were recorded.

        Where all points are tried, there are at least as many faults as in the smoke test.
        """
        if not run.full:
            return [f"{self.name}/{place}" for place in range(self.smoke)]
        return [
            f"{self.name}/{place}#{number}"
            for number in range(self.rounds)
            for place in range(self.full or self.smoke)
        ]

    def _round(self, run: Run, number: int, rng: random.Random) -> Iterator[Outcome]:
        gc.freeze()  # so that looking for what a dead process held takes no time
        folder = run.folder / f"{self.name.replace(' ', '-')}-{number}"
        passes = self._record(folder, run.seed)
        wanted = [point for point in passes if point in (self.points or passes)]
        singles = cases_of(wanted, self.actions)
        most = self.full if run.full else self.smoke - self.doubles
        cases = chosen(singles, None if run.every else most, rng, (*_COMMON, *self.common))
        cases += self._doubled(singles, run, rng)
        scenario: Scenario | None = None
        age = 0
        for case in cases:
            name = f"{self.name}/{case.name}#{number}"
            if name in run.done:
                continue
            if scenario is None or age == self.renew:
                _remove(scenario, folder)
                seed = zlib.crc32(f"{run.seed} {name}".encode())
                scenario, age = self._new(folder, random.Random(seed)), 0
            age += 1
            outcome = self._one(scenario, Outcome(name), case)
            outcome.steps = reproduce(
                run, name, [f"send, run with {case.name}, run again, compare ({folder})"]
            )
            if outcome.notes or not outcome.came:
                _remove(scenario, folder)
                scenario = None
            yield outcome
        _remove(scenario, folder)

    def _new(self, folder: Path, rng: random.Random) -> Scenario:
        """A scenario that has run once, so that faults come to a lake that holds something."""
        scenario = self.make(folder, rng)
        scenario.send()
        scenario.run()
        return scenario

    def _record(self, folder: Path, seed: int) -> list[str]:
        scenario = self._new(folder, random.Random(seed))
        scenario.send()
        with recorded() as passes:
            scenario.run()
        found = list(passes)
        _remove(scenario, folder)
        return found

    def _doubled(self, singles: list[Case], run: Run, rng: random.Random) -> list[Case]:
        deaths = [case for case in singles if case.action == "die"]
        count = min(len(deaths), self.doubles * (10 if run.full else 1))
        found = []
        for place in rng.sample(range(len(deaths)), count):
            # a recovery passes what its run had not reached, and little of what lies before
            then = rng.choice(deaths[place:])
            found.append(replace(deaths[place], then=replace(then, at=1)))
        return found

    def _one(self, scenario: Scenario, outcome: Outcome, case: Case) -> Outcome:
        before = len(scenario.books)
        scenario.operator = 0
        scenario.send()
        try:
            came = self._attempt(scenario, case, outcome)
            if not came:  # less or other things were sent than when the points were recorded
                scenario.send()
                came = self._attempt(scenario, replace(case, at=1), outcome)
            if came and case.then is not None:
                outcome.alone = not self._attempt(scenario, case.then, outcome)
            seen = Difference()
            scenario.between(seen)
            outcome.count(seen)
            outcome.came = came
            began = time.monotonic()
            scenario.run()
            outcome.seconds = time.monotonic() - began
            outcome.count(scenario.check())
        except Exception as error:  # noqa: BLE001 - whatever it is, the platform did not come back
            outcome.notes.append(f"the platform did not come back: {type(error).__name__}: {error}")
        outcome.operator = scenario.operator
        outcome.events = len(scenario.books) - before
        return outcome

    def _attempt(self, scenario: Scenario, case: Case, outcome: Outcome) -> bool:
        """Run under a fault; whether it came."""
        action = scenario.overtake if case.action == "overtaken" else case.action
        with failing(case.point, action, case.at) as fault:
            _run_to_its_end(scenario, fault, outcome)
        gc.collect()  # descriptors and connections of the dead process
        return fault.came


def _run_to_its_end(scenario: Scenario, fault: Fault, outcome: Outcome) -> None:
    with suppress(DiedError):
        try:
            scenario.run()
        except scenario.expected as error:
            if fault.action in ("short", "sleep"):
                outcome.notes.append(f"{fault.action} was not borne: {error}")
        except Exception as error:  # noqa: BLE001 - to be reported
            outcome.notes.append(f"not explained: {type(error).__name__}: {error}")


def _remove(scenario: Scenario | None, folder: Path) -> None:
    if scenario is not None:
        scenario.close()
    shutil.rmtree(folder, ignore_errors=True)


def in_process(name: str, *, smoke: int, **options: object) -> Callable[[type[Scenario]], type]:
    """Register a scenario as a class of faults."""

    def register(scenario: type[Scenario]) -> type[Scenario]:
        work = InProcess(name, scenario, smoke, **options)  # type: ignore[arg-type]
        helped = scenario.__dict__.get("needs_operator", False)
        chaos_class(name, level="in process", plan=work.plan, operator=helped)(work)
        return scenario

    return register
