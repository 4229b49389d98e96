"""Invalid impressions and clicks by reason and by where they came from.

Under its primary reason an event counts once; under any reason, once for each that holds. A click
on an invalid impression has that as a reason too, which is primary where it has none of its own.
Only clicks of the class invalid count: an orphan has no impression, whatever its client is.
"""

from collections.abc import Iterator

import numpy as np

from ingestion.adworld.frames import Flags, Ints
from ingestion.adworld.key.delivery import Delivery
from ingestion.adworld.key.events import ClickClass
from ingestion.adworld.key.exact import Answer, answer
from ingestion.adworld.key.groups import Dimension, Dimensions, by_list, sums
from ingestion.adworld.key.invalid import INVALID_IMPRESSION, REASONS
from ingestion.adworld.traffic import EXCHANGES

_ALL = (*REASONS, INVALID_IMPRESSION)
_TYPES = ("GIVT", "SIVT", "inherited")
_GRAINS = (
    ("reason",),
    ("reason", "event_date"),
    ("reason", "exchange"),
    ("reason", "site_id"),
    ("reason", "campaign_id"),
)


def reason_answers(delivery: Delivery) -> Iterator[Answer | None]:
    """Invalid impressions and clicks by their primary reason, and by any."""
    shown = {**delivery.dimensions(), "exchange": _exchanges(delivery)}
    shown_for = delivery.impression_verdicts.held
    nothing = np.zeros((1, shown_for.shape[1]), np.bool_)
    yield from _answers("impressions", shown, np.concatenate([shown_for, nothing]))

    invalid = np.flatnonzero(delivery.classes == ClickClass.INVALID)
    parents = delivery.parents[invalid]
    clicked = {
        **delivery.click_dimensions(invalid),
        "exchange": _exchanges(delivery).take(parents),
    }
    own = delivery.click_verdicts.held[:, invalid]
    inherited = delivery.clicks_of_invalid[invalid]
    yield from _answers("clicks", clicked, np.concatenate([own, inherited[None, :]]))


def _exchanges(delivery: Delivery) -> Dimension:
    return by_list(delivery.impressions["exchange"], EXCHANGES)


def _answers(events: str, dimensions: Dimensions, held: Flags) -> Iterator[Answer | None]:
    """Figures of events, given which reasons (rows) hold for which of them (columns)."""
    reason, event = np.nonzero(held)
    for group, count in _counted(dimensions, reason, event, _GRAINS):
        yield answer(f"any_reason_{events}", dict(group), count)
    invalid = np.flatnonzero(held.any(axis=0))
    primary = held.argmax(axis=0)[invalid]
    grains = (*_GRAINS, ("invalid_traffic_type",))
    for group, count in _counted(dimensions, primary, invalid, grains):
        yield answer(f"invalid_{events}", dict(group), count)


def _counted(
    dimensions: Dimensions, reason: Ints, event: Ints, grains: tuple[tuple[str, ...], ...]
) -> Iterator[tuple[tuple[tuple[str, str], ...], int]]:
    kinds = np.array([_kind(name) for name in _ALL], np.int64)
    of_events = {
        **{name: dimension.take(event) for name, dimension in dimensions.items()},
        "reason": by_list(reason, _ALL),
        "invalid_traffic_type": by_list(kinds[reason], _TYPES),
    }
    for grain in grains:
        yield from sums(of_events, grain)


def _kind(reason: str) -> int:
    return 2 if reason == INVALID_IMPRESSION else int(reason.startswith("sivt_"))
