"""The organisations that Crunchbase knows of this world: versions, funding, people, deletions.

Everything is a list of changes by day, as for the market. `shown` is what the API shows once a day
has been played, `seen` what somebody saw who asked at the end of every day.

What it means for advertisers (the rule: by permalink, else by the website's domain, if exactly one
organisation that is not deleted has it):

- most advertisers with a permalink have an organisation of that permalink; the first of them has
  another website, and a decoy has its domain, so that the domain must not decide;
- the second has a permalink that nobody has, and is found by its domain;
- of those without a permalink, the first is found by its domain; two organisations share the domain
  of the second, so that it has none; of the others every second one is found;
- on day 3 one organisation of an advertiser is deleted.

Planted: amounts that no float can hold, one with an exponent, undisclosed ones; a member that the
contract does not know; in each collection a record that breaks its contract; an organisation that
is known by its deletion alone; organisations that only others name.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Literal
from uuid import UUID

import numpy as np

from ingestion.adworld.config import WorldConfig, rng
from ingestion.adworld.market import Row, market_of
from ingestion.landing.json_text import Number

Collection = Literal[
    "organizations", "funding_rounds", "acquisitions", "people", "deleted_entities"
]
COLLECTIONS: tuple[Collection, ...] = (
    "organizations",
    "funding_rounds",
    "acquisitions",
    "people",
    "deleted_entities",
)
KINDS: dict[Collection, str] = {
    "organizations": "organization",
    "funding_rounds": "funding_round",
    "acquisitions": "acquisition",
    "people": "person",
}
"""`entity_def_id` by collection."""

EMPLOYEES = ("c_00001_00010", "c_00011_00050", "c_00251_00500", "c_10001_max", None)
COUNTRIES = ("germany", "united-states", "india", "united-kingdom", "japan", None)
ROUNDS = ("seed", "series_a", "series_b", "private_equity")
CURRENCIES = ("EUR", "USD", "INR", "GBP", "JPY")
AMOUNTS = ("250000", "1234567.89", "90071992547409.931", "1.25E7", None)
"""Amounts as JSON writes them; the third has more digits than a float, the fourth an exponent."""

_BAD_PRICE: Row = {"value": 17, "currency": "EURO", "value_usd": None}

_HOUSES = 4
"""Organisations of no advertiser, which invest and buy."""


@dataclass(frozen=True)
class Change:
    """An entity takes new properties at the end of a day, or is deleted (None).

    Attributes:
        bad: Class with which it breaks its contract; None for a good one.
        drift: Whether it has a member that its contract does not know.
    """

    collection: Collection
    uuid: str
    properties: Row | None
    bad: str | None = None
    drift: bool = False


@dataclass
class Companies:
    """The changes of each day, in the order in which they are made."""

    changes: dict[int, list[Change]] = field(default_factory=dict)


def uuid_of(config: WorldConfig, name: str) -> str:
    """The uuid of the entity of a name; every seed has its own."""
    return str(UUID(bytes=blake2b(f"{config.seed}|{name}".encode(), digest_size=16).digest()))


@lru_cache(maxsize=4)
def companies_of(config: WorldConfig) -> Companies:
    """What Crunchbase knows; the worked example has no organisations."""
    if config.kind == "worked_example":
        return Companies()
    return _Builder(config).build()


@lru_cache(maxsize=4)
def shown(config: WorldConfig, day: int) -> dict[Collection, dict[str, Change]]:
    """What the API shows once a day has been played: the newest change by uuid."""
    state: dict[Collection, dict[str, Change]] = {name: {} for name in COLLECTIONS}
    for played in range(1, day + 1):
        for change in companies_of(config).changes.get(played, []):
            if change.properties is None:
                state[change.collection].pop(change.uuid, None)
            else:
                state[change.collection][change.uuid] = change
    return state


def seen(config: WorldConfig, day: int) -> Iterator[tuple[int, Change]]:
    """New and changed entities as somebody saw them who asked at the end of every day."""
    before: dict[Collection, dict[str, Change]] = {name: {} for name in COLLECTIONS}
    for played in range(1, day + 1):
        now = shown(config, played)
        for name in COLLECTIONS:
            for uuid, change in now[name].items():
                known = before[name].get(uuid)
                if known is None or known.properties != change.properties:
                    yield played, change
        before = now


class _Builder:
    """Makes the organisations of a generated world."""

    def __init__(self, config: WorldConfig) -> None:
        self.config = config
        self.rng: np.random.Generator = rng(config, 41)
        self.companies = Companies({day: [] for day in range(1, config.days + 1)})
        self.rows: dict[str, Row] = {}
        self.day = 1

    def at(self, day: int, hour: float) -> str:
        """A moment of a day of the world, to the second as Crunchbase keeps them."""
        midnight = datetime.combine(self.config.date_of(day), datetime.min.time(), UTC)
        return (midnight + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def identifier(self, collection: Collection, name: str, value: str) -> Row:
        return {
            "uuid": uuid_of(self.config, name),
            "permalink": name,
            "value": value,
            "entity_def_id": KINDS[collection],
        }

    def put(
        self,
        collection: Collection,
        name: str,
        row: Row,
        *,
        hour: float = 12.0,
        bad: str | None = None,
        drift: bool = False,
    ) -> None:
        """Give an entity its properties; made long ago, changed now (or at its making)."""
        stamps = {
            "created_at": self.at(1, -24.0 * 365 - len(self.rows)),
            "updated_at": self.at(self.day, hour if self.day > 1 else hour - 24.0 * 30),
        }
        uuid = uuid_of(self.config, name)
        properties = {**stamps, **row, "uuid": uuid}
        self.rows[name] = properties
        change = Change(collection, uuid, properties, bad, drift)
        self.companies.changes[self.day].append(change)

    def change(self, collection: Collection, entity: str, hour: float, **values: Any) -> None:
        row = {**self.rows[entity], **values}
        row.pop("updated_at")
        self.put(collection, entity, row, hour=hour)

    def delete(self, collection: Collection, name: str, hour: float) -> None:
        uuid = uuid_of(self.config, name)
        if name in self.rows:
            self.companies.changes[self.day].append(Change(collection, uuid, None))
        self.deletion(uuid, KINDS[collection], self.at(self.day, hour))

    def deletion(self, uuid: str, kind: str, moment: str, bad: str | None = None) -> None:
        row = {"uuid": uuid, "entity_def_id": kind, "deleted_at": moment}
        change = Change("deleted_entities", uuid, row, bad)
        self.companies.changes[self.day].append(change)

    def build(self) -> Companies:
        self.houses()
        self.of_advertisers()
        self.funding()
        self.acquisitions()
        self.people()
        self.bad_records()
        for day in range(2, self.config.days + 1):
            self.day = day
            self.later_day(day)
        return self.companies

    def money(self, n: int) -> Row | None:
        text = AMOUNTS[n % len(AMOUNTS)]
        if text is None:
            return None
        value = int(text) if text.isdigit() else Number(text)
        return {
            "value": value,
            "currency": CURRENCIES[n % len(CURRENCIES)],
            "value_usd": None if n % 7 == 3 else value,
        }

    def organization(self, name: str, website: str | None, value: str) -> None:
        n = len(self.rows)
        drifting = n % 9 == 4
        identifier = self.identifier("organizations", name, value)
        if drifting:
            identifier["verified"] = True
        country = COUNTRIES[n % len(COUNTRIES)]
        self.put(
            "organizations",
            name,
            {
                "identifier": identifier,
                "name": value,
                "legal_name": f"{value} AG" if n % 2 else None,
                "short_description": f"{value} makes things – “good” ones.",
                "website_url": website,
                "company_type": "for_profit",
                "operating_status": "active" if n % 5 else "closed",
                "founded_on": {"value": f"{1850 + n % 170}-01-01", "precision": "year"},
                "closed_on": None,
                "num_employees_enum": EMPLOYEES[n % len(EMPLOYEES)],
                "categories": self.categories(n),
                "location_identifiers": None if country is None else self.places(country),
                "funding_total": self.money(n),
                "num_funding_rounds": n % 3,
                "last_funding_type": ROUNDS[n % len(ROUNDS)],
                "rank_org": n + 1,
            },
            hour=float(self.rng.integers(1, 12)),
            drift=drifting,
        )

    def categories(self, n: int) -> list[Row] | None:
        """Some categories, not in alphabetical order."""
        names = ("retail", "advertising", "software")[: n % 4]
        return [
            {
                "uuid": uuid_of(self.config, f"category {name}"),
                "value": name.title(),
                "permalink": name,
                "entity_def_id": "category",
            }
            for name in names
        ] or None

    def places(self, country: str) -> list[Row]:
        return [
            {
                "uuid": uuid_of(self.config, f"location {name}"),
                "value": name.title(),
                "permalink": name,
                "entity_def_id": "location",
                "location_type": kind,
            }
            for kind, name in (("city", f"capital-{country}"), ("country", country))
        ]

    def houses(self) -> None:
        for n in range(_HOUSES):
            self.organization(f"house-{n + 1}", f"https://house{n + 1}.example", f"House {n + 1}")

    def of_advertisers(self) -> None:
        """See the module's docstring."""
        for n in range(len(market_of(self.config).advertiser_ids)):
            domain, name = f"advertiser{n + 1}.example", f"Advertiser {n + 1}"
            if n == 1:
                self.organization("advertiser-2", "https://holding.example", name)
                self.organization("decoy", f"https://www.{domain}", "Decoy")
            elif n == 2:
                self.organization("brand-3", f"http://{domain.upper()}/de?x=1", name)
            elif n == 3:
                self.organization("left-half", f"https://{domain}", "Left half")
                self.organization("right-half", f"https://www.{domain}/", "Right half")
            elif n % 3:
                self.organization(f"advertiser-{n + 1}", f"https://www.{domain}:443/a", name)
            elif n % 2 == 0:
                self.organization(f"brand-{n + 1}", f"https://{domain}#top", name)

    def organization_names(self) -> list[str]:
        return [name for name, row in self.rows.items() if "rank_org" in row]

    def reference(self, name: str, role: str) -> Row:
        """An organisation as another entity names it; it need not exist."""
        value = self.rows[name]["name"] if name in self.rows else name.title()
        return {**self.identifier("organizations", name, value), "role": role}

    def funding(self) -> None:
        for n, name in enumerate(self.organization_names()):
            for k in range(n % 3):
                self.funding_round(name, n + k)

    def funding_round(self, organization: str, n: int, hour: float = 12.0) -> None:
        name = f"{organization}-round-{n}"
        investors = [self.reference(f"house-{1 + (n + k) % _HOUSES}", "investor") for k in (1, 0)]
        self.put(
            "funding_rounds",
            name,
            {
                "identifier": self.identifier("funding_rounds", name, f"Round {n}"),
                "funded_organization_identifier": self.reference(organization, "investee"),
                "announced_on": f"20{10 + n % 15}-05-{1 + n % 28:02d}",
                "closed_on": {"value": "2025-06-01", "precision": "month"} if n % 2 else None,
                "investment_type": ROUNDS[n % len(ROUNDS)],
                "investment_stage": None,
                "money_raised": self.money(n),
                "is_equity": n % 2 == 0,
                "num_investors": len(investors),
                "investor_identifiers": investors,
                "lead_investor_identifiers": investors[:1],
            },
            hour=hour,
        )

    def acquisitions(self) -> None:
        for n, acquiree in enumerate(("left-half", "unlisted-works", "right-half")):
            self.acquisition(f"house-{n + 1}", acquiree, n)

    def acquisition(self, acquirer: str, acquiree: str, n: int) -> None:
        name = f"{acquirer}-acquires-{acquiree}"
        self.put(
            "acquisitions",
            name,
            {
                "identifier": self.identifier("acquisitions", name, f"{acquirer} buys"),
                "acquirer_identifier": self.reference(acquirer, "acquirer"),
                "acquiree_identifier": self.reference(acquiree, "acquiree"),
                "announced_on": {"value": "2020-05-15", "precision": "day"},
                "completed_on": {"value": "2021-01-01", "precision": "year"} if n else None,
                "acquisition_type": "acquisition",
                "status": "complete" if n else "pending",
                "price": self.money(n),
            },
        )

    def people(self) -> None:
        names = self.organization_names()
        for n in range(max(12, min(3_000, self.config.scale // 150))):
            self.person(n, names[n % len(names)] if n % 6 else None)

    def person(self, n: int, organization: str | None) -> None:
        name = f"person-{n}"
        self.put(
            "people",
            name,
            {
                "identifier": self.identifier("people", name, f"Ada Example {n}"),
                "primary_job_title": ("Founder", "CEO", None)[n % 3],
                "primary_organization": organization and self.reference(organization, "employer"),
                "num_founded_organizations": n % 3 if organization else None,
                "location_identifiers": None if n % 2 else self.places("germany"),
            },
        )

    def bad_records(self) -> None:
        """One in each collection, with one fault that its contract refuses."""
        faults: tuple[tuple[Collection, str, str, Row], ...] = (
            ("organizations", "house-1", "schema", {"num_employees_enum": 250}),
            ("funding_rounds", "house-2-round-1", "contract", {"announced_on": "2026-02-30"}),
            ("acquisitions", "house-2-acquires-unlisted-works", "contract", {"price": _BAD_PRICE}),
            ("people", "person-2", "schema", {"identifier": None}),
        )
        for collection, like, reason, fault in faults:
            name = f"bad-{collection}"
            own = {"identifier": self.identifier(collection, name, name)}
            self.put(collection, name, {**self.rows[like], **own, **fault}, bad=reason)
        self.deletion(uuid_of(self.config, "bad-deletion"), "person", "yesterday", "contract")

    def later_day(self, day: int) -> None:
        """A change, one that changes nothing, a new round; deletions on day 3."""
        self.change("organizations", "house-1", 9.0, num_employees_enum=EMPLOYEES[day % 4])
        self.change("organizations", "advertiser-2", 10.0, name=f"Advertiser 2, day {day}")
        self.funding_round("house-1", 100 + day, hour=11.0)
        self.change("acquisitions", "house-1-acquires-left-half", 8.0, price=self.money(day))
        if day == 2:
            self.delete("organizations", "never-shown", 13.0)
        if day == 3:
            self.delete("organizations", "advertiser-5", 7.0)
            self.delete("organizations", "house-4", 7.5)
            self.delete("funding_rounds", "house-3-round-2", 7.75)
            self.delete("people", "person-1", 8.25)
