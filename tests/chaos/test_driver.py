"""The driver of in-process faults, on a scenario of a few lines that can be right or wrong."""

import random
from pathlib import Path

import pytest

from ingestion.failpoints import failpoint
from tests.chaos.books import Books, Difference, Entry
from tests.chaos.inprocess.driver import Case, InProcess, Scenario, cases_of, chosen
from tests.chaos.suite import Outcome, Run


class Shelf(Scenario):
    """Moves names from an inbox to a shelf: first there, then gone here, each name once."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        for name in ("inbox", "shelf"):
            (folder / name).mkdir(parents=True)

    def send(self) -> None:
        name = str(len(self.books))
        self.books.send("shelf", (name,), Entry(name))
        (self.folder / "inbox" / name).touch()

    def run(self) -> None:
        for path in sorted((self.folder / "inbox").iterdir()):
            self.move(path, self.folder / "shelf" / path.name)

    def move(self, path: Path, place: Path) -> None:
        place.touch()
        failpoint("shelf.between")
        path.unlink()

    def check(self) -> Difference:
        rows = [((path.name,), path.name, None, None) for path in self.shelved()]
        return self.books.compare({"shelf": rows})

    def shelved(self) -> list[Path]:
        return list((self.folder / "shelf").iterdir())


class Loses(Shelf):
    """First gone here, then there."""

    def move(self, path: Path, place: Path) -> None:
        path.unlink()
        failpoint("shelf.between")
        place.touch()


class Doubles(Shelf):
    """Under another name each time."""

    def move(self, path: Path, place: Path) -> None:
        place.with_name(f"{path.name}-{random.randrange(10**9)}").touch()
        failpoint("shelf.between")
        path.unlink()

    def check(self) -> Difference:
        rows = [
            ((path.name.partition("-")[0],), path.name.partition("-")[0], None, None)
            for path in self.shelved()
        ]
        return self.books.compare({"shelf": rows})


class Notes(Shelf):
    """Passes one point more when it is started with one new name, not when it goes on."""

    def run(self) -> None:
        if len(self.shelved()) < len(self.books):
            failpoint("shelf.before")
        super().run()


class StaysAway(Shelf):
    """Does not come back after a fault."""

    def run(self) -> None:
        if len(self.books) > 1 and len(list((self.folder / "inbox").iterdir())) == len(
            {path.name for path in self.shelved()} - {"0"}
        ):
            raise ValueError("what is this?")
        super().run()


def outcomes(scenario: type[Scenario], folder: Path, **options: object) -> list[Outcome]:
    values = {"smoke": 4, "actions": ("die", "raise"), "doubles": 1, **options}
    return list(InProcess("a class", scenario, **values)(Run(folder, seed=1)))


def test_what_is_right_survives_every_fault(tmp_path: Path) -> None:
    found = outcomes(Shelf, tmp_path)
    assert [outcome.case for outcome in found] == [
        "a class/shelf.between:1=die#0",
        "a class/shelf.between:1=raise#0",
        "a class/shelf.between:1=die+shelf.between:1=die#0",
    ]
    assert all(outcome.came and outcome.survived for outcome in found)
    assert [outcome.events for outcome in found] == [1, 1, 1]


@pytest.mark.parametrize(("scenario", "kind"), [(Loses, "lost"), (Doubles, "duplicated")])
def test_what_is_wrong_is_found_with_the_way_to_find_it_again(
    tmp_path: Path, scenario: type[Scenario], kind: str
) -> None:
    for outcome in outcomes(scenario, tmp_path):
        assert getattr(outcome, kind) > 0
        assert not outcome.survived
        assert outcome.steps.startswith(
            f"python -m tests.chaos --seed 1 --only '{outcome.case}'; send, run with "
        )


def test_a_platform_that_does_not_come_back_has_failed(tmp_path: Path) -> None:
    (outcome, *_) = outcomes(StaysAway, tmp_path)
    assert outcome.notes == ["the platform did not come back: ValueError: what is this?"]


def double(folder: Path, then: str) -> Outcome:
    work = InProcess("a class", Notes, smoke=4)
    case = Case("shelf.between", 1, "die", Case(then, 1, "die"))
    return work._one(work._new(folder, random.Random(1)), Outcome(f"a class/{case.name}#0"), case)


def test_a_second_fault_that_does_not_come_leaves_the_first_one_alone(tmp_path: Path) -> None:
    both = double(tmp_path / "both", "shelf.between")
    assert (both.came, both.alone, both.points) == (True, False, ["shelf.between"] * 2)
    first = double(tmp_path / "first", "shelf.before")
    assert (first.came, first.alone, first.points) == (True, True, ["shelf.between"])
    assert first.survived


@pytest.mark.parametrize("seed", range(10))
def test_a_second_fault_comes_where_a_recovery_passes(seed: int) -> None:
    work = InProcess("a class", Shelf, smoke=4, doubles=20)
    singles = cases_of(["a.a", "a.b", "a.a", "a.c"], ("die",))
    run = Run(Path("nowhere"), seed=1, full=True)
    doubled = work._doubled(singles, run, random.Random(seed))
    assert len(doubled) == 4
    left = {"a.a:1": {"a.a", "a.b", "a.c"}, "a.b:1": {"a.a", "a.b", "a.c"}}
    left |= {"a.a:2": {"a.a", "a.c"}, "a.c:1": {"a.c"}}
    for case in doubled:
        assert case.then is not None
        assert case.then.at == 1
        assert case.then.point in left[f"{case.point}:{case.at}"]


def test_faults_that_are_done_are_not_tried_again(tmp_path: Path) -> None:
    done = frozenset({"a class/shelf.between:1=die#0"})
    work = InProcess("a class", Shelf, smoke=4, actions=("die", "raise"), doubles=0)
    found = list(work(Run(tmp_path, seed=1, done=done)))
    assert [outcome.case for outcome in found] == ["a class/shelf.between:1=raise#0"]


def test_every_pass_of_every_point_can_fail_where_its_action_makes_sense() -> None:
    found = cases_of(["a.b", "disk.write", "a.b"], ("die", "full", "short", "sleep", "overtaken"))
    assert [case.name for case in found] == [
        "a.b:1=die",
        "a.b:1=sleep",
        "a.b:1=overtaken",
        "disk.write:1=die",
        "disk.write:1=full",
        "disk.write:1=short",
        "disk.write:1=sleep",
        "a.b:2=die",
        "a.b:2=overtaken",
    ]


def test_some_faults_are_of_every_point_if_there_is_room_and_deaths_come_first() -> None:
    cases = [
        Case(point, at, action)
        for point in ("a", "b", "c")
        for at in (1, 2, 3)
        for action in ("die", "sleep")
    ]
    rng = random.Random(1)
    assert {case.point for case in chosen(cases, 3, rng) if case.action == "die"} == {*"abc"}
    assert len({(case.point, case.action) for case in chosen(cases, 6, rng)}) == 6
    assert len(chosen(cases, 8, rng)) == 8
    assert chosen(cases, None, rng) == cases


def test_books_are_kept_by_position() -> None:
    books = Books()
    books.send("t", (1,), Entry("a"))
    with pytest.raises(AssertionError, match="was sent before"):
        books.send("t", (1,), Entry("b"))
