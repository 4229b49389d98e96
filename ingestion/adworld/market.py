"""Advertisers, campaigns, line items, creatives, publishers: what is sold, to whom, at what rate.

The market is the content of the campaigns database over time. It is a list of changes: on a day,
a row of a table takes new values or goes away. `polls` says which of them a poll at the end of
each day can see: of several changes of one row in one day only the last, since the database holds
one version of a row.

Rules that keep the numbers unambiguous:

- within a table, whatever is changed on a later day has a later `updated_at`, so that no cursor
  can miss it; the change that is entered late (it takes effect the evening before) is still later
  than everything that was entered that day;
- a deleted row never comes back, and is not changed any more;
- a line item keeps its campaign and currency, a campaign its advertiser, a placement its site, a
  site its publisher;
- a line item that changes its pricing model does so at midnight of its advertiser's time zone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np

from ingestion.adworld.config import WorldConfig, rng
from ingestion.contracts import load_contract

Row = dict[str, Any]
Key = tuple[str, ...]

TABLES = (
    "advertisers",
    "campaigns",
    "line_items",
    "creatives",
    "line_item_creatives",
    "publishers",
    "sites",
    "placements",
    "user_profiles",
    "user_identities",
    "third_party_reports",
    "credit_notes",
)

CHANNELS = ("display", "video", "social", "native", "search", "ctv")
FORMATS = ("display", "video")
DEVICES = ("desktop", "mobile", "tablet", "ctv")
COUNTRIES = ("DE", "US", "IN", "GB", "JP", "FR", "BR", "NL")
AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55+")
GENDERS = ("f", "m", "x")
SIZES = ((300, 250), (970, 250), (728, 90), (320, 50))

ATTRIBUTION_MODELS = (
    "first",
    "last",
    "linear",
    "position",
    "time_decay",
    "markov",
    "shapley",
)
VIEW_WINDOW_HOURS = (24, 12, 48)
CLICK_WINDOW_DAYS = (30, 7)
"""Windows of line items, in turn; the widest are the widest that the platform reads."""

IMPRESSION_SHARE = 0.12
"""About how many of the world's events are impressions that are billed."""
BILLED_SHARE = {"CPM": 0.001, "CPC": 0.045, "CPA": 0.03}
"""About what part of the rate one of them brings."""
TOTAL_WEIGHT = 60.0
"""About what the weights of all line items come to."""

HOUSES: tuple[tuple[str, str, int], ...] = (
    ("EUR", "Europe/Berlin", 1),
    ("USD", "America/New_York", 1),
    ("INR", "Asia/Kolkata", 90),
    ("GBP", "UTC", 1),
    ("JPY", "Asia/Tokyo", 160),
    ("EUR", "America/Los_Angeles", 1),
)
"""Currency, time zone and price level of advertisers; larger worlds repeat the list."""

MOVING_ADVERTISER = 5
"""Position of the advertiser that moves to Berlin on day 2."""

GONE_CAMPAIGN = 3
"""Position of the campaign that delivers on days 1 and 2 and is deleted on day 3."""

GONE_PLACEMENT = 23
"""Position of the placement that delivers on day 1 and is deleted on day 2."""

BAD_ROWS: tuple[tuple[str, str, Row], ...] = (
    ("placements", "contract", {"placement_id": "pl-bad", "ad_format": "banner"}),
    ("sites", "schema", {"site_id": "site-bad", "publisher_id": None}),
    ("line_items", "contract", {"line_item_id": "li-bad", "pricing_model": "CPX"}),
    ("creatives", "contract", {"creative_id": "cr-bad", "width": -300}),
    ("publishers", "schema", {"publisher_id": "pub-bad", "name": None}),
    ("campaigns", "contract", {"campaign_id": "cmp-bad", "currency": "EURO"}),
)
"""Rows that break their contract in one field each: table, class, what differs from a good row."""


@dataclass(frozen=True)
class Change:
    """A row of the campaigns database takes new values, or goes away (row is None)."""

    table: str
    key: Key
    row: Row | None
    bad: str | None = None


@dataclass(frozen=True)
class PolledRow:
    """A row as one poll found it: a new version, a deletion (row is None), or a bad row."""

    day: int
    table: str
    key: Key
    row: Row | None
    bad: str | None


@dataclass(frozen=True)
class LineItem:
    """What the traffic needs to know of a line item."""

    index: int
    line_item_id: str
    campaign_id: str
    advertiser: int
    channel: int
    ad_format: int
    creatives: tuple[int, ...]
    weight: float
    first_hour: int
    last_hour: int
    price_level: int
    view_window_hours: int
    click_window_days: int


@dataclass
class Market:
    """The supply and demand of a world.

    Attributes:
        changes: The changes of each day (from 1), in the order in which they are made.
        line_items: Every line item that ever delivers.
    """

    changes: dict[int, list[Change]] = field(default_factory=dict)
    line_items: list[LineItem] = field(default_factory=list)
    advertiser_ids: list[str] = field(default_factory=list)
    advertiser_currency: list[str] = field(default_factory=list)
    campaign_ids: list[str] = field(default_factory=list)
    campaign_advertiser: list[int] = field(default_factory=list)
    line_item_campaign: list[int] = field(default_factory=list)
    creative_ids: list[str] = field(default_factory=list)
    creative_size: list[tuple[int, int]] = field(default_factory=list)
    publisher_ids: list[str] = field(default_factory=list)
    site_ids: list[str] = field(default_factory=list)
    site_publisher: list[int] = field(default_factory=list)
    placement_ids: list[str] = field(default_factory=list)
    placement_site: list[int] = field(default_factory=list)
    placement_format: list[int] = field(default_factory=list)


def iso(moment: datetime) -> str:
    """RFC 3339 text with microseconds and Z, as the campaigns database keeps moments."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def key_of(table: str, row: Row) -> Key:
    """The primary key of a row."""
    return tuple(row[name] for name in load_contract("campaigns", table).key)


@lru_cache(maxsize=4)
def market_of(config: WorldConfig) -> Market:
    """The market of a world."""
    return _Builder(config).build()


def polls(config: WorldConfig, days: int) -> Iterator[PolledRow]:
    """What polls at the end of each day find, day by day.

    A poll sees a row when it is not as the poll before saw it. A row that came and went between
    two polls was never there. `adx land` at the end of each played day is such a poll.
    """
    seen: dict[tuple[str, Key], Row] = {}
    for day in range(1, days + 1):
        now: dict[tuple[str, Key], Change] = {}
        for change in changes_of(config, day):
            now[change.table, change.key] = change
        for (table, key), change in now.items():
            before = seen.get((table, key))
            if change.row is None:
                if before is not None:
                    del seen[table, key]
                    yield PolledRow(day, table, key, None, None)
            elif before != change.row:
                seen[table, key] = change.row
                yield PolledRow(day, table, key, change.row, change.bad)


def changes_of(config: WorldConfig, day: int) -> list[Change]:
    """The changes of one day, of a generated world or of the worked example."""
    if config.kind == "worked_example":
        # Imported here: the example is made of the shapes of this module.
        from ingestion.adworld.worked_example import changes  # noqa: PLC0415

        return changes() if day == 1 else []
    return market_of(config).changes.get(day, [])


class _Builder:
    """Makes the market of a generated world, table by table."""

    def __init__(self, config: WorldConfig) -> None:
        self.config = config
        self.rng = rng(config, 1)
        self.market = Market(changes={day: [] for day in range(1, config.days + 1)})
        self.rows: dict[tuple[str, Key], Row] = {}
        self.day = 1

    def at(self, day: int, hour: float) -> datetime:
        """A moment of a day of the world."""
        midnight = datetime.combine(self.config.date_of(day), datetime.min.time(), UTC)
        return midnight + timedelta(hours=hour)

    def put(self, table: str, row: Row, updated: datetime, bad: str | None = None) -> None:
        full = {**row, "updated_at": iso(updated)}
        key = key_of(table, full)
        self.rows[table, key] = full
        self.market.changes[self.day].append(Change(table, key, full, bad))

    def change(self, table: str, key: Key, updated: datetime, **values: object) -> None:
        self.put(table, {**self.rows[table, key], **values}, updated)

    def delete(self, table: str, key: Key) -> None:
        del self.rows[table, key]
        self.market.changes[self.day].append(Change(table, key, None))

    def old(self) -> datetime:
        """A moment long before day 1 at which a row may have been made."""
        return self.at(1, -24.0 * int(self.rng.integers(20, 60))) + timedelta(
            microseconds=int(self.rng.integers(0, 3_600_000_000))
        )

    def build(self) -> Market:
        self.supply()
        self.demand()
        self.idle()
        self.people()
        self.bad_rows()
        self.first_day()
        for day in range(2, self.config.days + 1):
            self.day = day
            self.later_day(day)
        return self.market

    def supply(self) -> None:
        market = self.market
        for n in range(5):
            publisher_id = f"pub-{n + 1:02d}"
            market.publisher_ids.append(publisher_id)
            self.put(
                "publishers",
                {
                    "publisher_id": publisher_id,
                    "name": f"Publisher {chr(65 + n)}",
                    "domain": f"publisher-{chr(97 + n)}.example",
                },
                self.old(),
            )
        for n in range(10):
            market.site_ids.append(f"site-{n + 1:02d}")
            market.site_publisher.append(n % 5)
            is_app = n % 4 == 3
            self.put(
                "sites",
                {
                    "site_id": f"site-{n + 1:02d}",
                    "publisher_id": market.publisher_ids[n % 5],
                    "kind": "app" if is_app else "site",
                    "domain_or_bundle": f"com.example.app{n}" if is_app else f"site{n}.example",
                    "iab_category": f"IAB{n + 1}" if n % 3 else None,
                },
                self.old(),
            )
        for n in range(24):
            ad_format = int(n % 4 == 1)
            width, height = (640, 360) if ad_format else SIZES[n % 4]
            market.placement_ids.append(f"pl-{n + 1:04d}")
            market.placement_site.append(n % 10)
            market.placement_format.append(ad_format)
            self.put(
                "placements",
                {
                    "placement_id": f"pl-{n + 1:04d}",
                    "site_id": market.site_ids[n % 10],
                    "name": f"Placement {n + 1}",
                    "ad_format": FORMATS[ad_format],
                    "width": width,
                    "height": height,
                    "floor_micros": int(self.rng.integers(100, 900)) * 1000,
                    "currency": "EUR" if n % 2 else "USD",
                },
                self.old(),
            )

    def demand(self) -> None:
        advertisers = min(40, 6 + self.config.scale // 50_000)
        for n in range(advertisers):
            currency, time_zone, _ = HOUSES[n % len(HOUSES)]
            self.market.advertiser_ids.append(f"adv-{n + 1:03d}")
            self.market.advertiser_currency.append(currency)
            self.put(
                "advertisers",
                {
                    "advertiser_id": f"adv-{n + 1:03d}",
                    "name": f"Advertiser {n + 1} GmbH" if n % 2 else f"Advertiser {n + 1}, Inc.",
                    "time_zone": time_zone,
                    "currency": currency,
                    "industry": ("retail", "travel", "finance", None)[n % 4],
                    "website_domain": f"advertiser{n + 1}.example",
                    "crunchbase_permalink": f"advertiser-{n + 1}" if n % 3 else None,
                },
                self.old(),
            )
            creatives = [self.creative(n, k) for k in range(5)]
            for k in range(2):
                self.campaign(n, creatives, lines=3 if k == 0 else 2)

    def idle(self) -> None:
        """An advertiser, a publisher and a site without any traffic, to be deleted later."""
        for table, key, like, name in (
            ("advertisers", "adv-900", "adv-001", "Advertiser that left"),
            ("publishers", "pub-90", "pub-01", "Publisher that left"),
            ("sites", "site-90", "site-01", None),
        ):
            row = {**self.rows[table, (like,)]}
            column = load_contract("campaigns", table).key[0]
            row |= {column: key, **({"name": name} if name else {"publisher_id": "pub-90"})}
            self.put(table, row, self.old())

    def creative(self, advertiser: int, k: int) -> int:
        """The first three creatives of an advertiser are display, the others video."""
        market = self.market
        index = len(market.creative_ids)
        is_video = k >= 3
        width, height = (640, 360) if is_video else SIZES[k]
        market.creative_ids.append(f"cr-{index + 1:04d}")
        market.creative_size.append((width, height))
        self.put(
            "creatives",
            {
                "creative_id": f"cr-{index + 1:04d}",
                "advertiser_id": market.advertiser_ids[advertiser],
                "name": f"Creative {index + 1}",
                "ad_format": FORMATS[is_video],
                "width": width,
                "height": height,
                "duration_ms": 15_000 if is_video else None,
                "landing_domain": f"advertiser{advertiser + 1}.example",
            },
            self.old(),
        )
        return index

    def campaign(self, advertiser: int, creatives: list[int], lines: int) -> int:
        market = self.market
        index = len(market.campaign_ids)
        market.campaign_ids.append(f"cmp-{index + 1:03d}")
        market.campaign_advertiser.append(advertiser)
        self.put(
            "campaigns",
            {
                "campaign_id": f"cmp-{index + 1:03d}",
                "advertiser_id": market.advertiser_ids[advertiser],
                "name": f"Campaign {index + 1}",
                "objective": ("awareness", "traffic", "sales", None)[index % 4],
                "budget_micros": int(self.rng.integers(5, 50)) * 1_000_000_000,
                "currency": market.advertiser_currency[advertiser],
                "start_at": iso(self.at(1, -24 * 20)),
                "end_at": None if index % 3 == 0 else iso(self.at(1, 24 * 30)),
                "status": "active",
            },
            self.old() if self.day == 1 else self.at(self.day, 7.5),
        )
        for _ in range(lines):
            self.line_item(index, creatives)
        return index

    def line_item(self, campaign: int, creatives: list[int]) -> int:
        market = self.market
        index = len(market.line_items)
        advertiser = market.campaign_advertiser[campaign]
        level = HOUSES[advertiser % len(HOUSES)][2]
        pricing = ("CPM", "CPC", "CPM", "CPC", "CPA")[index % 5]
        channel = (0, 2, 1, 3, 5, 4)[index % 6]
        ad_format = int(CHANNELS[channel] in ("video", "ctv"))
        fitting = tuple(creatives[3:] if ad_format else creatives[:3])
        low, high = (1_200, 12_000) if pricing == "CPM" else (150, 1_500)
        first = 0 if self.day == 1 else 24 * (self.day - 1) + 9
        last = 24 * self.config.days
        if index == 7:
            last = 24 + 12
        elif campaign == GONE_CAMPAIGN:
            last = 48
        line_item_id = f"li-{index + 1:04d}"
        view_window_hours = VIEW_WINDOW_HOURS[index % 3]
        click_window_days = CLICK_WINDOW_DAYS[index // 2 % 2]
        updated = self.old() if self.day == 1 else self.at(self.day, 8)
        weight = float(self.rng.lognormal(0.0, 0.6))
        rate_micros = int(self.rng.integers(low, high)) * 1000 * level
        rate_micros += int(self.rng.integers(0, 1000))
        market.line_item_campaign.append(campaign)
        market.line_items.append(
            LineItem(
                index=index,
                line_item_id=line_item_id,
                campaign_id=market.campaign_ids[campaign],
                advertiser=advertiser,
                channel=channel,
                ad_format=ad_format,
                creatives=fitting,
                weight=weight,
                first_hour=first,
                last_hour=last,
                price_level=level,
                view_window_hours=view_window_hours,
                click_window_days=click_window_days,
            )
        )
        self.put(
            "line_items",
            {
                "line_item_id": line_item_id,
                "campaign_id": market.campaign_ids[campaign],
                "name": f"Line item {index + 1}",
                "pricing_model": pricing,
                "rate_micros": rate_micros,
                "currency": market.advertiser_currency[advertiser],
                "budget_micros": self._budget(weight, pricing, rate_micros),
                "flight_start_at": iso(self.at(1, first - 24 * 20 if self.day == 1 else first)),
                "flight_end_at": iso(self.at(1, last + 24 * 10 if last % 24 == 0 else last)),
                "pacing": "asap" if index % 4 == 3 else "even",
                "frequency_cap_count": None if index % 2 else 5,
                "frequency_cap_hours": None if index % 2 else 24,
                "channel": CHANNELS[channel],
                "conversion_types": None if index % 3 else "purchase|signup",
                "attribution_model": ATTRIBUTION_MODELS[index % 7],
                "view_window_hours": view_window_hours,
                "click_window_days": click_window_days,
                "status": "active",
            },
            updated,
        )
        for arm, creative in zip("ABC", fitting, strict=False):
            self.put(
                "line_item_creatives",
                {
                    "line_item_id": line_item_id,
                    "creative_id": market.creative_ids[creative],
                    "experiment_arm": arm if len(fitting) > 1 else None,
                    "weight": 50,
                    "start_at": iso(self.at(1, first - 24 * 20)),
                    "end_at": None,
                },
                updated,
            )
        return index

    def people(self) -> None:
        """Profiles of some people, and accounts that join the two ids of a person."""
        count = min(2_000, max(40, self.config.scale // 200))
        bands, genders = (*AGE_BANDS, None), (*GENDERS, None)
        for n in range(count):
            self.put(
                "user_profiles",
                {
                    "user_id": f"user_{n * 3 + 1}",
                    "email": f"person{n}@mail.example" if n % 3 else None,
                    "age_band": bands[n % 6],
                    "gender": genders[n % 4],
                    "country": COUNTRIES[n % 8] if n % 9 else None,
                },
                self.old(),
            )
            for suffix in ("", "m"):
                if n % 4 == 0 or not suffix:
                    self.put(
                        "user_identities",
                        {
                            "user_id": f"user_{n * 3 + 1}{suffix}",
                            "account_id": f"acct-{n:06d}",
                            "first_seen_at": iso(self.at(1, -500)),
                        },
                        self.old(),
                    )

    def bad_rows(self) -> None:
        """Rows that no good row refers to, each with one field that its contract refuses."""
        for table, reason, difference in BAD_ROWS:
            good = next(row for (name, _), row in self.rows.items() if name == table)
            row = {**good, **difference}
            row.pop("updated_at")
            self.put(table, row, self.old(), bad=reason)
            del self.rows[table, key_of(table, {**row, "updated_at": ""})]

    def first_day(self) -> None:
        """Two changes of one rate before the first poll, of which the second is seen; a credit."""
        key = ("li-0003",)
        rate = self.rows["line_items", key]["rate_micros"]
        self.change("line_items", key, self.at(1, 6), rate_micros=rate * 2)
        self.change("line_items", key, self.at(1, 9), rate_micros=rate + 130_000)
        self.change("publishers", ("pub-02",), self.at(1, 8), name="Publisher B & Sons")
        self.credit_note("credit-001", self.market.line_items[1], 1, amount_micros=700_001)

    def later_day(self, day: int) -> None:
        """Changes of a day from 2 on; see the module's docstring for the rules."""
        self.late_entry(day)
        self.rate_changes(day)
        self.small_changes(day)
        self.attribution_changes(day)
        if day == 2:
            self.second_day()
        if day == 3:
            self.third_day()
        self.reports(day)

    def line_item_of(self, pricing: str, skip: int) -> Key:
        """Some line item of a pricing model, another one for every `skip`."""
        keys = [
            key
            for (table, key), row in self.rows.items()
            if table == "line_items" and row["pricing_model"] == pricing and key != ("li-0003",)
        ]
        return keys[skip % len(keys)]

    def scaled(self, key: Key, percent: int) -> int:
        return int(self.rows["line_items", key]["rate_micros"]) * percent // 100

    def _budget(self, weight: float, pricing: str, rate_micros: int) -> int:
        """A round budget: some line items of that weight and rate spend less in time, some more."""
        impressions = self.config.scale * IMPRESSION_SHARE * weight / TOTAL_WEIGHT
        spend = impressions * BILLED_SHARE[pricing] * rate_micros
        return max(int(float(f"{spend * int(self.rng.integers(1, 20)) / 6:.2g}")), 1_000)

    def late_entry(self, day: int) -> None:
        """Entered on this day, in effect since 18:00 of the day before, which it restates."""
        key = self.line_item_of("CPM", day)
        self.change("line_items", key, self.at(day - 1, 18), rate_micros=self.scaled(key, 110))

    def rate_changes(self, day: int) -> None:
        for pricing, hour, percent in (("CPM", 10.5, 90), ("CPC", 14.25, 120)):
            key = self.line_item_of(pricing, day + 3)
            updated = self.at(day, hour)
            self.change("line_items", key, updated, rate_micros=self.scaled(key, percent))

    def small_changes(self, day: int) -> None:
        """Budget, flight, status; a touch that changes nothing; two changes in one day."""
        line_items = [key for table, key in self.rows if table == "line_items"]
        differences: tuple[Row, ...] = (
            {"budget_micros": 7_000_000_000 + day},
            {"flight_end_at": iso(self.at(1, 24 * (40 + day)))},
            {"status": "paused" if day % 2 == 0 else "active"},
            {},
        )
        for n, values in enumerate(differences):
            key = line_items[(5 * day + n) % len(line_items)] if n != 2 else line_items[4]
            self.change("line_items", key, self.at(day, 11 + 0.5 * n), **values)
        for hour, name in ((9.0, "never seen"), (15.0, f"Campaign 1, day {day}")):
            self.change("campaigns", ("cmp-001",), self.at(day, hour), name=name)

    def attribution_changes(self, day: int) -> None:
        """Windows, models and types change after noon: a touch has those of its own moment."""
        line_items = [key for table, key in self.rows if table == "line_items"]
        differences: tuple[Row, ...] = (
            {"view_window_hours": 48, "click_window_days": 7, "attribution_model": "last"},
            {"view_window_hours": 12, "click_window_days": 30, "attribution_model": "shapley"},
            {"conversion_types": "signup|lead|install"},
        )
        for n, values in enumerate(differences):
            key = line_items[(7 * day + 5 * n) % len(line_items)]
            self.change("line_items", key, self.at(day, 13 + 0.25 * n), **values)

    def second_day(self) -> None:
        """A move, another pricing model, a new line item, deletions."""
        mover = (self.market.advertiser_ids[MOVING_ADVERTISER],)
        self.change("advertisers", mover, self.at(2, 12), time_zone="Europe/Berlin")
        self.change("advertisers", ("adv-002",), self.at(2, 13), name="Advertiser 2 Holding")
        self.switch_of_model()
        self.line_item(0, list(range(5)))
        # It delivers on day 1 and is gone on day 2: its facts keep their dimension.
        self.delete("placements", (self.market.placement_ids[GONE_PLACEMENT],))
        self.delete("advertisers", ("adv-900",))
        self.delete("user_profiles", ("user_4",))

    def switch_of_model(self) -> None:
        """A line item of the advertiser in UTC goes from CPM to CPC at midnight."""
        for (table, key), row in list(self.rows.items()):
            if table != "line_items" or row["pricing_model"] != "CPM":
                continue
            item = self.market.line_items[int(key[0][3:]) - 1]
            if HOUSES[item.advertiser % len(HOUSES)][1] == "UTC":
                self.change(table, key, self.at(2, 0), pricing_model="CPC", rate_micros=250_000)
                return

    def third_day(self) -> None:
        """A campaign goes with all that belongs to it; a new campaign comes."""
        gone = self.market.campaign_ids[GONE_CAMPAIGN]
        items = {
            key[0]
            for (table, key), row in self.rows.items()
            if table == "line_items" and row["campaign_id"] == gone
        }
        for table, key in list(self.rows):
            if table in ("line_items", "line_item_creatives") and key[0] in items:
                self.delete(table, key)
        self.delete("campaigns", (gone,))
        self.delete("creatives", (self.market.creative_ids[14],))
        self.delete("sites", ("site-90",))
        self.delete("publishers", ("pub-90",))
        self.delete("user_profiles", ("user_7",))
        self.campaign(1, list(range(5, 10)), lines=1)

    def reports(self, day: int) -> None:
        """What third parties counted the day before, and credits from an exchange.

        Of those of day 2 one is corrected on day 3, and one withdrawn.
        """
        for n, item in enumerate(self.market.line_items):
            if n % 3 or ("line_items", (item.line_item_id,)) not in self.rows:
                continue
            currency = self.market.advertiser_currency[item.advertiser]
            self.put(
                "third_party_reports",
                {
                    "report_date": (self.config.date_of(day) - timedelta(days=1)).isoformat(),
                    "line_item_id": item.line_item_id,
                    "reporter": "veritas",
                    "impressions": int(self.rng.integers(50, 5_000)),
                    "clicks": int(self.rng.integers(0, 90)),
                    "spend_micros": int(self.rng.integers(1, 90)) * 1_000_000,
                    "currency": currency,
                },
                self.at(day, 6 + n / 100),
            )
        self.credit_note(
            f"credit-{day:03d}",
            self.market.line_items[day],
            day,
            amount_micros=int(self.rng.integers(1, 40)) * 100_000,
            reason=None if day % 2 else "undelivered",
        )
        if day == 2:
            items = self.market.line_items
            for credit_id, item in (("credit-901", items[1]), ("credit-902", items[6])):
                self.credit_note(credit_id, item, day, amount_micros=1_234_567, currency="INR")
        if day == 3:
            corrected = ("credit-002",)
            amount = self.rows["credit_notes", corrected]["amount_micros"] // 2
            self.change("credit_notes", corrected, self.at(day, 7), amount_micros=amount)
            self.delete("credit_notes", ("credit-902",))

    def credit_note(self, credit_id: str, item: LineItem, day: int, **values: object) -> None:
        """What an exchange gives back for the month so far."""
        row = {
            "credit_id": credit_id,
            "exchange": "openx",
            "line_item_id": item.line_item_id,
            "for_month": self.config.date_of(day).replace(day=1).isoformat(),
            "currency": "USD",
            "reason": None,
        }
        self.put("credit_notes", {**row, **values}, self.at(day, 6))


def first_rate_date(config: WorldConfig) -> date:
    """Before the oldest event that can come (400 days late), with a month to spare."""
    return (config.start - timedelta(days=440)).replace(day=1)


def weights_of(items: list[LineItem], hour: int) -> np.ndarray:
    """Share of the impressions of an hour (from the start of the world) for every line item."""
    weights = np.array(
        [item.weight if item.first_hour <= hour < item.last_hour else 0.0 for item in items]
    )
    return weights / weights.sum()
