"""Which build a publish shows, which one a rollback shows, and what stays on disk."""

import pytest

from ingestion.errors import AdxError, ExitCode
from orchestration.warehouse.publish import already_back, decide
from orchestration.warehouse.store import Manifest
from orchestration.warehouse.versions import Versions, Withdrawal


def build_id(number: int) -> str:
    return f"b{number:06d}-pin{number}"


def manifest(number: int) -> Manifest:
    return Manifest(build_id(number), number, None, "code", True, "", "", 0, 0, 0)


def versions(*kept: int, current: int | None, seen=(), back=()) -> Versions:
    """Kept builds by their numbers; `back` has pairs of what was withdrawn and went back to."""
    return Versions(
        [manifest(number) for number in kept],
        manifest(current) if current is not None else None,
        frozenset(map(build_id, seen)),
        {
            build_id(gone): Withdrawal(build_id(gone), build_id(to), "wrong", f"{gone}", f"r{to}")
            for gone, to in back
        },
    )


def number(found: Manifest) -> int:
    return found.pin


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        (versions(1, 2, current=1), 2),
        (versions(1, 2, current=2), 2),
        (versions(1, 2, current=1, back=[(2, 1)]), 1),
        (versions(1, 2, 3, current=1, back=[(2, 1)]), 3),
        (versions(1, 2, 3, current=1, back=[(2, 1), (3, 1)]), 1),
    ],
)
def test_a_publish_shows_the_newest_build_that_nobody_took_back(known, shown):
    assert number(known.to_publish(None)) == shown


def test_a_build_that_was_taken_back_is_shown_to_who_names_it():
    assert number(versions(1, 2, current=1, back=[(2, 1)]).to_publish(build_id(2))) == 2


def test_a_publish_goes_forward_only():
    with pytest.raises(AdxError, match="older than b000002-pin2") as caught:
        versions(1, 2, current=2).to_publish(build_id(1))
    assert caught.value.exit_code is ExitCode.USAGE
    assert "adx rollback --to b000001-pin1" in caught.value.remedy


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        (versions(1, 2, 3, current=3, seen=[1, 2, 3]), 2),
        (versions(1, 2, 3, current=3, seen=[1, 3]), 1),
        (versions(1, 2, 3, current=2, seen=[1, 2]), 1),
        (versions(1, 2, 3, 4, current=4, seen=[1, 2, 3, 4], back=[(3, 2)]), 2),
    ],
    ids=["the one before", "one that nobody saw", "a newer one", "one that was taken back"],
)
def test_a_rollback_shows_the_last_good_build_that_readers_saw(known, shown):
    assert number(known.to_go_back_to(None)) == shown


def test_a_rollback_takes_back_all_that_is_newer():
    known = versions(1, 2, 3, 4, current=3, seen=[1, 2, 3])
    decided = decide(known, known.to_go_back_to(build_id(1)), "a rate was wrong")
    assert [each.build_id for each in decided] == [build_id(2), build_id(3), build_id(4)]
    assert {(each.returned_to, each.reason) for each in decided} == {
        (build_id(1), "a rate was wrong")
    }
    assert len({each.run_id for each in decided}) == 1


@pytest.mark.parametrize(
    ("known", "asked", "sentence", "exit_code"),
    [
        (versions(1, current=None), None, "Nothing has been published", ExitCode.CONFIGURATION),
        (versions(1, current=1, seen=[1]), None, "No published build", ExitCode.CONFIGURATION),
        (versions(1, 2, current=1), build_id(2), "newer than b000001-pin1", ExitCode.USAGE),
        (versions(1, 2, current=2), build_id(9), "no build b000009-pin9", ExitCode.USAGE),
    ],
)
def test_where_there_is_no_way_back_that_is_said(known, asked, sentence, exit_code):
    with pytest.raises(AdxError, match=sentence) as caught:
        known.to_go_back_to(asked)
    assert caught.value.exit_code is exit_code


def test_a_rollback_that_is_asked_for_twice_goes_back_once():
    known = versions(1, 2, 3, current=2, seen=[1, 2, 3], back=[(3, 2)])
    assert already_back(known, None).status == "nothing to do"
    assert already_back(known, build_id(2)).status == "nothing to do"
    assert already_back(known, build_id(1)) is None
    assert already_back(versions(1, 2, current=2, seen=[1, 2]), None) is None


def test_nothing_is_published_by_itself_until_a_newer_build_is():
    assert versions(1, 2, current=1, back=[(2, 1)]).held_by is not None
    assert versions(1, 2, 3, current=1, back=[(2, 1)]).held_by is not None
    assert versions(1, 2, 3, current=3, back=[(2, 1)]).held_by is None
    assert versions(1, 2, current=2).held_by is None


def test_a_rollback_is_unfinished_while_readers_see_what_it_took_back():
    assert versions(1, 2, current=2, back=[(2, 1)]).unfinished.returned_to == build_id(1)
    assert versions(1, 2, current=1, back=[(2, 1)]).unfinished is None
    assert versions(2, current=2, back=[(2, 1)]).unfinished is None, "there is no way back any more"


def test_what_stays_is_the_newest_and_what_readers_could_go_back_to():
    known = versions(*range(1, 9), current=2, seen=[1, 2, 3], back=[(3, 2)])
    assert known.to_keep(2) == {build_id(number) for number in (1, 2, 7, 8)}
    assert known.to_keep(2, build_id(4)) >= {build_id(4)}
    decided = versions(*range(1, 9), current=8, seen=range(1, 9), back=[(8, 1)])
    assert build_id(1) in decided.to_keep(2), "readers are about to go back to it"


def test_what_readers_see_is_taken_back_also_where_it_was_before():
    # the build that it had gone back to is gone
    kept = versions(1, 3, current=3, seen=(1, 3), back=[(3, 2)])
    target = kept.to_go_back_to(None)
    assert [each.build_id for each in decide(kept, target, "wrong")] == [build_id(3)]
