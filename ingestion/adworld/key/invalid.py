"""Invalid traffic: which impressions and clicks people cannot have made, and why.

Lists (GIVT), of the event's own client:

- prefetch: the page was fetched before anybody asked for it.
- bot user agent, missing user agent, impossible user agent: what the client says of itself.
- data centre: the address is in one.

Behaviour (SIVT), of a user id (where one may be kept) or of an address; a bound itself is valid:

- id reuse: one source tells an impression once more, at the same time, with other content.
- impossible travel: two successive impressions of a user id, both at a known place, at least 100 km
  apart and further than 1,000 km an hour allow, on one date or two in a row: both impressions.
- impression volume, click volume: more than 40 impressions, or 20 clicks, in a clock hour (UTC);
  click rate: at least 5 impressions and more than 50 clicks to 100 of them: all of the hour.
- fast click: less than 200 ms after its impression.
- click flood: 5 clicks or more of a user id in the 60 seconds before a conversion of that id, the
  moment of the conversion left out: those clicks, whosever they are.

An impression is invalid if it has any reason; a click if it has any, or if its impression is
invalid. All reasons are kept; the first of `REASONS` is the primary one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

import numpy as np

from ingestion.adworld.config import DAY_US, HOUR_US, SECOND_US, WorldConfig
from ingestion.adworld.frames import NONE, Flags, Ints
from ingestion.adworld.ids import mix
from ingestion.adworld.key.events import first_loaded
from ingestion.adworld.ledger import Ledger, Rows
from ingestion.adworld.wire import PLACES, texts_of

DECLARED_BOTS, HIDDEN_BOTS, TOOLS, SILENT, IMPOSSIBLE = 1, 2, 3, 4, 5
"""Kinds of agents: one says it is a bot, one hides in a data centre, one is a tool there, one says
nothing, and one names a system that does not exist."""

MOST_IMPRESSIONS = 40
MOST_CLICKS = 20
LEAST_IMPRESSIONS_FOR_RATE = 5
MOST_CLICKS_IN_100 = 50
LEAST_CLICK_DELAY_US = 200_000
LEAST_TRAVEL_METRES = 100_000
MOST_KMH = 1_000
FLOOD_CLICKS = 5
FLOOD_US = 60 * SECOND_US
EARTH_METRES = 6_371_008.8

REASONS = (
    "givt_prefetch",
    "givt_bot_user_agent",
    "givt_data_centre",
    "givt_missing_user_agent",
    "givt_impossible_user_agent",
    "sivt_id_reuse",
    "sivt_impossible_travel",
    "sivt_impression_volume",
    "sivt_click_volume",
    "sivt_click_rate",
    "sivt_fast_click",
    "sivt_click_flood",
)
"""Why an event is invalid, in the order of precedence."""

INVALID_IMPRESSION = "invalid_impression"
"""Why a click without a reason of its own is invalid: its impression is."""

_CONTENT = (
    *("line_item", "creative", "placement", "exchange", "price"),
    *("person", "phone", "personal", "agent", "country", "device"),
)


@dataclass(frozen=True)
class Verdicts:
    """The reasons of some events.

    Attributes:
        held: Which reasons hold, by position in `REASONS` and event.
    """

    held: Flags

    @property
    def invalid(self) -> Flags:
        """Events with any reason."""
        return np.logical_or.reduce(self.held, axis=0)

    @property
    def primary(self) -> Ints:
        """Position of the first reason of each event; -1 for valid ones."""
        return np.where(self.invalid, self.held.argmax(axis=0), NONE)


@dataclass(frozen=True)
class Traffic:
    """What is judged.

    Attributes:
        impressions: Distinct impressions.
        clicks: Distinct clicks.
        parents: Positions of their impressions; -1 for orphans.
        conversions: Distinct conversions.
        reused: Numbers of impressions whose id was used again.
    """

    impressions: Rows
    clicks: Rows
    parents: Ints
    conversions: Rows
    reused: Ints


def traffic_of(ledger: Ledger, impressions: Rows, clicks: Rows, parents: Ints) -> Traffic:
    """What there is to judge in a ledger."""
    sources = (ledger.stream_rows("Impressions"), ledger.file_rows("Impressions"))
    return Traffic(
        impressions,
        clicks,
        parents,
        first_loaded(ledger.file_rows("Conversions")),
        np.unique(np.concatenate([reused_ids(rows) for rows in sources])),
    )


def verdicts_of(traffic: Traffic, config: WorldConfig) -> tuple[Verdicts, Verdicts]:
    """The reasons of impressions, and of clicks (those of their impressions left out)."""
    impressions, clicks = traffic.impressions, traffic.clicks
    shown, clicked = _of_client(impressions), _of_client(clicks)
    shown["givt_prefetch"] = impressions["prefetch"] > 0
    shown["sivt_id_reuse"] = np.isin(impressions["number"], traffic.reused)
    shown["sivt_impossible_travel"] = _travels(impressions, config.seed)
    for reason, of_impressions, of_clicks in _of_hours(impressions, clicks, config):
        shown[reason] = shown.get(reason, False) | of_impressions
        clicked[reason] = clicked.get(reason, False) | of_clicks
    explained = np.flatnonzero(traffic.parents >= 0)
    delay = clicks["ts"][explained] - impressions["ts"][traffic.parents[explained]]
    fast = np.zeros(len(clicks["ts"]), np.bool_)
    fast[explained] = delay < LEAST_CLICK_DELAY_US
    clicked["sivt_fast_click"] = fast
    clicked["sivt_click_flood"] = _floods(clicks, traffic.conversions)
    return _verdicts(shown, len(impressions["ts"])), _verdicts(clicked, len(clicks["ts"]))


def _verdicts(reasons: dict[str, Flags], count: int) -> Verdicts:
    held = np.zeros((len(REASONS), count), np.bool_)
    for reason, flags in reasons.items():
        held[REASONS.index(reason)] = flags
    return Verdicts(held)


def _of_client(rows: Rows) -> dict[str, Flags]:
    agent = rows["agent"]
    return {
        "givt_bot_user_agent": np.isin(agent, (DECLARED_BOTS, TOOLS)),
        "givt_data_centre": np.isin(agent, (HIDDEN_BOTS, TOOLS)),
        "givt_missing_user_agent": agent == SILENT,
        "givt_impossible_user_agent": agent == IMPOSSIBLE,
    }


def reused_ids(rows: Rows) -> Ints:
    """Numbers that one source told again at the same time with other content."""
    _, first, of_row = np.unique(rows["number"], return_index=True, return_inverse=True)
    differs = np.zeros(len(rows["number"]), np.bool_)
    for column in _CONTENT:
        differs |= rows[column] != rows[column][first][of_row]
    same_time = rows["ts"] == rows["ts"][first][of_row]
    return np.unique(rows["number"][differs & same_time])


def _users(rows: Rows) -> Ints:
    """A code for the user id of each event; NONE where none may be kept."""
    known = rows["personal"] > 0
    return np.where(known, rows["person"].astype(np.int64) * 2 + rows["phone"], NONE)


def _addresses(rows: Rows, config: WorldConfig) -> Ints:
    """A code for the address of each event."""
    _, code = np.unique(np.array(texts_of(config).addresses), return_inverse=True)
    person = rows["person"].astype(np.int64)
    in_data_centre = np.isin(rows["agent"], (HIDDEN_BOTS, TOOLS))
    return np.where(in_data_centre, len(code) + person % 250, code[person])


def _of_hours(
    impressions: Rows, clicks: Rows, config: WorldConfig
) -> Iterator[tuple[str, Flags, Flags]]:
    """What whole hours of a user id or an address show: reason, impressions, clicks."""
    count = len(impressions["ts"])
    for actors in (
        np.concatenate([_users(impressions), _users(clicks)]),
        np.concatenate([_addresses(impressions, config), _addresses(clicks, config)]),
    ):
        hours = np.concatenate([impressions["ts"], clicks["ts"]]) // HOUR_US
        _, group = np.unique(np.stack([actors, hours]), axis=1, return_inverse=True)
        group = group.reshape(-1)
        groups = int(group.max()) + 1 if len(group) else 0
        shown = np.bincount(group[:count], minlength=groups)[group]
        clicked = np.bincount(group[count:], minlength=groups)[group]
        for reason, suspect in (
            ("sivt_impression_volume", shown > MOST_IMPRESSIONS),
            ("sivt_click_volume", clicked > MOST_CLICKS),
            (
                "sivt_click_rate",
                (shown >= LEAST_IMPRESSIONS_FOR_RATE)
                & (clicked * 100 > shown * MOST_CLICKS_IN_100),
            ),
        ):
            flags = suspect & (actors != NONE)
            yield reason, flags[:count], flags[count:]


def distance_metres(place: tuple[str, str], other: tuple[str, str]) -> int:
    """Great-circle distance by the haversine formula, in whole metres."""
    latitude, longitude = (radians(float(part)) for part in place)
    other_latitude, other_longitude = (radians(float(part)) for part in other)
    chord = (
        sin((other_latitude - latitude) / 2) ** 2
        + cos(latitude) * cos(other_latitude) * sin((other_longitude - longitude) / 2) ** 2
    )
    return round(2 * EARTH_METRES * asin(sqrt(chord)))


def _travels(impressions: Rows, seed: int) -> Flags:
    """Impressions at either end of a way that nobody can have gone."""
    users = _users(impressions)
    distances = np.array([[distance_metres(a, b) for b in PLACES] for a in PLACES], np.int64)
    located = np.flatnonzero((users != NONE) & (impressions["country"] != NONE))
    ids = mix(impressions["number"][located], seed)
    order = located[np.lexsort((ids, impressions["ts"][located], users[located]))]
    before, after = order[:-1], order[1:]
    ts, country = impressions["ts"], impressions["country"]
    elapsed = ts[after] - ts[before]
    distance = distances[country[before], country[after]]
    impossible = (
        (users[before] == users[after])
        & (ts[after] // DAY_US - ts[before] // DAY_US <= 1)
        & (distance >= LEAST_TRAVEL_METRES)
        & (distance * 3_600_000 > MOST_KMH * elapsed)
    )
    found = np.zeros(len(ts), np.bool_)
    found[before[impossible]] = True
    found[after[impossible]] = True
    return found


def _floods(clicks: Rows, conversions: Rows) -> Flags:
    """Clicks of floods that end in a conversion."""
    users = _users(clicks)
    order = np.lexsort((clicks["ts"], users))
    sorted_users = users[order]
    found = np.zeros(len(users), np.bool_)
    person = conversions["person"].astype(np.int64)
    buyers = np.where(person != NONE, person * 2 + conversions["phone"], NONE)
    for buyer, ts in zip(buyers.tolist(), conversions["ts"].tolist(), strict=True):
        if buyer == NONE:
            continue
        first, last = np.searchsorted(sorted_users, (buyer, buyer + 1))
        own = order[first:last]
        shortly = own[(clicks["ts"][own] < ts) & (clicks["ts"][own] >= ts - FLOOD_US)]
        if len(shortly) >= FLOOD_CLICKS:
            found[shortly] = True
    return found
