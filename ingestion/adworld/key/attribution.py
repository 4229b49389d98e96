"""What led to a conversion: touches, and the credit of each by every model.

- A touch of a conversion is of the same user id and the same advertiser, strictly before it: a
  valid impression at most the view window of its line item earlier, or a net click at most its
  click window. The line item's version at the touch's time says the windows, and which types of
  conversion count. An impression that a touching click belongs to is no touch.
- Touches stand in the order of their times, then of the texts of their ids.
- A model gives every touch a share of the conversion. Shares become millionths by largest
  remainders, and of equal remainders the earlier touch gets more; the value, in micro-units, is
  split in the same way by these millionths.
- A conversion without a touch is organic.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from itertools import groupby

import numpy as np

from ingestion.adworld.config import DAY_US, HOUR_US
from ingestion.adworld.frames import Ints
from ingestion.adworld.ids import hex_texts, mix
from ingestion.adworld.key.channels import Months, months
from ingestion.adworld.key.delivery import Delivery
from ingestion.adworld.key.events import ClickClass, first_loaded
from ingestion.adworld.key.exact import Answer, answer, rate
from ingestion.adworld.key.groups import date_text
from ingestion.adworld.key.versions import Versions, versions_of
from ingestion.adworld.ledger import Ledger, Rows
from ingestion.adworld.market import CHANNELS, Row
from ingestion.adworld.traffic import CONVERSION_TYPES

MILLION = 1_000_000
MICROS_OF_CENT = 10_000
WIDEST_VIEW_HOURS = 48
WIDEST_CLICK_DAYS = 30
HALF_LIFE_HOURS = 168


@dataclass(frozen=True)
class Touch:
    """A click or an impression that may have led to a conversion.

    Attributes:
        ts: When it happened.
        id: Text of its id.
        is_click: Whether it is a click.
        impression: Number of the impression, or of the click's.
        line_item: Position of the line item.
        channel: Position of its channel.
        terms: The line item as it was at that time.
    """

    ts: int
    id: str
    is_click: bool
    impression: int
    line_item: int
    channel: int
    terms: Row


@dataclass(frozen=True)
class Path:
    """A conversion with its touches, in order; none if it is organic.

    Attributes:
        ts: When it happened.
        user: Code of its user id; negative without one.
        advertiser: Position of the advertiser.
        kind: Its type.
        micros: Its value in micro-units; None without one.
        touches: What led to it.
    """

    ts: int
    user: int
    advertiser: int
    kind: str
    micros: int | None
    touches: tuple[Touch, ...]


# ---------------------------------------------------------------- shares


def largest_remainders(total: int, shares: Sequence[Fraction]) -> list[int]:
    """Whole numbers that sum to a total, as near to the shares (which sum to 1) as can be."""
    exact = [total * share for share in shares]
    whole = [int(part) for part in exact]
    left = total - sum(whole)
    order = sorted(range(len(shares)), key=lambda place: (whole[place] - exact[place], place))
    for place in order[:left]:
        whole[place] += 1
    return whole


def _even(weights: Sequence[int]) -> list[Fraction]:
    return [Fraction(weight, sum(weights)) for weight in weights]


@lru_cache(maxsize=1024)
def decay_weight(hours: int) -> int:
    """2^30 halved every 7 days, to the nearest integer."""
    with localcontext() as context:
        context.prec = 50
        return round(Decimal(2) ** (30 - Decimal(hours) / HALF_LIFE_HOURS))


def first_shares(path: Path) -> list[Fraction]:
    """All to the first touch."""
    return _even([1] + [0] * (len(path.touches) - 1))


def last_shares(path: Path) -> list[Fraction]:
    """All to the last click, else to the last view."""
    clicks = [place for place, touch in enumerate(path.touches) if touch.is_click]
    chosen = clicks[-1] if clicks else len(path.touches) - 1
    return _even([int(place == chosen) for place in range(len(path.touches))])


def linear_shares(path: Path) -> list[Fraction]:
    """To all alike."""
    return _even([1] * len(path.touches))


def position_shares(path: Path) -> list[Fraction]:
    """40 % to the first, 40 % to the last, the rest alike to those between."""
    between = len(path.touches) - 2
    if between <= 0:
        return linear_shares(path)
    return [Fraction(2, 5), *[Fraction(1, 5 * between)] * between, Fraction(2, 5)]


def time_decay_shares(path: Path) -> list[Fraction]:
    """By weights that halve with every week of age, in whole hours."""
    return _even([decay_weight((path.ts - touch.ts) // HOUR_US) for touch in path.touches])


def by_channel(path: Path, weights: Sequence[int]) -> list[int]:
    """Millionths by the weights of channels: first among the channels, then among their touches."""
    channels = [touch.channel for touch in path.touches]
    present = list(dict.fromkeys(channels))
    chosen = [weights[channel] for channel in present]
    if not any(chosen):
        chosen = [channels.count(channel) for channel in present]
    found = [0] * len(channels)
    for channel, total in zip(present, largest_remainders(MILLION, _even(chosen)), strict=True):
        places = [place for place, other in enumerate(channels) if other == channel]
        for place, part in zip(
            places, largest_remainders(total, _even([1] * len(places))), strict=True
        ):
            found[place] = part
    return found


RULES = {
    "first": first_shares,
    "last": last_shares,
    "linear": linear_shares,
    "position": position_shares,
    "time_decay": time_decay_shares,
}
"""The models whose shares follow from the path alone."""

DATA_DRIVEN = ("markov", "shapley")
"""The models whose shares follow from the channels' weights in the month of the conversion."""

MODELS = (*RULES, *DATA_DRIVEN)


# ---------------------------------------------------------------- touches


def user_codes(rows: Rows) -> Ints:
    """One code a user id; negative without one."""
    known = rows["person"] >= 0
    if "personal" in rows:
        known = known & (rows["personal"] > 0)
    return np.where(known, rows["person"].astype(np.int64) * 2 + rows["phone"], -1)


class Attribution:
    """Every conversion with its path.

    Attributes:
        paths: One a conversion.
        touches: Every net click and valid impression of a user id, by user and advertiser.
        months: The paths of every month, those that convert and those that do not.
    """

    def __init__(self, ledger: Ledger, delivery: Delivery) -> None:
        self.market = delivery.market
        items = self.market.line_items
        self.items: Versions = versions_of(
            ledger.config, ledger.day, "line_items", [item.line_item_id for item in items]
        )
        self.owner = [item.advertiser for item in items]
        self.touches = self._touches(delivery)
        rows = first_loaded(ledger.file_rows("Conversions"))
        users = user_codes(rows).tolist()
        self.paths = [
            self._path(user, *values)
            for user, *values in zip(
                users,
                rows["ts"].tolist(),
                rows["advertiser"].tolist(),
                rows["kind"].tolist(),
                rows["cents"].tolist(),
                strict=True,
            )
        ]
        self.months = self._months()
        self.weights = {
            (month, model): paths.weights(model)
            for month, paths in self.months.items()
            for model in DATA_DRIVEN
        }

    def credits_of(self, path: Path, model: str) -> list[int]:
        """Millionths of every touch of a path by any model."""
        if model in RULES:
            return credits_of(path, model)
        return by_channel(path, self.weights[month_of(path.ts), model])

    def _months(self) -> Months:
        found = months()
        converted: set[tuple[str, str]] = set()
        for path in self.paths:
            if path.touches:
                month = month_of(path.ts)
                channels = [touch.channel for touch in path.touches]
                found[month].add(path.touches[0].ts, channels, converts=True)
                converted |= {(month, touch.id) for touch in path.touches}
        clicked = {
            (month_of(touch.ts), touch.impression)
            for touches in self.touches.values()
            for touch in touches
            if touch.is_click
        }
        for touches in self.touches.values():
            nulls: dict[str, list[Touch]] = defaultdict(list)
            for touch in touches:
                month = month_of(touch.ts)
                hidden = not touch.is_click and (month, touch.impression) in clicked
                if not hidden and (month, touch.id) not in converted:
                    nulls[month].append(touch)
            for month, left in nulls.items():
                found[month].add(left[0].ts, [touch.channel for touch in left], converts=False)
        return found

    def _touches(self, delivery: Delivery) -> dict[tuple[int, int], list[Touch]]:
        found: dict[tuple[int, int], list[Touch]] = defaultdict(list)
        shown, clicks = delivery.impressions, delivery.clicks
        seed = delivery.config.seed
        net = np.flatnonzero(delivery.classes == ClickClass.NET)
        valid = np.flatnonzero(~delivery.invalid_impressions)
        for rows, chosen, parents, prefix in (
            (shown, valid, valid, "imp-"),
            (clicks, net, delivery.parents[net], "clk-"),
        ):
            users = user_codes(rows)[chosen]
            named = users >= 0
            own, parent = chosen[named], parents[named]
            for user, ts, text, impression, item in zip(
                users[named].tolist(),
                rows["ts"][own].tolist(),
                hex_texts(mix(rows["number"][own], seed)),
                shown["number"][parent].tolist(),
                shown["line_item"][parent].tolist(),
                strict=True,
            ):
                found[user, self.owner[item]].append(
                    Touch(
                        ts=ts,
                        id=prefix + text,
                        is_click=prefix == "clk-",
                        impression=impression,
                        line_item=item,
                        channel=self.market.line_items[item].channel,
                        terms=self.items.at(item, ts),
                    )
                )
        for touches in found.values():
            touches.sort(key=lambda touch: (touch.ts, touch.id))
        return found

    def _path(self, user: int, ts: int, advertiser: int, kind: int, cents: int) -> Path:
        name = CONVERSION_TYPES[kind]
        possible = [
            touch
            for touch in self.touches.get((user, advertiser), ())
            if touch.ts < ts <= touch.ts + _window(touch) and _counts(touch.terms, name)
        ]
        clicked = {touch.impression for touch in possible if touch.is_click}
        touches = tuple(
            touch for touch in possible if touch.is_click or touch.impression not in clicked
        )
        micros = cents * MICROS_OF_CENT if cents >= 0 else None
        return Path(ts, user, advertiser, name, micros, touches)


def month_of(ts: int) -> str:
    """First date of the UTC month of a moment."""
    return date_text(ts // DAY_US)[:8] + "01"


def _window(touch: Touch) -> int:
    """Microseconds that a touch counts for; the definitions' bounds are the widest."""
    if touch.is_click:
        return int(min(touch.terms["click_window_days"], WIDEST_CLICK_DAYS)) * DAY_US
    return int(min(touch.terms["view_window_hours"], WIDEST_VIEW_HOURS)) * HOUR_US


def _counts(terms: Row, kind: str) -> bool:
    """Whether a line item counts a type of conversion."""
    types = terms["conversion_types"]
    return types is None or kind in types.split("|")


def credits_of(path: Path, model: str) -> list[int]:
    """Millionths of every touch of a path by a model of `RULES`."""
    return largest_remainders(MILLION, RULES[model](path))


def values_of(path: Path, millionths: Sequence[int]) -> list[int]:
    """Micro-units of every touch of a path, by its credits; zeros without a value."""
    shares = [Fraction(credit, MILLION) for credit in millionths]
    return largest_remainders(path.micros or 0, shares)


# ---------------------------------------------------------------- answers

CREDIT_GRAINS: tuple[tuple[str, ...], ...] = (
    (),
    ("event_date",),
    ("advertiser_id",),
    ("campaign_id",),
    ("line_item_id",),
    ("channel",),
    ("touch_type",),
    ("conversion_type",),
    ("line_item_id", "touch_type"),
)
VALUE_GRAINS: tuple[tuple[str, ...], ...] = (
    (),
    ("event_date",),
    ("advertiser_id",),
    ("campaign_id",),
    ("line_item_id",),
    ("channel",),
    ("touch_type",),
)
PATH_GRAINS: tuple[tuple[str, ...], ...] = (
    (),
    ("event_date",),
    ("advertiser_id",),
    ("conversion_type",),
)

Sums = dict[tuple[tuple[str, str], ...], int]


def _add(sums: Sums, texts: dict[str, str], grains: tuple[tuple[str, ...], ...], n: int) -> None:
    for grain in grains:
        group = tuple((name, texts[name]) for name in grain)
        sums[group] = sums.get(group, 0) + n


def attribution_answers(attribution: Attribution, delivery: Delivery) -> Iterator[Answer | None]:
    """Credits and values by every model, what CPA counts, organic conversions, and rates."""
    market = attribution.market
    organic: Sums = {}
    organic_value: Sums = {}
    touched: Sums = {}
    cpa: Sums = {}
    credited: dict[str, Sums] = {model: {} for model in MODELS}
    valued: dict[str, Sums] = {model: {} for model in MODELS}
    with_model = tuple(("attribution_model", *grain) for grain in CREDIT_GRAINS)
    value_grains = tuple(("attribution_model", *grain, "currency") for grain in VALUE_GRAINS)
    for path in attribution.paths:
        of_path = {
            "event_date": date_text(path.ts // DAY_US),
            "advertiser_id": market.advertiser_ids[path.advertiser],
            "conversion_type": path.kind,
            "currency": market.advertiser_currency[path.advertiser],
        }
        if not path.touches:
            _add(organic, of_path, PATH_GRAINS, 1)
            _add(organic_value, of_path, (("currency",),), path.micros or 0)
            continue
        texts = [
            {
                **of_path,
                "line_item_id": market.line_items[touch.line_item].line_item_id,
                "campaign_id": market.line_items[touch.line_item].campaign_id,
                "channel": CHANNELS[touch.channel],
                "touch_type": "click" if touch.is_click else "view",
            }
            for touch in path.touches
        ]
        for text in texts:
            _add(touched, text, CREDIT_GRAINS, 1)
        for model in MODELS:
            millionths = attribution.credits_of(path, model)
            for touch, text, credit, value in zip(
                path.touches, texts, millionths, values_of(path, millionths), strict=True
            ):
                named = {**text, "attribution_model": model}
                _add(credited[model], named, with_model, credit)
                _add(valued[model], named, value_grains, value)
                if touch.terms["attribution_model"] == model:
                    _add(cpa, named, CREDIT_GRAINS, credit)
    yield from _answers("organic_conversions", organic)
    yield from _answers("organic_value", organic_value, MILLION)
    yield from _answers("touches", touched)
    yield from _answers("billable_conversions", cpa, MILLION)
    for model in MODELS:
        yield from _answers("attributed_conversions", credited[model], MILLION)
        yield from _answers("attributed_value", valued[model], MILLION)
    yield from _rates(credited, delivery)
    yield from _channels(attribution)
    yield from _paths(attribution)


def _answers(metric: str, sums: Sums, unit: int = 1) -> Iterator[Answer | None]:
    return (answer(metric, dict(group), Fraction(total, unit)) for group, total in sums.items())


def _rates(credited: dict[str, Sums], delivery: Delivery) -> Iterator[Answer | None]:
    """Conversion rate: click-attributed conversions for a net click of the line item."""
    shown, net = delivery.impressions, delivery.classes == ClickClass.NET
    items = shown["line_item"][delivery.parents[net]].astype(np.int64)
    counts = np.bincount(items, minlength=len(delivery.market.line_items)).tolist()
    for model, sums in credited.items():
        for item, count in zip(delivery.market.line_items, counts, strict=True):
            of_clicks = {"line_item_id": item.line_item_id, "touch_type": "click"}
            group = (("attribution_model", model), *of_clicks.items())
            value = rate(sums.get(group, 0), count * MILLION)
            if value is not None:
                dims = {"attribution_model": model, "line_item_id": item.line_item_id}
                yield answer("cvr", dims, value)


def _channels(attribution: Attribution) -> Iterator[Answer | None]:
    """What was fitted, month by month: weights, shares by all paths and by halves."""
    for month, paths in attribution.months.items():
        yield answer("converting_paths", {"month": month}, paths.count(converts=True))
        yield answer("null_paths", {"month": month}, paths.count(converts=False))
        for model in DATA_DRIVEN:
            for suffix, half in (("", None), ("_half_a", 0), ("_half_b", 1)):
                weights = paths.weights(model, half)
                for channel, weight in zip(CHANNELS, weights, strict=True):
                    dims = {"month": month, "attribution_model": model, "channel": channel}
                    if half is None:
                        yield answer("channel_weight", dims, weight)
                    value = rate(weight, sum(weights))
                    if value is not None:
                        yield answer(f"channel_share{suffix}", dims, value)


def _paths(attribution: Attribution) -> Iterator[Answer | None]:
    """Conversions and values by the channels that led to them, repetitions left out."""
    market = attribution.market
    conversions: Sums = {}
    hours: Sums = {}
    value: Sums = {}
    for path in attribution.paths:
        if not path.touches:
            continue
        channels = [CHANNELS[touch.channel] for touch in path.touches]
        texts = {
            "month": month_of(path.ts),
            "path": " > ".join(channel for channel, _ in groupby(channels)),
            "currency": market.advertiser_currency[path.advertiser],
        }
        grains = (("month", "path"), ("month",))
        _add(conversions, texts, grains, 1)
        _add(hours, texts, grains, (path.ts - path.touches[0].ts) // HOUR_US)
        _add(value, texts, (("month", "path", "currency"),), path.micros or 0)
    yield from _answers("path_conversions", conversions)
    yield from _answers("path_hours", hours)
    yield from _answers("path_value", value, MILLION)
