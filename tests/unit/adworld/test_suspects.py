"""The planted suspects get the verdicts that they were planted for, and no others."""

from typing import Any

import numpy as np
import pytest

from ingestion.adworld.ids import IdKind, numbers
from ingestion.adworld.key.delivery import Delivery
from ingestion.adworld.key.invalid import REASONS
from ingestion.adworld.ledger import open_ledger
from ingestion.adworld.suspects import CROWDS, REUSED, SLOT, SUSPECTS, suspected_of

RATE, RATE_AT_THE_BOUND, TOO_FEW_TO_TELL, FAST, TOO_FAST, JUST_POSSIBLE = range(6)
TWO_IDS, UNKNOWN_PLACE, OVER_MIDNIGHT, FLOOD, NO_FLOOD, PREFETCHED, SILENT, IMPOSSIBLE = range(
    6, 14
)
VIEWS, VIEWS_AT_THE_BOUND, TWO_HOURS, ONE_ADDRESS = range(14, 18)
CLICKS, CLICKS_AT_THE_BOUND, WITHOUT_ID = range(18, 21)

Found = list[set[str]]


class Verdicts:
    """What the suspects of the first day are found guilty of by the end of a day."""

    def __init__(self, played: Any, day: int) -> None:
        ledger = open_ledger(
            played.settings.world / "ledger", played.config, day, list(range(1, day + 1))
        )
        self.delivery = Delivery(ledger)
        self.suspects = (*SUSPECTS, *CROWDS)
        self.suspected = suspected_of(played.config, 1)
        self.owner = np.repeat(
            np.arange(len(self.suspects)), [len(suspect.seen) for suspect in self.suspects]
        )

    def impressions(self, suspect: int) -> Found:
        wanted = numbers(IdKind.IMPRESSION, 1, SLOT, len(self.owner))[self.owner == suspect]
        rows = np.flatnonzero(np.isin(self.delivery.impressions["number"], wanted))
        return _names(self.delivery.impression_verdicts.held[:, rows])

    def clicks(self, suspect: int) -> Found:
        own = numbers(IdKind.IMPRESSION, 1, SLOT, len(self.owner))[self.owner == suspect]
        wanted = self.suspected.clicks.number[np.isin(self.suspected.clicks.impression, own)]
        rows = np.flatnonzero(np.isin(self.delivery.clicks["number"], wanted))
        return _names(self.delivery.click_verdicts.held[:, rows])


def _names(held: Any) -> Found:
    return [{REASONS[place] for place in np.flatnonzero(column)} for column in held.T]


@pytest.fixture(scope="module")
def first(played: Any) -> Verdicts:
    return Verdicts(played, 1)


@pytest.fixture(scope="module")
def second(played: Any) -> Verdicts:
    return Verdicts(played, 2)


@pytest.mark.parametrize(
    ("suspect", "impressions", "clicks"),
    [
        (RATE, [{"sivt_click_rate"}] * 5, [{"sivt_click_rate"}] * 3),
        (RATE_AT_THE_BOUND, [set()] * 6, [set()] * 3),
        (TOO_FEW_TO_TELL, [set()] * 4, [set()] * 4),
        (FAST, [set()] * 2, [{"sivt_fast_click"}, set()]),
        (TOO_FAST, [{"sivt_impossible_travel"}] * 2, []),
        (JUST_POSSIBLE, [set()] * 2, []),
        (TWO_IDS, [set()] * 2, []),
        (UNKNOWN_PLACE, [{"sivt_impossible_travel"}, set(), {"sivt_impossible_travel"}], []),
        (FLOOD, [set()], [{"sivt_click_flood"}] * 5),
        (NO_FLOOD, [set()], [set()] * 6),
        (PREFETCHED, [{"givt_prefetch"}], [set()]),
        (SILENT, [{"givt_missing_user_agent"}], [{"givt_missing_user_agent"}]),
        (IMPOSSIBLE, [{"givt_impossible_user_agent"}], [{"givt_impossible_user_agent"}]),
        (VIEWS_AT_THE_BOUND, [set()] * 40, []),
        (TWO_HOURS, [set()] * 41, []),
        (ONE_ADDRESS, [{"sivt_impression_volume"}] * 42, []),
        (CLICKS, [{"sivt_click_volume"}] * 3, [{"sivt_click_volume"}] * 21),
        (CLICKS_AT_THE_BOUND, [set()] * 3, [set()] * 20),
        (WITHOUT_ID, [{"sivt_click_volume"}] * 3, [{"sivt_click_volume"}] * 21),
    ],
)
def test_suspects_are_found_on_their_day_and_their_neighbours_are_not(
    first: Verdicts, suspect: int, impressions: Found, clicks: Found
) -> None:
    assert first.impressions(suspect) == impressions
    assert sorted(first.clicks(suspect), key=len) == sorted(clicks, key=len)


def test_what_comes_on_the_next_day_turns_the_verdicts_of_the_day_before(
    first: Verdicts, second: Verdicts
) -> None:
    assert first.impressions(VIEWS) == [set()] * 40
    assert second.impressions(VIEWS) == [{"sivt_impression_volume"}] * 41
    assert first.impressions(OVER_MIDNIGHT) == [set()]
    assert second.impressions(OVER_MIDNIGHT) == [{"sivt_impossible_travel"}] * 2
    reused = REUSED[0] - len(SUSPECTS[RATE].seen)
    assert first.impressions(RATE_AT_THE_BOUND)[reused] == set()
    assert second.impressions(RATE_AT_THE_BOUND)[reused] == {"sivt_id_reuse"}
