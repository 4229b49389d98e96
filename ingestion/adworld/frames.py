"""Events as structs of arrays: what happened, before it is written as bytes.

Every frame has one row an event and knows nothing of sources. All moments are epoch microseconds,
all enumerations and references are positions in the lists of the market and of the people.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Small = NDArray[np.int32]
Flags = NDArray[np.bool_]

NONE = -1
"""A reference that is not there."""


@dataclass(frozen=True)
class Frame:
    """Rows that are selected, repeated and joined together.

    Attributes:
        number: What the event is about, see `ids`.
        ts: When it happened.
        written: How its timestamp is written: 0 with Z, 1 to 4 with an offset.
        drift: Which unknown field it carries; 0 for none.
    """

    number: Ints
    ts: Ints
    written: Small
    drift: Small

    def __len__(self) -> int:
        return len(self.number)

    def take(self, rows: NDArray[Any]) -> Self:
        """The given rows (positions or a mask), in their order."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def but(self, **columns: NDArray[Any]) -> Self:
        """The same rows with other values in some columns."""
        return replace(self, **columns)

    @classmethod
    def join(cls, frames: list[Self]) -> Self:
        """The rows of several frames, one after the other."""
        return cls(
            **{f.name: np.concatenate([getattr(x, f.name) for x in frames]) for f in fields(cls)}
        )


@dataclass(frozen=True)
class Impressions(Frame):
    """Creatives that began to render.

    Attributes:
        person: Who saw it; NONE for nobody that can be told.
        device: Position in `DEVICES`.
        phone: Whether the person's second id (the phone's) saw it.
        line_item, creative, placement: Positions in the market.
        exchange: Position in `EXCHANGES`; NONE for a direct buy.
        price: Clearing price, CPM in micro-units; NONE where there is none.
        currency: Position in `CLEARING`; NONE where there is no price.
        country: Position in `COUNTRIES`; NONE where it is not known.
        personal: Whether personal data may be processed.
        agent: 0 for the person's own user agent, above for bots; see `BOTS` of `wire`.
        hop: Number of the place, for people who are at two places at once.
        arm: Position in the creatives of the line item.
        prefetch: Whether the page was fetched before anybody asked for it.
    """

    person: Small
    device: Small
    phone: Flags
    line_item: Small
    creative: Small
    placement: Small
    exchange: Small
    price: Ints
    currency: Small
    country: Small
    personal: Flags
    agent: Small
    hop: Small
    arm: Small
    prefetch: Flags


@dataclass(frozen=True)
class Views(Frame):
    """Intervals of viewability; `number` is the impression's.

    Attributes:
        person: Who saw the impression.
        sequence: Number of the interval within its impression.
        start_ms, end_ms: Since the impression.
        percent: Least share of the pixels in view.
        measurable: Whether the client could measure.
        is_video: Whether the impression is a video's.
        playing: 1 while the video plays, 0 while it does not; NONE where that is not said.
        position_ms: Where in the video the interval begins; NONE where that is not said.
    """

    person: Small
    sequence: Small
    start_ms: Small
    end_ms: Small
    percent: Small
    measurable: Flags
    is_video: Flags
    playing: Small
    position_ms: Small


@dataclass(frozen=True)
class Videos(Frame):
    """Video events; `number` is the impression's."""

    person: Small
    event: Small
    position_ms: Small


@dataclass(frozen=True)
class Clicks(Frame):
    """Clicks; `number` is the click's own.

    Attributes:
        impression: Number of the impression that was clicked, which need not exist.
        person: Who clicked; NONE if unknown.
        phone: Whether with the second id.
        personal: Whether the user id may be sent.
        agent: As for impressions.
        advertiser: Position of the advertiser whose page opens; NONE if unknown.
    """

    impression: Ints
    person: Small
    phone: Flags
    personal: Flags
    agent: Small
    advertiser: Small


@dataclass(frozen=True)
class Actions(Frame):
    """Product events of users.

    Attributes:
        person: Who acted; NONE if the event has no user id.
        phone: Whether with the second id.
        platform: Position in `PLATFORMS`; NONE if missing.
        name: Position in `ACTION_NAMES`; NONE if missing.
        product: Position in the products; NONE if missing.
        identified: Where its event id is: 0 nowhere, 1 value, 2 header, 3 both (the value counts).
        shape: 0 as written in the dictionary; above, objects that are missing, null or empty.
    """

    person: Small
    phone: Flags
    platform: Small
    name: Small
    product: Small
    identified: Small
    shape: Small


@dataclass(frozen=True)
class Conversions(Frame):
    """Conversions.

    Attributes:
        person: Who converted; NONE if unknown.
        phone: Whether with the second id.
        advertiser: Position of the advertiser that owns the pixel.
        kind: Position in `CONVERSION_TYPES`.
        cents: Value in hundredths; NONE if it has none.
    """

    person: Small
    phone: Flags
    advertiser: Small
    kind: Small
    cents: Ints


@dataclass(frozen=True)
class Requests(Frame):
    """Bid requests; `number` is the auction's, the same id on another exchange is another one.

    Attributes:
        exchange: Position in `EXCHANGES`.
        person: Of the audience, which is larger than the population.
        phone: Whether the person's second id.
        known: Whether the exchange passes an id on.
        device, country: As for impressions.
        age_band, gender: Positions in `AGE_BANDS` and `GENDERS`; NONE where not said.
        imps: How many slots are auctioned.
        formats: Bit n is the position in `FORMATS` of slot n.
        placement: Position of the placement of slot `main`.
        main: The slot whose placement is ours.
        agent: As for impressions.
    """

    exchange: Small
    person: Small
    phone: Flags
    known: Flags
    device: Small
    country: Small
    age_band: Small
    gender: Small
    imps: Small
    formats: Small
    placement: Small
    main: Small
    agent: Small


@dataclass(frozen=True)
class Bids(Frame):
    """Our bids; `number` says auction and slot, `price` is a CPM in micro-units."""

    line_item: Small
    creative: Small
    price: Ints
    currency: Small


@dataclass(frozen=True)
class Wins(Frame):
    """Bids that won; `number` is the bid's, `price` what clears it."""

    price: Ints
    currency: Small


@dataclass(frozen=True)
class Notices(Frame):
    """Billing notices; `number` is the bid's."""
