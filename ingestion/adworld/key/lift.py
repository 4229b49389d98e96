"""What the arms of creative experiments gain over their controls.

- The control of a line item is its arm `control`, else the first of its arms by name.
- Difference = click rate of an arm - that of the control; lift = difference / that of the control.
- Its standard error is the root of p1 (1 - p1) / n1 + p2 (1 - p2) / n2, of the rates to nine
  decimals; each part is cut to 18 decimals, and the root to nine. The interval of 95 % reaches
  1.959963985 errors to either side.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

import numpy as np

from ingestion.adworld.key.delivery import Delivery
from ingestion.adworld.key.events import ClickClass
from ingestion.adworld.key.exact import SCALE, Answer, answer, rate, rounded
from ingestion.adworld.key.groups import by_list, sums

ARMS = ("A", "B", "C")
GRAIN = ("line_item_id", "creative_id", "experiment_arm")
NORMAL_95 = Fraction("1.959963985")


@dataclass(frozen=True)
class Trials:
    """Net impressions, and net clicks on them."""

    shown: int
    clicked: int

    @property
    def variance(self) -> int:
        """That of the click rate, in 10^-18, cut."""
        rate_of_all = rate(self.clicked, self.shown) or Fraction(0)
        share = int(rate_of_all * SCALE)
        return share * (SCALE - share) // self.shown

    def __add__(self, other: "Trials") -> "Trials":
        """Both together."""
        return Trials(self.shown + other.shown, self.clicked + other.clicked)


@dataclass(frozen=True)
class Gain:
    """What an arm gains over a control.

    Attributes:
        difference: Of the rates.
        lift: The difference by the control's rate; None where that is 0.
        low, high: The ends of the interval; None where a rate is no share.
    """

    difference: Fraction
    lift: Fraction | None
    low: Fraction | None
    high: Fraction | None

    @property
    def is_significant(self) -> bool:
        """Whether the interval leaves zero out."""
        return (self.low or 0) > 0 or (self.high or 0) < 0


def control_of(arms: set[str]) -> str:
    """The arm that others are compared with."""
    return "control" if "control" in arms else min(arms)


def gain_of(arm: Trials, control: Trials) -> Gain | None:
    """What an arm gains; None where either was shown to nobody."""
    own, base = rate(arm.clicked, arm.shown), rate(control.clicked, control.shown)
    if own is None or base is None:
        return None
    difference = own - base
    lift = rounded(difference / base) if base else None
    if max(own, base) > 1:
        return Gain(difference, lift, None, None)
    error = Fraction(isqrt(arm.variance + control.variance), SCALE)
    reach = rounded(error * NORMAL_95)
    return Gain(difference, lift, difference - reach, difference + reach)


def lift_answers(delivery: Delivery) -> Iterator[Answer | None]:
    """Differences, lifts and intervals of every arm but the controls."""
    arms = by_list(delivery.impressions["arm"], ARMS)
    shown = {**delivery.dimensions(), "experiment_arm": arms}
    net = np.flatnonzero(delivery.classes == ClickClass.NET)
    clicked = {
        **delivery.click_dimensions(net),
        "experiment_arm": arms.take(delivery.parents[net]),
    }
    clicks = dict(sums(clicked, GRAIN))
    valid = (~delivery.invalid_impressions).astype(np.int64)
    trials = {
        group: Trials(count, clicks.get(group, 0)) for group, count in sums(shown, GRAIN, valid)
    }
    by_line_item: dict[str, dict[str, Trials]] = defaultdict(dict)
    for group, own in trials.items():
        (_, item), _, (_, arm) = group
        by_line_item[item][arm] = by_line_item[item].get(arm, Trials(0, 0)) + own
    for group, own in trials.items():
        (_, item), _, (_, arm) = group
        control = control_of(set(by_line_item[item]))
        gain = None if arm == control else gain_of(own, by_line_item[item][control])
        if gain is None:
            continue
        dims = dict(group)
        yield answer("ctr_difference", dims, gain.difference)
        yield answer("ctr_lift", dims, gain.lift or 0)
        yield answer("ctr_difference_low", dims, gain.low or 0)
        yield answer("ctr_difference_high", dims, gain.high or 0)
        yield answer("significant_lifts", dims, int(gain.is_significant))
