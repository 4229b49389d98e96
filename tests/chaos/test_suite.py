"""The smoke test of the chaos suite, as `make chaos` runs it; and what its judges are worth."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from ingestion.settings import PROJECT_ROOT
from tests.chaos.books import ANY, KINDS, Books, Entry
from tests.chaos.real.streams import least_events
from tests.chaos.registry import all_classes
from tests.chaos.report import FULL, MOST_SECONDS, SMOKE, Demand, report
from tests.chaos.runner import end_all_of, hash_of, main, mend, read, set_aside
from tests.chaos.suite import Level, Outcome, Registered, Run, is_planned


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


def test_what_shows_a_promise_in_the_full_test_only_is_marked() -> None:
    promises = (PROJECT_ROOT / "docs" / "promises.md").read_text("utf-8")
    run = Run(Path("nowhere"), seed=1)
    in_full = {name for name, known in all_classes().items() if not is_planned(name, known, run)}
    assert set(re.findall(r"\*([^*|]+)\*†", promises)) == in_full


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "strem"], r"'strem'\. There are: .*stream overtaken, .*stock dlt"),
        (
            ["--only", "stream", "--level", "real"],
            r"'stream' at level real\. There are: .*stream, ",
        ),
        (["--only", "marts: publish"], r"so add --full: marts: publish killed\."),
    ],
)
def test_nothing_to_do_is_an_error(
    arguments: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["chaos", *arguments])
    assert main(None) == 2
    assert re.search(told, capsys.readouterr().err)


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
        (Outcome("one/a", came=False, notes=["it did not come back"]), "0 passed, 1 failed"),
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


def test_a_class_of_which_no_fault_came_is_a_failure() -> None:
    found = [Outcome("one/a"), Outcome("helped/a", came=False)]
    text, is_right = report(found, KNOWN, planned=KNOWN.keys())
    assert not is_right
    assert "FAILED helped: none of its faults came" in text
    assert "not counted: 1 faults did not come, nor did 0 second ones" in text
    _, is_right = report(found, KNOWN, planned={"one"})
    assert is_right


def test_the_point_of_a_second_fault_that_did_not_come_was_not_tried() -> None:
    both = Outcome("one/a.b:1=die+a.c:1=die#0")
    points = frozenset({"a.b", "a.c"})
    assert report([both], KNOWN, points=points)[1]
    text, is_right = report([replace(both, alone=True)], KNOWN, points=points)
    assert not is_right
    assert "FAILED a.c was not tried" in text
    assert "FAILED a.b was not tried" not in text


def test_outcomes_of_other_code_are_set_aside(tmp_path: Path) -> None:
    state = tmp_path / "outcomes.jsonl"
    assert set_aside(tmp_path, "one") is None
    state.write_text("of one\n", encoding="utf-8")
    assert set_aside(tmp_path, "one") is None
    assert state.exists()
    told = set_aside(tmp_path, "two")
    old = tmp_path / "outcomes.one.jsonl"
    assert told is not None
    assert str(old) in told
    assert old.read_text(encoding="utf-8") == "of one\n"
    assert not state.exists()
    assert set_aside(tmp_path, "two") is None


def test_outcomes_of_code_that_nobody_noted_are_set_aside(tmp_path: Path) -> None:
    (tmp_path / "outcomes.jsonl").write_text("of what?\n", encoding="utf-8")
    assert set_aside(tmp_path, "one") is not None
    assert (tmp_path / "outcomes.unknown.jsonl").exists()


@pytest.mark.parametrize(
    ("changed", "is_other"),
    [
        ("ingestion/a.py", True),
        ("dbt_project/models/a.sql", True),
        ("ingestion/contracts/a.v1.json", True),
        ("tests/chaos/a.py", True),
        ("docs/a.py", False),
        ("dbt_project/target/a.sql", False),
        ("ingestion/a.pyc", False),
    ],
)
def test_code_is_what_decides_about_faults(tmp_path: Path, changed: str, is_other: bool) -> None:
    before = hash_of(tmp_path)
    path = tmp_path / changed
    path.parent.mkdir(parents=True)
    path.write_text("x", encoding="utf-8")
    assert (hash_of(tmp_path) != before) == is_other


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
