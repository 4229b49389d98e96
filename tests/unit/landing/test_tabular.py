"""Rows of SQL tables: strict per column, deletes, extras."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from ingestion.contracts import raw_schema
from ingestion.landing import Tally, land_arrow

SITE = {
    "site_id": "s1",
    "publisher_id": "p1",
    "kind": "site",
    "domain_or_bundle": "news.example",
    "iab_category": "IAB12",
    "updated_at": "2026-03-28T12:00:00.123456Z",
}
CREATIVE = {
    "creative_id": "cr1",
    "advertiser_id": "a1",
    "name": "Zoë",
    "ad_format": "video",
    "width": 640,
    "height": 360,
    "duration_ms": None,
    "landing_domain": "shop.example",
    "updated_at": "2026-03-28T12:00:00Z",
}
REPORT = {
    "report_date": "2026-03-28",
    "line_item_id": "l1",
    "reporter": "r",
    "impressions": 1,
    "clicks": 0,
    "spend_micros": 5,
    "currency": "EUR",
    "updated_at": "2026-03-28T12:00:00Z",
}

WITHOUT_ZONE = datetime(2026, 3, 28)  # noqa: DTZ001 - as some drivers hand it over


@pytest.fixture
def land(make_context: Callable, make_lineage: Callable) -> Callable[..., pa.Table]:
    """`land("campaigns.sites", records)`."""

    def run(table: str, records: pa.Table) -> pa.Table:
        context = make_context(table)
        return land_arrow(context, records, make_lineage(context.contract, len(records)))

    return run


def one(document: dict[str, Any], **members: Any) -> pa.Table:
    return pa.Table.from_pylist([{**document, **members}])


def error_of(landed: pa.Table) -> tuple[str, str | None] | None:
    (error,) = landed["_error"].to_pylist()
    return error and (error["reason"], error["field"])


def test_lawful_rows_land(land: Callable) -> None:
    landed = land("campaigns.creatives", pa.Table.from_pylist([CREATIVE] * 3))
    assert Tally.of(landed) == Tally(3, 3, 0, {}, 0)
    row = landed.to_pylist()[0]
    assert (row["name"], row["width"], row["duration_ms"]) == ("Zoë", 640, None)
    assert row["updated_at"] == datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert (row["_load_date"], row["_is_deleted"]) == (date(2026, 3, 29), False)


def test_no_rows_are_an_empty_table(land: Callable, make_context: Callable) -> None:
    landed = land("campaigns.sites", one(SITE).slice(0, 0))
    assert landed.schema == raw_schema(make_context("campaigns.sites").contract)
    assert len(landed) == 0


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_timestamps_of_the_driver_are_taken(zone: str, land: Callable) -> None:
    moment = datetime(2026, 3, 28, 12, 0, 0, 123456, tzinfo=UTC)
    column = pa.array([moment], pa.timestamp("us", zone))
    records = one(SITE).drop(["updated_at"]).append_column("updated_at", column)
    assert land("campaigns.sites", records)["updated_at"].to_pylist() == [moment]


def test_dates_of_the_driver_are_taken(land: Callable) -> None:
    landed = land("campaigns.third_party_reports", one(REPORT, report_date=date(2026, 3, 28)))
    assert landed["report_date"].to_pylist() == [date(2026, 3, 28)]


def test_decimals_of_the_driver_are_taken(land: Callable) -> None:
    rate = {"rate_date": "2026-03-28", "base": "EUR", "quote": "USD", "rate": Decimal("1.0845")}
    assert land("fx.rates", one(rate))["rate"].to_pylist() == [Decimal("1.084500000")]


@pytest.mark.parametrize(
    ("table", "document", "member", "reason"),
    [
        ("campaigns.creatives", CREATIVE, ("width", "640"), "schema"),
        ("campaigns.creatives", CREATIVE, ("width", 640.0), "schema"),
        ("campaigns.creatives", CREATIVE, ("width", True), "schema"),
        ("campaigns.creatives", CREATIVE, ("width", b"640"), "schema"),
        ("campaigns.creatives", CREATIVE, ("width", -1), "contract"),
        ("campaigns.creatives", CREATIVE, ("name", 5), "schema"),
        ("campaigns.creatives", CREATIVE, ("name", None), "schema"),
        ("campaigns.creatives", CREATIVE, ("name", "a\0b"), "parse"),
        ("campaigns.creatives", CREATIVE, ("name", "x" * 262_144), "oversize"),
        ("campaigns.creatives", CREATIVE, ("ad_format", "Video"), "contract"),
        ("campaigns.creatives", CREATIVE, ("creative_id", ""), "contract"),
        ("campaigns.sites", SITE, ("updated_at", "2026-03-28 12:00:00"), "contract"),
        ("campaigns.sites", SITE, ("updated_at", 1_774_699_200), "schema"),
        ("campaigns.sites", SITE, ("updated_at", WITHOUT_ZONE), "schema"),
        ("campaigns.third_party_reports", REPORT, ("currency", "EURO"), "contract"),
        ("campaigns.third_party_reports", REPORT, ("report_date", "28.03.2026"), "contract"),
    ],
)
def test_a_value_that_breaks_the_contract_fails_its_row(
    table: str, document: dict, member: tuple, reason: str, land: Callable
) -> None:
    name, value = member
    landed = land(table, one(document, **{name: value}))
    assert error_of(landed) == (reason, None if reason in {"parse", "oversize"} else name)
    assert landed["_load_date"].to_pylist() == [date(2026, 3, 29)]


def test_bad_rows_do_not_move_good_ones(land: Callable) -> None:
    rows = [{**CREATIVE, "creative_id": f"cr{n}", "width": n - 3} for n in range(10)]
    landed = land("campaigns.creatives", pa.Table.from_pylist(rows))
    assert landed["creative_id"].to_pylist() == [None] * 3 + [f"cr{n}" for n in range(3, 10)]
    assert landed["_source_line"].to_pylist() == list(range(1, 11))


def test_an_unknown_column_is_an_extra(land: Callable, make_context: Callable) -> None:
    landed = land("campaigns.sites", one(SITE, colour="red", score=1.5))
    assert Tally.of(landed).drift == 1
    (token,) = landed["_extras"].to_pylist()
    assert make_context("campaigns.sites").keys.decrypt(token) == b'{"colour":"red","score":1.5}'


def test_a_missing_column_is_null(land: Callable) -> None:
    landed = land("campaigns.creatives", one(CREATIVE).drop(["height", "name"]))
    assert error_of(landed) == ("schema", "name")
