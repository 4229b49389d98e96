"""Gaps of producers' numbers: a hole is one when it is old, and everything else was looked at."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingestion.contracts import load_contract
from ingestion.errors import ExitCode
from ingestion.failed import parse_rules, replay
from ingestion.failpoints import DiedError, failing
from ingestion.gaps import Gap, Numbers, accept_gap, known_gaps
from ingestion.gaps.numbers import SEEN, Seen
from ingestion.lake import Lake
from ingestion.settings import Settings
from tests.integration.gaps.planted import PRODUCER, numbered_event
from tests.integration.landings import land_messages

OTHER = "pixel." + "1" * 17


class Producers:
    """Producers whose events are landed, and the looks at their numbers."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lake = Lake.open(settings)
        self.contract = load_contract("ad_events", "events")

    def land(self, *seqs: int, producer: str = PRODUCER, **more: Any) -> None:
        values = [
            json.dumps({**numbered_event(seq), "producer_id": producer, **more}).encode()
            for seq in seqs
        ]
        land_messages(self.settings, "ad-events", {0: [(value, None) for value in values]})

    def look(self, hours: float | None = None) -> list[Gap]:
        """Look so many hours from now; at once, when nobody knows whether all is landed."""
        complete = None if hours is None else datetime.now(UTC) + timedelta(hours=hours)
        return Numbers(self.settings, Lake.open(self.settings), self.contract).look(complete)

    def seen(self) -> Seen:
        """What the looks have kept."""
        properties: dict[str, str] = {}

        def read(_: Any, found: Any) -> None:
            properties.update(found)

        self.lake.update_ops("gaps", read)
        return Seen.from_json(json.loads(properties[SEEN])["ad_events.events"])

    def gaps(self) -> list[tuple[str, int | None, int | None, int | None]]:
        return [
            (gap.status, gap.first_number, gap.next_number, gap.missing_count)
            for gap in known_gaps(self.lake, self.contract)
        ]


@pytest.fixture
def producers(settings: Settings) -> Producers:
    return Producers(settings)


def test_a_number_is_missing_when_it_stays_away_for_a_day(producers: Producers) -> None:
    producers.land(0, 1, 2, 5, 6)
    producers.land(0, 1, producer=OTHER)
    assert producers.look(0) == []
    assert producers.look(23.9) == []
    assert producers.look(None) == [], "nobody knows whether all is landed"
    (gap,) = producers.look(24.1)
    assert gap.message == (
        f"Of the numbers 3 to 4 of producer {PRODUCER}, 2 have not arrived in ad_events.events "
        "24 hours after later ones."
    )
    assert producers.gaps() == [("open", 3, 5, 2)]
    assert producers.look(50) == [gap], "it is noted once"
    error = Numbers.halt([gap])
    assert error.exit_code is ExitCode.DATA
    assert f"adx gaps accept {gap.gap_id}" in error.remedy


def test_what_comes_late_in_any_order_is_no_gap(producers: Producers) -> None:
    for seqs in ((4, 2), (9, 8, 7), (0,), (2, 3, 1), (6, 5)):
        producers.land(*seqs)
        producers.look(0)
    assert producers.look(100) == []
    assert producers.gaps() == []


def test_a_gap_closes_itself_when_its_last_number_arrives(
    producers: Producers, reconciled: Callable[[], list[str]]
) -> None:
    producers.land(0, 4)
    producers.look(25)
    assert len(reconciled()) == 1
    producers.land(1, 3)
    assert len(producers.look(25)) == 1
    producers.land(2)
    assert producers.look(25) == []
    assert producers.gaps() == [("closed", 1, 4, 3)]
    assert reconciled() == []


def test_accepted_numbers_never_come_up_again(
    producers: Producers, reconciled: Callable[[], list[str]]
) -> None:
    producers.land(0, 4)
    (gap,) = producers.look(25)
    assert accept_gap(producers.settings, gap.gap_id, "the disk of the producer was lost")[1]
    producers.land(5, 7)
    assert producers.look(0) == []
    (other,) = producers.look(25)
    assert (other.first_number, other.next_number) == (6, 7)
    producers.land(2, 6)
    assert producers.look(25) == []
    assert producers.seen().holes(lambda _: True) == {}, "nor are they kept in mind"
    assert [status for status, *_ in producers.gaps()] == ["accepted", "closed"]
    assert reconciled() == []


def test_senders_without_a_journal_number_as_they_like(producers: Producers) -> None:
    producers.land(7, 900, 2**63 - 1, producer="px-3")
    producers.land(0, 2**63 - 1)
    (gap,) = producers.look(25)
    assert (gap.producer_id, gap.missing_count) == (PRODUCER, 2**63 - 2)


def test_a_record_that_failed_is_not_missing(producers: Producers) -> None:
    producers.land(0, 1)
    producers.land(2, event_type="unheard of")
    producers.land(3, event_ts=1774688400)
    producers.land(4, 6)
    (gap,) = producers.look(25)
    assert (gap.first_number, gap.next_number) == (5, 6)
    fix = {"cast": {"field": "event_ts", "to": "ts", "unit": "s"}}
    replay(
        producers.settings, parse_rules({"rules": [{"table": "ad_events.events", "fixes": [fix]}]})
    )
    assert producers.look(50) == [gap]


def test_a_record_that_failed_long_before_the_next_one_came_is_not_missing(
    settings: Settings,
) -> None:
    producers = Producers(settings.model_copy(update={"gap_hours": 0.0}))
    producers.land(0, 1)
    producers.land(2, event_type="unheard of")
    producers.land(3)
    assert producers.look(1) == []


def test_rows_are_read_once(producers: Producers, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    islands = Numbers._islands

    def counted(self: Numbers, head: Any, after: int) -> Any:
        asked.append(after)
        return islands(self, head, after)

    monkeypatch.setattr(Numbers, "_islands", counted)
    for number in range(3):
        producers.land(number)
        producers.look(0)
    location = producers.lake.ops_location("gaps")
    producers.look(0)
    assert asked == [0, 1, 2, 3]
    assert producers.lake.ops_location("gaps") == location, "nothing new, nothing written"


POINTS = ("gaps.before_numbers", "lake.before_metadata", "lake.after_swap", "gaps.after_numbers")


@pytest.mark.parametrize("point", POINTS)
def test_a_look_that_is_killed_is_done_again(producers: Producers, point: str) -> None:
    producers.land(0, 3)
    with failing(point, "die"), pytest.raises(DiedError):
        producers.look(25)
    assert len(producers.look(25)) == 1
    producers.land(1, 2)
    assert producers.look(25) == []
    assert producers.gaps() == [("closed", 1, 3, 2)]


def test_two_looks_at_once_count_once(producers: Producers) -> None:
    producers.land(0, 3)
    others: list[list[Gap]] = []

    def overtaken() -> None:
        producers.land(1)
        others.append(producers.look(25))

    with failing("lake.before_metadata", overtaken):
        (gap,) = producers.look(25)
    assert others == [[gap]]
    assert producers.gaps() == [("open", 2, 3, 1)]


def test_a_lake_that_was_restored_lands_and_counts_its_rows_again(producers: Producers) -> None:
    producers.land(0, 1, 2)
    producers.look(0)

    def forward(_: Any, properties: Any) -> Any:
        seen = json.loads(properties[SEEN])
        seen["ad_events.events"][0] = 40
        return [], {SEEN: json.dumps(seen)}

    producers.lake.update_ops("gaps", forward)
    producers.look(0)
    producers.land(3)
    assert producers.look(25) == []
    producers.land(5)
    assert len(producers.look(25)) == 1
