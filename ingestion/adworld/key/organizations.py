"""Organisations: what Crunchbase sent, what they raised, which advertisers they are.

- A version of an organisation is a good record of it that differs from the one before, or its
  deletion; a member is an organisation that was sent or deleted.
- Organisations, funding rounds and acquisitions are counted as they are now: without those that
  are deleted. Amounts are native, exactly as sent; undisclosed ones count nothing.
- An advertiser is the organisation of its permalink; else the organisation of its website's domain
  (without `www.`), if exactly one organisation that is not deleted has it. Advertisers as they were
  described last, deleted ones included.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

from ingestion.adworld.companies import Change, seen
from ingestion.adworld.config import WorldConfig
from ingestion.adworld.key.exact import Answer, answer
from ingestion.adworld.ledger import Ledger
from ingestion.adworld.market import Row, polls
from ingestion.landing.json_text import Number

DIMENSION = "organizations"


def organization_balance(ledger: Ledger) -> Iterator[tuple[str, str | None, bool]]:
    """Table, class of failure (None for a loaded record) and drift of every record that came."""
    for _, change in seen(ledger.config, ledger.day):
        yield f"crunchbase.{change.collection}", change.bad, change.drift


def organization_answers(ledger: Ledger) -> Iterator[Answer | None]:
    """Every figure about organisations."""
    good = [change for _, change in seen(ledger.config, ledger.day) if change.bad is None]
    deleted = {
        change.uuid
        for change in good
        if change.collection == "deleted_entities" and change.properties is not None
    }
    now = {
        name: _newest(good, name, deleted)
        for name in ("organizations", "funding_rounds", "acquisitions")
    }
    yield from _members(good)
    yield from _organizations(now["organizations"])
    yield from _funding(now["funding_rounds"])
    yield from _acquisitions(now["acquisitions"])
    yield from _advertisers(ledger.config, ledger.day, now["organizations"])


def _newest(good: list[Change], collection: str, deleted: set[str]) -> list[Row]:
    rows = {
        change.uuid: change.properties
        for change in good
        if change.collection == collection and change.properties is not None
    }
    return [row for uuid, row in rows.items() if uuid not in deleted]


def _members(good: list[Change]) -> Iterator[Answer | None]:
    sent = [change.uuid for change in good if change.collection == "organizations"]
    gone = [
        change.uuid
        for change in good
        if change.properties is not None
        and change.properties.get("entity_def_id") == "organization"
        and change.collection == "deleted_entities"
    ]
    dims = {"dimension": DIMENSION}
    yield answer("dimension_versions", dims, len(sent) + len(gone))
    yield answer("dimension_members", dims, len({*sent, *gone}))
    yield answer("dimension_deleted", dims, len(set(gone)))


def _counted(metric: str, rows: list[Mapping[str, str | None]]) -> Iterator[Answer | None]:
    """The number of rows in total and by each of their dimensions, where they have it."""
    yield answer(metric, {}, len(rows))
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        counts.update((name, value) for name, value in row.items() if value is not None)
    for (name, value), count in counts.items():
        yield answer(metric, {name: value}, count)


def _organizations(rows: list[Row]) -> Iterator[Answer | None]:
    yield from _counted(
        "organizations",
        [
            {
                "country": _country(row["location_identifiers"]),
                "employee_range": row["num_employees_enum"],
                "operating_status": row["operating_status"],
            }
            for row in rows
        ],
    )


def _country(places: list[Row] | None) -> str | None:
    return next((p["permalink"] for p in places or [] if p["location_type"] == "country"), None)


def _funding(rows: list[Row]) -> Iterator[Answer | None]:
    yield from _counted(
        "funding_rounds", [{"investment_type": row["investment_type"]} for row in rows]
    )
    raised: dict[tuple[str, ...], Fraction] = defaultdict(Fraction)
    for row in rows:
        money = row["money_raised"]
        if money is not None:
            organization = row["funded_organization_identifier"]["uuid"]
            raised[money["currency"],] += _exact(money["value"])
            raised[organization, money["currency"]] += _exact(money["value"])
    for group, amount in raised.items():
        names = ("currency",) if len(group) == 1 else ("organization_id", "currency")
        yield answer("funding_raised", dict(zip(names, group, strict=True)), amount)


def _acquisitions(rows: list[Row]) -> Iterator[Answer | None]:
    yield from _counted("acquisitions", [{"acquisition_status": row["status"]} for row in rows])
    paid: dict[str, Fraction] = defaultdict(Fraction)
    for row in rows:
        if row["price"] is not None:
            paid[row["price"]["currency"]] += _exact(row["price"]["value"])
    for currency, amount in paid.items():
        yield answer("acquisition_price", {"currency": currency}, amount)


def _exact(value: Any) -> Fraction:
    return Fraction(value.text if isinstance(value, Number) else value)


def _advertisers(config: WorldConfig, day: int, rows: list[Row]) -> Iterator[Answer | None]:
    by_permalink: dict[str, list[str]] = defaultdict(list)
    by_domain: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        by_permalink[row["identifier"]["permalink"]].append(row["uuid"])
        if row["website_url"] is not None:
            host = urlsplit(row["website_url"]).hostname or ""
            by_domain[host.removeprefix("www.")].append(row["uuid"])
    advertisers: dict[str, Row] = {}
    for polled in polls(config, day):
        if polled.table == "advertisers" and polled.bad is None and polled.row is not None:
            advertisers[polled.key[0]] = polled.row
    matched: list[Mapping[str, str | None]] = []
    for row in advertisers.values():
        for way, found in (
            ("permalink", by_permalink.get(row["crunchbase_permalink"], [])),
            ("domain", by_domain.get(row["website_domain"], [])),
        ):
            if len(found) == 1:
                matched.append({"matched_by": way, "organization_id": found[0]})
                break
    yield from _counted("matched_advertisers", matched)
