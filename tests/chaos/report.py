"""The report: one line a class, and a last line that says how many faults passed."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass

from tests.chaos.suite import Outcome, Registered

MOST_SECONDS = 30.0
"""Recovery of the slowest twentieth of a class's faults, on two cores that do nothing else."""
SHARED = 3
"""So many times that long may it take inside `make test`, the one place where others are at work:
three more workers are at their tests beside it, and a start of Spark alone has taken thirty seconds
there. `make chaos` and `make chaos-full` know no such allowance."""


@dataclass(frozen=True)
class Row:
    """What became of the faults of one class."""

    name: str
    level: str
    faults: int
    survived: int
    lost: int
    duplicated: int
    phantom: int
    misrouted: int
    wrong: int
    median: float
    p95: float
    operator: int

    @classmethod
    def of(cls, name: str, level: str, outcomes: list[Outcome]) -> "Row":
        """The row of some outcomes."""
        seconds = sorted(outcome.seconds for outcome in outcomes) or [0.0]

        def total(field: str) -> int:
            return sum(getattr(outcome, field) for outcome in outcomes)

        return cls(
            name,
            level,
            len(outcomes),
            sum(outcome.survived for outcome in outcomes),
            *(total(field) for field in ("lost", "duplicated", "phantom", "misrouted", "wrong")),
            statistics.median(seconds),
            seconds[min(len(seconds) - 1, int(len(seconds) * 0.95))],
            total("operator"),
        )


HEADS = (
    "class",
    "level",
    "faults",
    "survived",
    "lost",
    "duplicated",
    "phantom",
    "misrouted",
    "wrong amounts",
    "median s",
    "p95 s",
    "operator actions",
)


def rows_of(outcomes: Iterable[Outcome], classes: Mapping[str, Registered]) -> list[Row]:
    """A row for each class that had faults, in the order of the registry."""
    by_class: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.counts:
            by_class.setdefault(outcome.class_name, []).append(outcome)
    return [
        Row.of(name, known.level, by_class[name])
        for name, known in classes.items()
        if name in by_class
    ]


def table(rows: Iterable[Row]) -> str:
    """Rows as text, each column as wide as it must be."""
    lines = [list(HEADS)]
    for row in rows:
        counts = (
            row.faults,
            row.survived,
            row.lost,
            row.duplicated,
            row.phantom,
            row.misrouted,
            row.wrong,
        )
        times = (f"{row.median:.2f}", f"{row.p95:.2f}")
        lines.append([row.name, row.level, *map(str, counts), *times, str(row.operator)])
    widths = [max(len(line[place]) for line in lines) for place in range(len(HEADS))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if place < 2 else text.rjust(width)
            for place, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


@dataclass(frozen=True)
class Demand:
    """The least that a whole run must try."""

    in_process: int
    real: int
    classes: int
    events: int = 0


SMOKE = Demand(in_process=200, real=25, classes=18)
FULL = Demand(in_process=1_000, real=120, classes=18, events=5_000_000)


def report(
    outcomes: Iterable[Outcome],
    classes: Mapping[str, Registered],
    *,
    demand: Demand | None = None,
    planned: Set[str] = frozenset(),
    points: Set[str] = frozenset(),
    is_shared: bool = False,
    expected: Mapping[str, Callable[[list[Outcome]], str | None]] | None = None,
) -> tuple[str, bool]:
    """The report, and whether everything is as it must be.

    Args:
        outcomes: What became of the faults.
        classes: The classes that were asked for.
        demand: The least that must have been tried.
        planned: Classes of which a fault must have come.
        points: Failpoints that must have been tried in process.
        is_shared: Whether others were at work on the machine; see `SHARED`.
        expected: Of each run with something taken away, what says whether it was found out.
    """
    most_seconds = MOST_SECONDS * (SHARED if is_shared else 1)
    known = list(outcomes)
    asked = [outcome for outcome in known if outcome.class_name in classes]
    came = [outcome for outcome in asked if outcome.counts]
    rows = rows_of(came, classes)
    lines = [table(rows), ""]
    failures = []
    for outcome in came:
        if not outcome.survived:
            notes = "".join(f"\n  {note}" for note in outcome.notes)
            failures.append(f"FAILED {outcome.case}\n  again: {outcome.steps}{notes}")
        elif outcome.operator and not classes[outcome.class_name].operator:
            failures.append(f"FAILED {outcome.case}: a person had to help")
    passed = len(came) - len(failures)
    failures += [
        f"FAILED {row.name}: p95 {row.p95:.1f} s, {most_seconds:.0f} s are allowed"
        for row in rows
        if row.p95 > most_seconds
    ]
    if expected:
        lines += ["The same faults with something taken away, beside ours:", ""]
        by_name = {name: [o for o in known if o.class_name == name] for name in expected}
        lines += [
            table(
                Row.of(name, "in process", [one for one in found if one.came])
                for name, found in by_name.items()
            ),
            "",
        ]
        wrong = [wrong for name in expected if (wrong := expected[name](by_name[name]))]
        failures += [f"FAILED {one}" for one in wrong]
        passed += len(expected) - len(wrong)
    faults = {
        level: sum(row.faults for row in rows if row.level == level)
        for level in ("in process", "real")
    }
    events = sum(outcome.events for outcome in came)
    tried = {
        point
        for outcome in came
        if classes[outcome.class_name].level == "in process"
        for point in outcome.points
    }
    if points:
        lines += [f"{len(points & tried)} of {len(points)} failpoints were tried in process", ""]
        failures += [f"FAILED {point} was not tried" for point in sorted(points - tried)]
    tried_classes = {row.name for row in rows}
    failures += [
        f"FAILED {name}: none of its faults came" for name in sorted(planned - tried_classes)
    ]
    if demand is not None:
        failures += _short(demand, faults, len(rows), events)
    lines += failures
    missed = len(asked) - len(came)
    alone = sum(outcome.alone for outcome in came)
    if missed or alone:
        lines.append(f"not counted: {missed} faults did not come, nor did {alone} second ones")
    lines.append(
        f"{faults['in process']} faults in process and {faults['real']} real ones, "
        f"{len(rows)} classes, {events:,} events; p95 of recoveries at most {most_seconds:.0f} s"
    )
    lines.append(f"{passed} passed, {len(failures)} failed")
    return "\n".join(lines), not failures


def _short(demand: Demand, faults: Mapping[str, int], classes: int, events: int) -> list[str]:
    pairs = (
        (faults["in process"], demand.in_process, "faults in process"),
        (faults["real"], demand.real, "real faults"),
        (classes, demand.classes, "classes"),
        (events, demand.events, "events"),
    )
    return [
        f"FAILED {count:,} {what} were tried, {least:,} must be"
        for count, least, what in pairs
        if count < least
    ]
