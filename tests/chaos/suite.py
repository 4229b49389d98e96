"""The classes of faults, and what became of each fault.

A class is registered under its name with the level it works at: in this process (`inprocess`) or
on real processes and servers (`real`). It says which faults there are (`plan`), each with an id
that stays the same from run to run, and lets them happen (`run`), one outcome a fault.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from tests.chaos.books import KINDS, Difference

Level = Literal["in process", "real"]


@dataclass
class Outcome:
    """What became of one fault.

    Attributes:
        case: Id of the fault: `<class>/<what>`.
        came: Whether it happened at all; one that did not is not counted.
        alone: Whether a second fault, while the first is recovered from, was planned and did not
            come.
        seconds: From the new start of the platform to the end of the work that was left.
        lost: See `Difference`, as the next four.
        duplicated: See there.
        phantom: See there.
        misrouted: See there.
        wrong: See there.
        operator: Things that a person had to do.
        events: Events that were sent and compared.
        notes: What was not as it must be.
        steps: What reproduces it.
    """

    case: str
    came: bool = True
    alone: bool = False
    seconds: float = 0.0
    lost: int = 0
    duplicated: int = 0
    phantom: int = 0
    misrouted: int = 0
    wrong: int = 0
    operator: int = 0
    events: int = 0
    notes: list[str] = field(default_factory=list)
    steps: str = ""

    @property
    def class_name(self) -> str:
        """The class of the fault."""
        return self.case.partition("/")[0]

    @property
    def points(self) -> list[str]:
        """Failpoints that were tried, if the fault is one of them."""
        planned = self.case.partition("/")[2].split("+")
        return [name.partition(":")[0] for name in (planned[:1] if self.alone else planned)]

    @property
    def counts(self) -> bool:
        """Whether it happened, or something is wrong although it did not."""
        return self.came or bool(self.notes)

    @property
    def survived(self) -> bool:
        """Whether everything is as if it had not happened."""
        return self.came and not self.notes

    def count(self, difference: Difference) -> None:
        """Take over what a comparison found."""
        for name in KINDS:
            setattr(self, name, getattr(self, name) + getattr(difference, name))
        self.notes += difference.notes

    def to_json(self) -> str:
        """One line of a state file."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Outcome":
        """Read what `to_json` gave."""
        return cls(**json.loads(line))


class MissedError(Exception):
    """A fault did not come: what it was meant for had ended before."""


@contextmanager
def noting_misses(outcome: Outcome) -> Iterator[None]:
    """Let a fault happen, and note if it did not come."""
    try:
        yield
    except MissedError:
        outcome.came = False


@dataclass(frozen=True)
class Run:
    """How much, and where.

    Attributes:
        folder: A folder of the run's own.
        seed: Decides what is sent, and which faults are taken where not all are.
        full: The full test, with large batches; otherwise the smoke test.
        every: Every pass of every point.
        done: Ids of faults that an earlier run has dealt with.
        bootstrap: The Kafka broker that real faults share.
    """

    folder: Path
    seed: int
    full: bool = False
    every: bool = False
    done: frozenset[str] = frozenset()
    bootstrap: str = ""


class ChaosClass(Protocol):
    """A class of faults."""

    def __call__(self, run: Run) -> Iterator[Outcome]:
        """Let its faults happen, one after another, without those that are done."""


def no_faults(_: Run) -> Sequence[str]:
    """The plan of a class that has none."""
    return ()


@dataclass(frozen=True)
class Registered:
    """A class, as the report names it.

    Attributes:
        name: Its name.
        level: Where it works.
        work: Lets its faults happen.
        plan: Ids of the faults that its work lets happen, those of other classes among them.
        operator: Whether a person has to do something: a gap, or an explicit restore.
    """

    name: str
    level: Level
    work: ChaosClass
    plan: Callable[[Run], Sequence[str]] = no_faults
    operator: bool = False


def is_planned(name: str, known: Registered, run: Run) -> bool:
    """Whether a run has faults of a class."""
    return any(case.startswith(f"{name}/") for case in known.plan(run))


CLASSES: dict[str, Registered] = {}


def chaos_class(
    *names: str, level: Level, plan: Callable[[Run], Sequence[str]], operator: bool = False
) -> Callable[[ChaosClass], ChaosClass]:
    """Register a class of faults, or several that happen to one thing one after another."""

    def register(work: ChaosClass) -> ChaosClass:
        for name in names:
            assert name not in CLASSES, name
            CLASSES[name] = Registered(name, level, work, plan, operator)
        return work

    return register


def reproduce(run: Run, case: str, steps: Sequence[str]) -> str:
    """How a failure is made again: a command, and what it does."""
    level = " --full" if run.full else ""
    command = f"python -m tests.chaos{level} --seed {run.seed} --only '{case}'"
    return "; ".join([command, *steps])
