"""Lets each judge build what DuckDB builds, and compares."""

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from ingestion.lake import Pin
from orchestration.bigquery.googlesql import GoogleSql
from tests.parity.canonical import Table, difference
from tests.parity.emulator import on_emulator
from tests.parity.executor import in_executor
from tests.parity.macro_judges import Verdict, compile_cases, judge_cases, on_duckdb
from tests.parity.world import LandedWorld

Say = Callable[[str], None]


def _say(line: str) -> None:
    print(line, flush=True)


class Engine(Protocol):
    """A warehouse that dbt builds beside DuckDB."""

    def build(self, pin: Pin, *, first: bool) -> list[str]:
        """Build a pin with all tests, from nothing or as an increment; what failed."""

    def tables(self) -> dict[str, Table]:
        """All that dbt built, by schema and name as on DuckDB."""

    def verdicts(self, expressions: Mapping[str, str]) -> list[Verdict]:
        """What it says of the macros' cases, whose expressions it gets by name."""


JUDGES: Mapping[str, Callable[[LandedWorld], AbstractContextManager[Engine]]] = {
    "executor": lambda world: in_executor(world, GoogleSql()),
    "emulator": on_emulator,
}
"""Opens the warehouse of a judge, with nothing in it, over the lake of a world."""


@dataclass
class Report:
    """What was compared.

    Attributes:
        passed: Tables and cases that are the same.
        failed: A line each of those that are not, or of what did not run.
    """

    passed: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def last_line(self) -> str:
        """The line that scripts read."""
        return f"{self.passed} passed, {len(self.failed)} failed"


class Comparison:
    """One judge's tables, over all builds: a table passes if it never differed."""

    def __init__(self, judge: str, report: Report, say: Say = lambda _: None) -> None:
        self._judge = judge
        self._report = report
        self._say = say
        self._rows: dict[str, int] = {}
        self._wrong: set[str] = set()

    def broken(self, build: str, problems: Sequence[str]) -> None:
        """What a build could not make or test."""
        for problem in problems:
            self._fail(f"{self._judge}, {build}: {problem}")

    def compare(
        self, build: str, expected: Mapping[str, Table], found: Mapping[str, Table]
    ) -> None:
        """Compare all tables of one build; a table is told as different once."""
        for name in sorted(expected.keys() | found.keys()):
            if name in self._wrong:
                continue
            text = None
            if name not in expected or name not in found:
                text = "not made" if name in expected else "made, but not on DuckDB"
            else:
                text = difference(expected[name], found[name])
                rows = expected[name].rows.total()
                self._rows[name] = max(rows, self._rows.get(name, 0))
            if text is not None:
                self._wrong.add(name)
                self._fail(f"{self._judge}, {build}: {name}: {text}")

    def close(self) -> None:
        """Count the tables that hold rows and were always the same."""
        for name, rows in sorted(self._rows.items()):
            if name not in self._wrong and rows:
                self._report.passed += 1
                self._say(f"same      {self._judge}  {name}  {rows} rows")

    def _fail(self, line: str) -> None:
        self._report.failed.append(line)
        self._say(f"DIFFERENT {line}")


def judge_all(
    folder: Path,
    *,
    seed: int,
    scale: int,
    days: int,
    judges: Sequence[str],
) -> Report:
    """Play and build a world, let every judge build it, compare, and print a line about each table.

    The judges work side by side, each in a process of its own.

    Args:
        folder: An empty folder.
        seed: Seed of the world.
        scale: Events of all sources over all days.
        days: Days to play, each of them a pin and a build.
        judges: Names of `JUDGES`.
    """
    report = Report()
    world = LandedWorld.create(folder / "home", seed=seed, scale=scale, days=days)
    expected = []
    for day in range(1, days + 1):
        pin = world.next_day()
        expected.append(world.build(pin).tables())
        _say(f"built     duckdb  pin {pin.number}, day {day}")
    last = world.pins[-1]
    whole = world.build(last, first=True).tables()
    on_duck = judge_cases(compile_cases(folder / "duckdb", "duckdb"), on_duckdb())
    _compare_cases("duckdb", on_duck, report)
    story = _Story(world, expected, whole, compile_cases(folder / "bigquery", "bigquery"))
    spawn = multiprocessing.get_context("spawn")  # dbt's threads and GoogleSQL's mind a fork
    with ProcessPoolExecutor(len(judges), mp_context=spawn) as pool:
        for found in pool.map(partial(_judge, story), judges):
            report.passed += found.passed
            report.failed += found.failed
    return report


@dataclass(frozen=True)
class _Story:
    """What every judge is to repeat.

    Attributes:
        world: The lake and its pins.
        expected: DuckDB's tables after each pin.
        whole: DuckDB's tables of the last pin, built from nothing.
        expressions: The macros' cases in BigQuery's SQL, by name.
    """

    world: LandedWorld
    expected: list[dict[str, Table]]
    whole: dict[str, Table]
    expressions: dict[str, str]


def _judge(story: _Story, judge: str) -> Report:
    """One judge, in a process of its own: dbt runs once at a time in each."""
    report = Report()
    comparison = Comparison(judge, report, _say)
    last = story.world.pins[-1]
    with JUDGES[judge](story.world) as engine:
        for number, pin in enumerate(story.world.pins):
            name = f"pin {pin.number}"
            comparison.broken(name, engine.build(pin, first=number == 0))
            increments = engine.tables()
            comparison.compare(name, story.expected[number], increments)
            _say(f"built     {judge}  {name}")
    with JUDGES[judge](story.world) as engine:
        comparison.broken("rebuild", engine.build(last, first=True))
        fresh = engine.tables()
        comparison.compare("rebuild", story.whole, fresh)
        _say(f"built     {judge}  pin {last.number}, from nothing")
        comparison.compare("increments and rebuild", _kept(fresh), _kept(increments))
        _compare_cases(judge, engine.verdicts(story.expressions), report)
    comparison.close()
    return report


def _kept(tables: Mapping[str, Table]) -> dict[str, Table]:
    """Without staging, which holds one window and is nobody's truth."""
    return {name: table for name, table in tables.items() if not name.startswith("staging.")}


def _compare_cases(judge: str, verdicts: Sequence[Verdict], report: Report) -> None:
    """Count what a judge says of the macros' literal cases."""
    wrong = [verdict for verdict in verdicts if not verdict.passed]
    for verdict in wrong:
        line = f"{judge}, macro case {verdict}"
        report.failed.append(line)
        _say(f"DIFFERENT {line}")
    right = len(verdicts) - len(wrong)
    report.passed += right
    _say(f"same      {judge}  {right} macro cases")
