"""What differs in the marts is called by its name."""

import pytest

from orchestration.warehouse.verdict import Failure
from orchestration.warehouse.verify import Dims, Errors, Pair, Values
from tests.chaos.books import KINDS
from tests.chaos.marts import figures_difference, kind_of

SPEND: Pair = ("spend_eur", "campaign")
LOADED: Pair = ("loaded", "source_table adserver.clicks")
REACH: Pair = ("reach", "campaign")


def at(name: str) -> Dims:
    return (("campaign", name),)


KEY: Values = {
    SPEND: {at("a"): "1.000001", at("b"): "2"},
    LOADED: {(("source_table", "adserver.clicks"),): "5"},
    REACH: {at("a"): "100"},
}
CLICKS = (("source_table", "adserver.clicks"),)
ERRORS: Errors = {REACH: {at("a"): 4}}  # type: ignore[dict-item]  # any number will do


@pytest.mark.parametrize(
    ("pair", "found", "kinds"),
    [
        (SPEND, KEY[SPEND], {}),
        (SPEND, {at("a"): "1.000001"}, {"lost": 1}),
        (SPEND, {}, {"lost": 2}),
        (SPEND, {**KEY[SPEND], at("c"): "7"}, {"phantom": 1}),
        (SPEND, {at("a"): "1.000001", at("c"): "2"}, {"misrouted": 1}),
        (SPEND, {at("c"): "1.000001", at("d"): "9"}, {"misrouted": 1, "lost": 1, "phantom": 1}),
        (SPEND, {**KEY[SPEND], at("a"): "1.000002"}, {"wrong": 1}),
        (LOADED, {CLICKS: "4"}, {"lost": 1}),
        (LOADED, {CLICKS: "6"}, {"duplicated": 1}),
        (REACH, {at("a"): "104"}, {}),
        (REACH, {at("a"): "105"}, {"wrong": 1}),
    ],
)
def test_a_figure_that_differs_has_its_name(
    pair: Pair, found: dict[Dims, str], kinds: dict[str, int]
) -> None:
    difference = figures_difference(KEY, {**KEY, pair: found}, ERRORS)
    assert {kind: getattr(difference, kind) for kind in KINDS} == dict.fromkeys(KINDS, 0) | kinds
    assert difference.is_none == (not kinds)


@pytest.mark.parametrize(
    ("expected", "found", "kind"),
    [
        ("1 row", "0 rows", "lost"),
        ("1 row", "2 rows", "duplicated"),
        ("0 rows", "1 row", "phantom"),
        ("nothing", "(3, 3, 0)", "phantom"),
        ("(3, 3, 0)", "nothing", "lost"),
        ("1.5", "1.6", "wrong"),
        ("as committed", "it is gone", "wrong"),
    ],
)
def test_a_link_that_does_not_hold_has_its_name(expected: str, found: str, kind: str) -> None:
    assert kind_of(Failure("a link", "a place", expected, found)) == kind
