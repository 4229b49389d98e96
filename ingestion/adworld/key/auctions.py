"""The auction funnel, prices, the addressable audience, and what we are billed for.

- A request is its exchange and id, an offered slot is a request and the slot's id, a bid, a win
  and a notice are their bid id. Of each the first that loaded counts.
- Everything has its own date. A bid has its own exchange, line item and creative, and the format,
  country and device of the slot and request that it names; while that request has not come it has
  none of these. A win, and a notice, takes all of them from its bid, once that has come.
- Bid rate = bids / slots offered; win rate = wins / bids; fill = impressions with a bid / slots
  offered; render rate = impressions with a bid / wins. An impression has its own date and exchange.
- Prices are CPMs: a bid or a win of m micro-units is m billionths of a unit for its impression.
  The ratio is over the wins whose bid is known, in one currency.
- Addressable audience: the different user ids in bid requests.
- A win is billed when a notice has come. Unrendered: no impression has that bid.
"""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from ingestion.adworld.exchange.auctions import bid_of_impression
from ingestion.adworld.frames import NONE, Flags, Ints
from ingestion.adworld.ids import auction_of, exchange_of, slot_of
from ingestion.adworld.key.delivery import Delivery
from ingestion.adworld.key.events import first_loaded, positions
from ingestion.adworld.key.exact import Answer, answer, rate
from ingestion.adworld.key.groups import Dimension, Dimensions, Group, by_date, by_list, sums
from ingestion.adworld.ledger import Ledger, Rows
from ingestion.adworld.market import AGE_BANDS, COUNTRIES, DEVICES, FORMATS, GENDERS
from ingestion.adworld.traffic import CLEARING, EXCHANGES
from ingestion.adworld.wire import REGIONS

BILLIONTHS = 1_000_000_000
REQUEST_GRAINS = ((), ("event_date",), ("exchange",), ("country",), ("device_type",))
FUNNEL_GRAINS = (*REQUEST_GRAINS, ("ad_format",))
OWNER_GRAINS = (("line_item_id",), ("campaign_id",), ("advertiser_id",), ("creative_id",))
OWN_GRAINS = ((), ("event_date",), ("exchange",))
PRICE_GRAINS = (("currency",), ("line_item_id", "currency"), ("exchange", "currency"))
AUDIENCE_GRAINS = (
    (),
    ("event_date",),
    ("country",),
    ("country", "region"),
    ("age_band",),
    ("gender",),
    ("device_type",),
)


class Auctioned:
    """The distinct requests, bids, wins and notices of a ledger, each ordered by number.

    Attributes:
        requests, bids, wins, notices: One row each.
        impression_bids: The bid of every impression of the delivery; NONE for direct ones.
    """

    def __init__(self, ledger: Ledger, delivery: Delivery) -> None:
        self.market = delivery.market
        self.requests: Rows = first_loaded(ledger.file_rows("Requests"))
        self.bids: Rows = first_loaded(ledger.file_rows("Bids"))
        self.wins: Rows = first_loaded(ledger.file_rows("Wins"))
        self.notices: Rows = first_loaded(ledger.file_rows("Notices"))
        shown = delivery.impressions
        self.impression_bids = bid_of_impression(shown["number"], shown["exchange"])

    def of_requests(self) -> dict[str, Dimension]:
        """Dimensions of the requests."""
        rows = self.requests
        return {
            "event_date": by_date(rows["ts"]),
            "exchange": by_list(exchange_of(rows["number"]), EXCHANGES),
            "country": by_list(rows["country"], COUNTRIES),
            "device_type": by_list(rows["device"], DEVICES),
        }

    def of_slots(self) -> dict[str, Dimension]:
        """Dimensions of the offered slots: their request's, and their own format."""
        imps = self.requests["imps"].astype(np.int64)
        of = np.repeat(np.arange(len(imps)), imps)
        slot = np.arange(len(of)) - np.repeat(np.cumsum(imps) - imps, imps)
        taken = {name: dimension.take(of) for name, dimension in self.of_requests().items()}
        formats = self.requests["formats"][of].astype(np.int64) >> slot & 1
        return {**taken, "ad_format": by_list(formats, FORMATS)}

    def of_bids(self, ts: Ints, places: Ints, known: Flags) -> dict[str, Dimension]:
        """Dimensions of events that have a bid.

        Args:
            ts: Their own moments.
            places: Positions of their bids.
            known: Whether the bid has come.
        """

        def told(codes: Ints, is_told: Flags) -> Ints:
            return np.where(is_told, codes, NONE).astype(np.int64)

        bids, market = self.bids, self.market
        if not len(bids["number"]):
            places, bids = np.zeros(0, np.int64), {name: bids[name][:0] for name in bids}
        number = bids["number"][places]
        request, has_request = positions(auction_of(number), self.requests["number"])
        has_request &= known
        of_request = {name: self.requests[name][request] for name in ("country", "device", "imps")}
        formats = self.requests["formats"][request].astype(np.int64) >> slot_of(number) & 1
        item = bids["line_item"][places].astype(np.int64)
        campaign = np.array(market.line_item_campaign, np.int64)[item]
        advertiser = np.array(market.campaign_advertiser, np.int64)[campaign]
        return {
            "event_date": by_date(ts),
            "exchange": by_list(told(exchange_of(number), known), EXCHANGES),
            "ad_format": by_list(told(formats, has_request), FORMATS),
            "country": by_list(told(of_request["country"], has_request), COUNTRIES),
            "device_type": by_list(told(of_request["device"], has_request), DEVICES),
            "line_item_id": by_list(
                told(item, known), [one.line_item_id for one in market.line_items]
            ),
            "campaign_id": by_list(told(campaign, known), market.campaign_ids),
            "advertiser_id": by_list(told(advertiser, known), market.advertiser_ids),
            "creative_id": by_list(told(bids["creative"][places], known), market.creative_ids),
        }

    def of_events(self, rows: Rows) -> dict[str, Dimension]:
        """Dimensions of bids themselves, wins or notices."""
        return self.of_bids(rows["ts"], *positions(rows["number"], self.bids["number"]))

    def unrendered(self) -> Ints:
        """Positions of the notices whose bid no impression has."""
        return np.flatnonzero(~np.isin(self.notices["number"], self.impression_bids))


def auction_answers(auctioned: Auctioned, delivery: Delivery) -> Iterator[Answer | None]:
    """Everything that is known of auctions but what they cost."""
    yield from _funnel(auctioned, delivery)
    yield from _prices(auctioned)
    yield from _audience(auctioned)
    yield from _unrendered(auctioned)


def _counts(
    dimensions: Dimensions, grains: tuple[tuple[str, ...], ...]
) -> dict[tuple[str, ...], dict[Group, int]]:
    return {grain: dict(sums(dimensions, grain)) for grain in grains}


Counts = dict[tuple[str, ...], dict[Group, int]]


def _funnel(auctioned: Auctioned, delivery: Delivery) -> Iterator[Answer | None]:
    requests = _counts(auctioned.of_requests(), REQUEST_GRAINS)
    slots = _counts(auctioned.of_slots(), FUNNEL_GRAINS)
    of_both = (*FUNNEL_GRAINS, *OWNER_GRAINS)
    bids = _counts(auctioned.of_events(auctioned.bids), of_both)
    wins = _counts(auctioned.of_events(auctioned.wins), of_both)
    billed = _counts(auctioned.of_events(auctioned.notices), (*OWN_GRAINS, *OWNER_GRAINS))

    bought = np.flatnonzero(auctioned.impression_bids != NONE)
    of_bought = {name: dim.take(bought) for name, dim in delivery.dimensions().items()}
    exchange = exchange_of(auctioned.impression_bids[bought])
    of_bought["exchange"] = by_list(exchange, EXCHANGES)
    rendered = _counts(of_bought, (*OWN_GRAINS, *OWNER_GRAINS))

    for metric, counts in (
        ("bid_requests", requests),
        ("imps_offered", slots),
        ("bids", bids),
        ("wins", wins),
        ("billed_bids", billed),
    ):
        for groups in counts.values():
            for group, count in groups.items():
                yield answer(metric, dict(group), count)
    for metric, above, below in (
        ("bid_rate", bids, slots),
        ("win_rate", wins, bids),
        ("fill_rate", rendered, slots),
        ("render_rate", rendered, wins),
    ):
        yield from _rates(metric, above, below)


def _rates(metric: str, above: Counts, below: Counts) -> Iterator[Answer | None]:
    """The rate at every grain that both sides have."""
    for grain in above.keys() & below.keys():
        for group, denominator in below[grain].items():
            value = rate(above[grain].get(group, 0), denominator)
            if value is not None:
                yield answer(metric, dict(group), value)


def _prices(auctioned: Auctioned) -> Iterator[Answer | None]:
    for metric, rows in (
        ("bid_price_sum", auctioned.bids),
        ("clearing_price_sum", auctioned.wins),
    ):
        dimensions = auctioned.of_events(rows)
        dimensions["currency"] = by_list(rows["currency"], CLEARING)
        for grain in PRICE_GRAINS:
            for group, micros in sums(dimensions, grain, rows["price"]):
                yield answer(metric, dict(group), Fraction(micros, BILLIONTHS))

    place, known = positions(auctioned.wins["number"], auctioned.bids["number"])
    won = np.flatnonzero(known)
    won = won[auctioned.bids["currency"][place[won]] == auctioned.wins["currency"][won]]
    some = {name: values[won] for name, values in auctioned.wins.items()}
    dimensions = auctioned.of_events(some)
    dimensions["currency"] = by_list(some["currency"], CLEARING)
    for grain in PRICE_GRAINS[1:]:
        offered = dict(sums(dimensions, grain, auctioned.bids["price"][place[won]]))
        for group, paid in sums(dimensions, grain, some["price"]):
            value = rate(paid, offered[group])
            if value is not None:
                yield answer("price_ratio", dict(group), value)


def asked_for(auctioned: Auctioned) -> tuple[Ints, Dimensions]:
    """The requests that name an id: their positions, and what they say of it, `user` included.

    The ids are numbered as `reach.ids_of` numbers them.
    """
    named = np.flatnonzero(auctioned.requests["known"])
    rows = {name: values[named] for name, values in auctioned.requests.items()}
    country, person = rows["country"].astype(np.int64), rows["person"].astype(np.int64)
    # A person lives in one of the two regions of the country that the request names.
    region = np.where(country >= 0, country * 2 + person % 2, NONE)
    return named, {
        **{name: dim.take(named) for name, dim in auctioned.of_requests().items()},
        "region": Dimension(region, lambda code: REGIONS[code // 2][code % 2]),
        "age_band": by_list(rows["age_band"], AGE_BANDS),
        "gender": by_list(rows["gender"], GENDERS),
        "user": Dimension(person * 2 + rows["phone"], str),
    }


def _audience(auctioned: Auctioned) -> Iterator[Answer | None]:
    """Different ids at every grain; they do not add up."""
    _, dimensions = asked_for(auctioned)
    for grain in AUDIENCE_GRAINS:
        pairs = dimensions["user"].codes
        for name in grain:
            codes, place = np.unique(dimensions[name].codes, return_inverse=True)
            pairs = pairs * max(1, len(codes)) + place
        _, one_each = np.unique(pairs, return_index=True)
        some = {name: dim.take(one_each) for name, dim in dimensions.items()}
        for group, count in sums(some, grain):
            yield answer("addressable_audience", dict(group), count)


def _unrendered(auctioned: Auctioned) -> Iterator[Answer | None]:
    rows = auctioned.unrendered()
    notices = {name: values[rows] for name, values in auctioned.notices.items()}
    of_notices = auctioned.of_events(notices)
    for grain in ((), ("exchange",)):
        for group, count in sums(of_notices, grain):
            yield answer("unrendered_billed_bids", dict(group), count)
    place, known = positions(notices["number"], auctioned.wins["number"])
    price, currency = auctioned.wins["price"][place[known]], auctioned.wins["currency"]
    paid_in = {"currency": by_list(currency[place[known]], CLEARING)}
    for group, micros in sums(paid_in, ("currency",), price):
        yield answer("unrendered_cost", dict(group), Fraction(micros, BILLIONTHS))
