"""Credits and values of paths that fit in the head."""

from fractions import Fraction

import pytest

from ingestion.adworld.key.attribution import (
    MILLION,
    Path,
    Touch,
    by_channel,
    credits_of,
    decay_weight,
    largest_remainders,
    values_of,
)
from ingestion.adworld.key.channels import markov_weights, shapley_weights, transitions

HOUR = 3_600_000_000
NOON = 500_000 * HOUR


def _path(*touches: tuple[str, int], micros: int | None = None) -> Path:
    """Touches as type and age in hours, in order."""
    return Path(
        ts=NOON,
        user=0,
        advertiser=0,
        kind="purchase",
        micros=micros,
        touches=tuple(
            Touch(NOON - age * HOUR, f"t{n}", kind == "click", n, 0, 0, {})
            for n, (kind, age) in enumerate(touches)
        ),
    )


VIEW, CLICK = ("view", 0), ("click", 0)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (_path(VIEW), {"first": [MILLION], "linear": [MILLION], "position": [MILLION]}),
        (
            _path(VIEW, CLICK),
            {
                "first": [MILLION, 0],
                "last": [0, MILLION],
                "linear": [500_000, 500_000],
                "position": [500_000, 500_000],
                "time_decay": [500_000, 500_000],
            },
        ),
        (
            _path(CLICK, VIEW, VIEW),
            {
                "last": [MILLION, 0, 0],
                "linear": [333_334, 333_333, 333_333],
                "position": [400_000, 200_000, 400_000],
                "time_decay": [333_334, 333_333, 333_333],
            },
        ),
        (_path(*[VIEW] * 5), {"position": [400_000, 66_667, 66_667, 66_666, 400_000]}),
        # One week weighs a half: 1 + 2 + 4 sevenths; the largest remainder is the last one's.
        (
            _path(("view", 336), ("view", 168), VIEW),
            {"time_decay": [142_857, 285_714, 571_429]},
        ),
    ],
)
def test_every_model_shares_out_a_million(path: Path, expected: dict[str, list[int]]) -> None:
    assert {model: credits_of(path, model) for model in expected} == expected


def test_of_equal_remainders_the_earlier_touch_gets_more() -> None:
    thirds = [Fraction(1, 3)] * 3
    assert largest_remainders(10, thirds) == [4, 3, 3]
    assert largest_remainders(11, thirds) == [4, 4, 3]
    assert largest_remainders(10, [Fraction(1, 7), Fraction(2, 7), Fraction(4, 7)]) == [1, 3, 6]


def test_a_value_is_split_by_the_credits_and_sums_to_itself() -> None:
    path = _path(VIEW, VIEW, VIEW, micros=7_000_001)
    assert values_of(path, credits_of(path, "linear")) == [2_333_339, 2_333_331, 2_333_331]
    assert values_of(_path(VIEW, VIEW), [500_000, 500_000]) == [0, 0]


def test_a_week_halves_the_weight_of_the_decay() -> None:
    assert [decay_weight(age) for age in (0, 168, 336, 720)] == [2**30, 2**29, 2**28, 55_051_774]


D, V, S = 0, 1, 2


def _weights(*paths: tuple[tuple[int, ...], bool]) -> list[int]:
    return markov_weights(transitions(paths))[:3]


def test_the_removal_effect_of_chains_worked_by_hand() -> None:
    # Display converts once in two, social always, video never: 1/2 of four; 1/4 without either.
    march = (((D,), True), ((D,), False), ((S,), True), ((V,), False))
    assert _weights(*march) == [500_000, 0, 500_000]
    # A loop: from display on 1/3 goes round by social, 1/3 converts, 1/3 is lost: 1/2 in the end.
    assert _weights(((D, S, D), True), ((D,), False)) == [1_000_000, 0, 333_333]
    # A channel that follows itself changes nothing.
    assert _weights(((D, D, D, S), True), ((D,), False)) == _weights(((D, S), True), ((D,), False))
    assert _weights(((D, S), False)) == [0, 0, 0]


def test_shapley_shares_a_conversion_evenly_by_its_channels() -> None:
    sets = {frozenset({D}): 1, frozenset({D, S}): 2, frozenset(range(6)): 1}
    assert shapley_weights(sets) == [60 + 60 + 10, 10, 60 + 10, 10, 10, 10]


def test_channels_share_first_and_then_their_touches() -> None:
    touches = tuple(
        Touch(NOON - HOUR, f"t{n}", False, n, 0, channel, {}) for n, channel in enumerate((D, S, D))
    )
    path = Path(NOON, 0, 0, "purchase", None, touches)
    assert by_channel(path, [1, 0, 2, 0, 0, 0]) == [166_667, 666_667, 166_666]
    # Nothing is known of these channels: by their touches.
    assert by_channel(path, [0, 9, 0, 0, 0, 0]) == [333_334, 333_333, 333_333]
