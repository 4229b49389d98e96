"""Which build comes next on BigQuery, where tables are built in place."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from ingestion.lake import Pin
from orchestration.warehouse import dbt
from orchestration.warehouse.bigquery.build import plan_build
from orchestration.warehouse.bigquery.builds import History, Passed, Work
from orchestration.warehouse.store import Manifest

PINS = [Pin(number, datetime(2026, 3, 1, tzinfo=UTC), {}) for number in (1, 2, 3)]
BUILT = "2026-03-02T00:00:00+00:00"
LAKE = SimpleNamespace(pins=lambda: PINS)


def passed(number: int, pin: int, code: str = "now") -> Passed:
    build_id = f"b{number:06d}-pin{pin}"
    return Passed(Manifest(build_id, pin, None, code, True, "", BUILT, 1, 1, 1), {})


def work(number: int, pin: int, code: str = "now", *, full_refresh: bool = False) -> Work:
    return Work(f"b{number:06d}-pin{pin}", pin, code, full_refresh, 1)


@pytest.fixture(autouse=True)
def code(monkeypatch):
    monkeypatch.setattr(dbt, "code_hash", lambda _engine: "now")


def plan(published: Passed | None, begun: Work | None, *, pin: int = 3, **asked: bool | str):
    history = History([published] if published else [], published, begun)
    planned = plan_build(LAKE, history, PINS[pin - 1], **asked)
    return planned.previous.number if planned.previous else None, planned.reason


def test_the_first_build_makes_everything():
    assert plan(None, None) == (None, "nothing is published yet")


def test_an_increment_begins_at_what_is_published():
    assert plan(passed(1, 1), work(1, 1, full_refresh=True)) == (1, "what is new since pin 1")


def test_an_increment_that_failed_is_taken_again():
    assert plan(passed(1, 1), work(2, 2))[0] == 1


def test_a_making_of_everything_that_was_not_finished_begins_anew():
    previous, reason = plan(passed(1, 1), work(2, 2, full_refresh=True))
    assert previous is None
    assert reason == "build b000002-pin2, which made everything from nothing, was not finished"


def test_rows_of_other_code_do_not_stay():
    previous, reason = plan(passed(1, 1), work(2, 2, "other"))
    assert (previous, reason) == (None, "the tables hold rows of the code of build b000002-pin2")
    assert plan(passed(1, 1), work(2, 2, "other"), keep_rows=True)[0] == 1
    assert plan(passed(1, 1, "other"), work(1, 1, "other"))[0] is None


def test_a_lake_that_gives_numbers_of_pins_again_is_built_from_nothing(monkeypatch):
    later = datetime(2026, 3, 3, tzinfo=UTC)
    monkeypatch.setattr(LAKE, "pins", lambda: [PINS[0], replace(PINS[1], pinned_at=later)])
    previous, reason = plan(passed(1, 2), work(1, 2))
    assert previous is None
    assert reason == "pin 2 was logged after build b000001-pin2: the lake was restored"
    planned = plan_build(LAKE, History(), LAKE.pins()[1])
    assert not planned.is_done_by(passed(1, 2, planned.code).manifest)
    planned = plan_build(LAKE, History(), PINS[1])
    assert planned.is_done_by(passed(1, 2, planned.code).manifest)


def test_what_somebody_has_deleted_is_made_from_nothing():
    gone = "core.fct_clicks of build b000001-pin1 is gone"
    assert plan(passed(1, 1), work(1, 1, full_refresh=True), gone=gone) == (None, gone)


def test_an_older_pin_is_made_from_nothing():
    previous, reason = plan(passed(1, 1), work(2, 3), pin=2)
    assert (previous, reason) == (None, "the tables hold pin 3 already, of build b000002-pin3")


def test_everything_is_made_when_it_is_asked_for():
    assert plan(passed(1, 1), work(1, 1), full_refresh=True) == (None, "asked for")
