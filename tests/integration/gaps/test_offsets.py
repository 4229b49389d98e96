"""Gaps of offsets: noted, halting, accepted by somebody, passed over once, and balanced."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from typer.testing import CliRunner

from ingestion.contracts import contract_for_topic
from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import DiedError, failing
from ingestion.gaps import accept_gap, known_gaps
from ingestion.lake import Lake
from orchestration.cli.main import app
from orchestration.warehouse import reconcile

Reconciled = Callable[[], list[str]]


def expire(topic: Any, partition: int, offset: int) -> None:
    topic.earliest[partition] = offset


def test_expired_records_halt_until_somebody_accepts(topic: Any, reconciled: Reconciled) -> None:
    topic.send(p0=10, p1=4)
    topic.land()
    topic.send(p0=10)
    expire(topic, 0, 13)
    error = topic.halted()
    gap = topic.only_gap()
    assert error.exit_code is ExitCode.DATA
    assert error.message.startswith("Offsets 10 to 12 of user-events, partition 0, have expired")
    assert f"`adx gaps accept {gap.gap_id} --reason" in error.remedy
    assert (gap.status, gap.missing_count) == ("open", 3)
    (failure,) = reconciled()
    assert failure.startswith(f"gaps of user_events.events at gap {gap.gap_id}")

    assert str(topic.halted()) == str(error), "and again, without another note"
    assert len(topic.gaps()) == 1
    assert topic.accept("retention was a day")
    gap = topic.only_gap()
    assert (gap.status, gap.reason) == ("accepted", "retention was a day")
    assert "@" in (gap.decided_by or "")
    topic.land()
    assert [offset for _, part, offset in topic.positions() if part == 0] == [
        *range(10),
        *range(13, 20),
    ]
    assert reconciled() == []


def test_what_expired_until_it_was_accepted_belongs_to_the_gap(
    topic: Any, reconciled: Reconciled
) -> None:
    topic.send(p0=10)
    expire(topic, 0, 2)
    topic.halted()
    expire(topic, 0, 5)
    topic.halted()
    assert topic.accept()
    assert (topic.only_gap().missing_count, topic.settle()[0]) == (5, 5)
    expire(topic, 0, 6)
    assert "Offsets 5 to 5" in topic.halted().message, "what comes later is another one"
    assert [gap.status for gap in topic.gaps()] == ["accepted", "open"]
    topic.accept()
    topic.land()
    assert reconciled() == []


def test_records_that_are_there_again_close_their_gap(topic: Any, reconciled: Reconciled) -> None:
    topic.send(p0=10)
    expire(topic, 0, 4)
    topic.halted()
    expire(topic, 0, 0)
    assert topic.settle() == {}
    assert topic.only_gap().status == "closed"
    with pytest.raises(AdxError, match="has closed"):
        accept_gap(topic.settings, topic.only_gap().gap_id, "too late")
    expire(topic, 0, 4)
    topic.halted()
    first, second = topic.gaps()
    assert (first.status, second.status) == ("closed", "open")
    topic.accept()
    expire(topic, 0, 0)  # accepted, but not passed over yet
    topic.land()
    assert [gap.status for gap in topic.gaps()] == ["closed", "closed"]
    assert len(topic.positions()) == 10
    assert reconciled() == []


def test_a_recreated_topic_is_landed_from_its_first_record_once_accepted(
    topic: Any, reconciled: Reconciled
) -> None:
    topic.send(p0=5, p1=5)
    topic.land()
    topic.topic_id, topic.end = "second", {0: 2, 1: 0}
    assert "is not the one that user_events.events was read from" in topic.halted().message
    assert topic.only_gap().missing_count is None
    topic.accept()
    topic.land()
    assert [place for place in topic.positions() if place[0] == "second"] == [
        ("second", 0, 0),
        ("second", 0, 1),
    ]
    assert reconciled() == []
    topic.topic_id, topic.end = "first", {0: 6, 1: 5}
    topic.land()
    assert len(topic.positions()) == 13, "the first one is known as well"
    assert reconciled() == []


def test_offsets_that_a_broker_gives_again_are_landed_as_another_life_of_the_topic(
    topic: Any, reconciled: Reconciled
) -> None:
    topic.send(p0=10, p1=3)
    topic.land()
    topic.end[0] = 6
    assert "the broker has lost records" in topic.halted().message
    topic.send(p0=8)
    assert topic.halted().exit_code is ExitCode.DATA, "it has grown again: other records"
    assert (topic.only_gap().first_number, topic.only_gap().next_number) == (6, 10)
    topic.accept()
    topic.land()
    assert topic.only_gap().status == "accepted"
    assert topic.positions() == [
        *(("first", 0, offset) for offset in range(10)),
        *(("first", 1, offset) for offset in range(3)),
        *(("first~1", 0, offset) for offset in range(6, 14)),
    ]
    assert reconciled() == []
    topic.send(p1=2)
    topic.land()
    assert topic.positions()[-2:] == [("first~1", 1, 3), ("first~1", 1, 4)]
    topic.end[1] = 4
    topic.halted()
    topic.accept()
    assert topic.settle() == {0: 14, 1: 4}
    assert "first~2" in topic.lake.stream_position(topic.contract)
    assert reconciled() == []


def test_a_person_says_where_a_truncated_partition_is_read_on(
    topic: Any, reconciled: Reconciled
) -> None:
    topic.send(p0=10)
    topic.land()
    topic.end[0] = 6
    topic.halted()
    topic.end[0] = 12
    (gap_id,) = [gap.gap_id for gap in topic.gaps()]
    with pytest.raises(AdxError, match="can be read from 0 to 12"):
        accept_gap(topic.settings, gap_id, "restored", start=13)
    accept_gap(topic.settings, gap_id, "its data were restored", start=10)
    topic.land()
    assert topic.positions()[10:] == [("first~1", 0, 10), ("first~1", 0, 11)]
    assert reconciled() == []


def test_nothing_is_passed_over_while_one_of_several_gaps_is_open(topic: Any) -> None:
    topic.send(p0=10, p1=10)
    topic.earliest = {0: 3, 1: 4}
    error = topic.halted()
    first, second = topic.gaps()
    assert "(and 1 more: `adx gaps list`)" in error.message
    accept_gap(topic.settings, first.gap_id, "one")
    assert second.message in topic.halted().message
    assert topic.lake.stream_position(topic.contract) == {}
    accept_gap(topic.settings, second.gap_id, "two")
    assert topic.settle() == {0: 3, 1: 4}


POINTS = (
    ("lake.before_metadata", 2),
    ("lake.after_swap", 1),
    ("lake.after_swap", 2),
    ("lake.after_swap", 3),
    ("lake.after_pointer", 3),
    ("gaps.after_note", 1),
    ("gaps.before_accept", 1),
    ("gaps.after_accept", 1),
    ("gaps.before_pass", 1),
    ("gaps.after_pass", 1),
)
"""Three commits: the gap is noted, accepted, passed over."""


def fall(topic: Any, how: str) -> None:
    """Lose records, differently each time."""
    if how == "expired":
        topic.send(p0=5)
        expire(topic, 0, topic.end[0] - 2)
    elif how == "truncated":
        topic.end[0] -= 1
    else:
        topic.topic_id, topic.end, topic.earliest = f"{topic.topic_id}+", {0: 3, 1: 3}, {0: 0, 1: 0}


def run(topic: Any) -> None:
    """A stream halts, a person accepts, a stream goes on."""
    with suppress(AdxError):
        topic.settle()
    topic.accept()
    topic.settle()


@pytest.mark.parametrize("how", ["expired", "truncated", "recreated"])
def test_killed_anywhere_a_gap_is_noted_accepted_and_passed_over_once(
    topic: Any, reconciled: Reconciled, how: str
) -> None:
    topic.send(p0=12, p1=12)
    topic.land()
    for number, (point, passes) in enumerate(POINTS, start=1):
        fall(topic, how)
        with failing(point, "die", at=passes), pytest.raises(DiedError):
            run(topic)
        run(topic)
        topic.land()
        assert [gap.status for gap in topic.gaps()] == ["accepted"] * number
        assert reconciled() == [], (point, passes)
    rows = topic.lake.read_ops("gaps").to_pylist()
    assert len(rows) == 2 * len(POINTS), "one row for each gap and status"


def test_of_two_who_accept_at_once_one_has_decided(topic: Any) -> None:
    topic.send(p0=10)
    expire(topic, 0, 4)
    topic.halted()
    gap_id = topic.only_gap().gap_id
    others: list[Any] = []

    def overtaken() -> None:
        others.append(accept_gap(topic.settings, gap_id, "theirs"))

    with failing("lake.before_metadata", overtaken):
        gap, is_new = accept_gap(topic.settings, gap_id, "ours")
    assert (gap.reason, is_new) == ("theirs", False)
    assert others[0][1]


def test_another_stream_that_lands_meanwhile_is_no_lost_record(topic: Any) -> None:
    """The cluster was asked before the other stream committed what came after."""
    topic.send(p0=5)
    topic.land()
    describe, others = topic.describe, []

    def late(*_: object) -> Any:
        described = describe()
        if not others:
            others.append(True)
            topic.send(p0=5)
            topic.land()
        return described

    topic.describe = late
    assert topic.settle() == {0: 5, 1: 0}
    assert topic.gaps() == []


def test_records_that_expire_when_another_stream_has_landed_them_are_no_gap(topic: Any) -> None:
    topic.send(p0=5)
    topic.land()
    describe, others = topic.describe, []

    def late(*_: object) -> Any:
        if not others:
            others.append(True)
            topic.send(p0=5)
            topic.land()
            expire(topic, 0, 8)
        return describe()

    topic.describe = late
    assert topic.settle() == {0: 10, 1: 0}
    assert topic.gaps() == []


@pytest.mark.parametrize(
    ("lose", "lives", "rows"), [("end", 2, 15), ("earliest", 1, 19), ("topic_id", 2, 17)]
)
def test_what_another_stream_passed_over_while_one_noted_it_is_passed_over_once(
    topic: Any, lose: str, lives: int, rows: int, reconciled: Reconciled
) -> None:
    topic.send(p0=10, p1=3)
    topic.land()
    if lose == "end":
        topic.end[0] = 6
    elif lose == "earliest":
        topic.send(p0=8)
        expire(topic, 0, 14)
    else:
        topic.topic_id, topic.end = "second", {0: 2, 1: 0}

    def all_of_it() -> None:
        topic.halted()
        topic.send(p0=2)
        topic.accept()
        topic.land()

    with failing("lake.before_swap", all_of_it):
        topic.settle()
    topic.land()
    assert len(topic.positions()) == rows
    assert len(topic.lake.stream_position(topic.contract)) == lives
    assert len(topic.gaps()) == 1
    assert reconciled() == []


def test_reconcile_knows_accepted_gaps_and_nothing_else(
    topic: Any, reconciled: Reconciled, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic.send(p0=10)
    topic.land()
    topic.send(p0=10)
    expire(topic, 0, 14)
    topic.halted()
    topic.accept()
    topic.land()
    assert reconciled() == []
    monkeypatch.setattr(reconcile, "known_gaps", lambda *_: [])
    (failure,) = reconciled()
    assert "20 rows from offset 0 to 20" in failure
    assert "16 rows from offset 0 to 20" in failure


def test_the_command_lists_shows_and_accepts(topic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADX_HOME", str(topic.settings.home))
    run = CliRunner()
    topic.send(p0=10)
    expire(topic, 0, 4)
    topic.halted()
    gap_id = topic.only_gap().gap_id
    assert gap_id in run.invoke(app, ["gaps", "list"]).stdout
    assert "Offsets 0 to 3" in run.invoke(app, ["gaps", "show", gap_id]).stdout
    unknown = run.invoke(app, ["gaps", "show", "nothing"])
    assert isinstance(unknown.exception, AdxError)
    blank = run.invoke(app, ["gaps", "accept", gap_id, "--reason", " "])
    assert isinstance(blank.exception, AdxError)
    assert "needs a reason" in str(blank.exception)
    said = run.invoke(app, ["gaps", "accept", gap_id, "--reason", "a day of retention"])
    assert said.exit_code == 0, said.exception
    assert "a day of retention" in said.stdout
    again = run.invoke(app, ["gaps", "accept", gap_id, "--reason", "other"])
    assert "was accepted before" in again.stdout
    listed = run.invoke(app, ["gaps", "list", "--status", "open", "--json"])
    assert listed.stdout.strip() == "[]"


def test_a_lake_without_gaps_is_not_written_to(topic: Any) -> None:
    topic.send(p0=3)
    topic.land()
    before = topic.lake.ops_location("gaps")
    topic.send(p0=3)
    topic.land()
    assert topic.lake.ops_location("gaps") == before
    assert known_gaps(Lake.open(topic.settings), contract_for_topic("user-events")) == []
