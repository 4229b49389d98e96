"""The smoke test of the chaos suite, as `make chaos` runs it; and what its judges are worth."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from ingestion.settings import PROJECT_ROOT
from tests.chaos.books import ANY, KINDS, Books, Entry
from tests.chaos.real.streams import least_events
from tests.chaos.registry import all_classes
from tests.chaos.report import FULL, MOST_SECONDS, SMOKE, Demand, report
from tests.chaos.runner import end_all_of, mend, read
from tests.chaos.suite import Level, Outcome, Registered, Run


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_everything_may_go_wrong_and_nothing_is_lost_or_there_twice() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--shared", "--jobs", "1"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
    assert done.stdout.rstrip().endswith(" passed, 0 failed")


def test_every_class_of_faults_shows_a_promise() -> None:
    promises = (PROJECT_ROOT / "docs" / "promises.md").read_text("utf-8")
    cells = re.findall(r"^\| [A-Z][^|]+ \| ([^|]+) \| .*`tests/", promises, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"\*([^*]+)\*", cell)}
    assert named == all_classes().keys()


def planned(*, full: bool) -> Counter[Level]:
    run = Run(Path("nowhere"), seed=1, full=full)
    plans = {known.plan: known.level for known in all_classes().values()}
    ids = {case: level for plan, level in plans.items() for case in plan(run)}
    assert sum(len(plan(run)) for plan in plans) == len(ids), "two faults have one id"
    assert {case.partition("/")[0] for case in ids} <= all_classes().keys()
    return Counter(ids.values())


@pytest.mark.parametrize(("full", "demand"), [(False, SMOKE), (True, FULL)])
def test_what_is_planned_is_more_than_what_is_demanded(full: bool, demand: Demand) -> None:
    found = planned(full=full)
    # some faults do not come, and are not counted
    assert found["in process"] >= 1.1 * demand.in_process
    assert found["real"] >= 1.1 * demand.real
    assert least_events(Run(Path("nowhere"), seed=1, full=full)) >= demand.events
    classes = {
        case.partition("/")[0]
        for known in all_classes().values()
        for case in known.plan(Run(Path("nowhere"), seed=1, full=full))
    }
    assert len(classes) >= demand.classes + 2


@pytest.fixture
def books() -> Books:
    made = Books()
    made.send("a", (1,), Entry("one", 10))
    made.send("a", (2,), Entry("two", 20))
    made.send("a", (3,), Entry(None, None, "parse"))
    made.send("a", (4,), Entry(ANY))
    made.send("b", (1,), Entry("three", 30))
    return made


A = [((1,), "one", 10, None), ((2,), "two", 20, None), ((3,), None, None, "parse")]
FUZZ = ((4,), None, None, "schema")
B = [((1,), "three", 30, None)]


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [
        ([*A, FUZZ], B, {}),
        ([*A, ((4,), "x", 7, None)], B, {}),
        ([*A[1:], FUZZ], B, {"lost": 1}),
        ([*A, FUZZ], [], {"lost": 1}),
        ([*A, A[0], A[0], FUZZ], B, {"duplicated": 2}),
        ([*A, FUZZ, ((5,), "five", 50, None)], B, {"phantom": 1}),
        ([*A, FUZZ, ((5,), "three", 30, None)], B, {"misrouted": 1}),
        ([*A[:2], ((3,), "three", 30, None), FUZZ], B, {"misrouted": 1}),
        ([*A[:2], ((3,), None, None, "schema"), FUZZ], B, {"misrouted": 1}),
        ([((1,), "one", 11, None), *A[1:], FUZZ], B, {"wrong": 1}),
        ([*A, FUZZ], [((1,), "three", None, None)], {"wrong": 1}),
    ],
)
def test_every_difference_has_its_name(books: Books, a: list, b: list, found: dict) -> None:
    difference = books.compare({"a": a, "b": b})
    assert {kind: getattr(difference, kind) for kind in KINDS} == dict.fromkeys(KINDS, 0) | found
    assert difference.is_none == (not found)


KNOWN = {
    "one": Registered("one", "in process", lambda _: iter(())),
    "helped": Registered("helped", "real", lambda _: iter(()), operator=True),
}


@pytest.mark.parametrize(
    ("outcome", "last"),
    [
        (Outcome("one/a"), "1 passed, 0 failed"),
        (Outcome("one/a", lost=1, notes=["lost: x"]), "0 passed, 1 failed"),
        (Outcome("one/a", operator=1), "0 passed, 1 failed"),
        (Outcome("helped/a", operator=1), "1 passed, 0 failed"),
        (Outcome("one/a", seconds=MOST_SECONDS + 1), "1 passed, 1 failed"),
        (Outcome("one/a", came=False), "0 passed, 0 failed"),
    ],
)
def test_the_last_line_counts_what_failed(outcome: Outcome, last: str) -> None:
    text, is_right = report([outcome], KNOWN)
    assert text.splitlines()[-1] == last
    assert is_right == last.endswith(" 0 failed")


def test_what_was_taken_away_must_be_found_out() -> None:
    found = Outcome("one [without]/a", duplicated=3, notes=["three too many"])
    expected = {"one [without]": lambda outcomes: None if outcomes[0].duplicated else "missed"}
    text, is_right = report([found], KNOWN, expected=expected)
    assert is_right
    assert text.splitlines()[-1] == "1 passed, 0 failed"
    missed = Outcome("one [without]/a")
    text, is_right = report([missed], KNOWN, expected=expected)
    assert not is_right
    assert "FAILED missed" in text


def test_too_few_faults_are_a_failure() -> None:
    text, is_right = report([Outcome("one/a")], KNOWN, demand=Demand(2, 1, 2))
    assert not is_right
    assert "FAILED 1 faults in process were tried, 2 must be" in text


def test_an_outcome_survives_the_state_file() -> None:
    outcome = Outcome("one/a", seconds=1.5, lost=2, notes=["x"], steps="y")
    assert Outcome.from_json(outcome.to_json()) == outcome


def test_what_a_killed_run_was_writing_takes_nothing_else_with_it(tmp_path: Path) -> None:
    state = tmp_path / "outcomes.jsonl"
    lines = [Outcome(f"one/{name}").to_json() for name in "abc"]
    state.write_text(f"{lines[0]}\n{lines[1][:30]}", encoding="utf-8")
    mend(state)
    with state.open("a", encoding="utf-8") as file:
        file.write(f"{lines[2]}\n")
    assert [outcome.case for outcome in read(state)] == ["one/a", "one/c"]
    mend(state)
    assert state.read_text(encoding="utf-8").endswith(f"{lines[2]}\n")


def test_what_a_killed_run_had_started_is_ended_and_nothing_else(tmp_path: Path) -> None:
    def stopped(home: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(["sleep", "60"], env={**os.environ, "ADX_HOME": home})
        process.send_signal(signal.SIGSTOP)
        return process

    left, other = stopped(f"{tmp_path}/left/stream"), stopped(f"{tmp_path}/left-alone")
    try:
        end_all_of(tmp_path / "left")
        assert left.wait(10) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        for process in (left, other):
            process.kill()
            process.wait()
