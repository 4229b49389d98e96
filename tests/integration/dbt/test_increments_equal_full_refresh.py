"""Three increments give the rows of one rebuild, row for row, in every table.

The windows hold what makes the two differ where a model is wrong: late events, an event that is
sent again, with its own time or another one across midnight, the stream after the file and the file
after the stream, clicks before their impression, dimensions that change, go, come late or restate
the past, rates that are corrected or late.

Random traffic touches many dates, and so hides a date effect that is declared too narrow. Each
effect therefore has a month of 2025 for itself, which nothing else of that window touches.
"""

import json
import random
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dbt")]

BEFORE = "2026-01-01 00:00"


def minute_of(day: str, minute: int) -> str:
    return f"{day} {minute // 60:02d}:{minute % 60:02d}"


def traffic(records: Any, seed: int, days: list[str], prefix: str) -> dict[str, list[Any]]:
    """Random impressions and clicks of some days, in the stream, in files, or in both."""
    draw = random.Random(seed)
    loads: dict[str, list[Any]] = {
        "ad_events.events": [],
        "adserver.impressions": [],
        "adserver.clicks": [],
    }
    for number in range(120):
        name = f"{prefix}-{number}"
        time = minute_of(draw.choice(days), draw.randrange(1440))
        line_item = draw.choice(["L1", "L2", "L3"])
        fields = {
            "user_id": draw.choice([None, "u1", "u2", "u3"]),
            "clearing_price_micros": draw.randrange(1, 9_000_000),
            "currency": draw.choice(["EUR", "USD", "GBP", "INR"]),
        }
        where = draw.choice(["stream", "file", "both"])
        if where != "file":
            impression = records.impression(name, time, line_item, **fields)
            loads["ad_events.events"].append(impression)
        if where != "stream":
            other = {**fields, "clearing_price_micros": draw.randrange(1, 9_000_000)}
            loads["adserver.impressions"].append(
                records.file_impression(name, time, line_item, **other)
            )
        for click in range(draw.choice([0, 0, 1, 2])):
            clicked = f"{time}:{draw.randrange(4):02d}"
            load = draw.choice(["ad_events.events", "adserver.clicks"])
            make = records.click if load == "ad_events.events" else records.file_click
            loads[load].append(make(f"{name}-c{click}", clicked, name))
    return loads


def load_traffic(warehouse: Any, loads: dict[str, list[Any]]) -> None:
    for name, rows in loads.items():
        warehouse.load(name, rows)


def first_window(warehouse: Any, records: Any) -> None:
    usd = {"currency": "USD", "rate_micros": 5_123_457}
    gbp = {"currency": "GBP", "pricing_model": "CPC", "rate_micros": 333_333}
    warehouse.load(
        "campaigns.advertisers",
        [
            records.advertiser("A1", BEFORE),
            records.advertiser("A2", BEFORE, time_zone="America/Los_Angeles"),
        ],
    )
    warehouse.load(
        "campaigns.campaigns",
        [records.campaign("C1", "A1", BEFORE), records.campaign("C2", "A2", BEFORE)],
    )
    warehouse.load(
        "campaigns.line_items",
        [
            records.line_item("L1", "C1", BEFORE),
            records.line_item("L2", "C1", BEFORE, **usd),
            records.line_item("L3", "C2", BEFORE, **gbp),
        ],
    )
    warehouse.load(
        "campaigns.line_item_creatives", [records.line_item_creative("L1", "CR1", BEFORE)]
    )
    warehouse.load("campaigns.creatives", [records.creative("CR1", "A1", BEFORE)])
    warehouse.load("campaigns.publishers", [records.publisher("PUB1", BEFORE)])
    warehouse.load("campaigns.sites", [records.site("S1", "PUB1", BEFORE)])
    warehouse.load("campaigns.placements", [records.placement("P1", "S1", BEFORE)])
    at = records.at(BEFORE)
    warehouse.load(
        "campaigns.user_profiles",
        [
            {"user_id": "u1", "age_band": "25-34", "country": "DE", "updated_at": at},
            {"user_id": "u4", "gender": "f", "email": "mail-pseudonym", "updated_at": at},
        ],
    )
    warehouse.load(
        "campaigns.user_identities",
        [{"user_id": "u1", "account_id": "acc-1", "first_seen_at": at, "updated_at": at}],
    )
    warehouse.load(
        "fx.rates",
        [
            records.rate("2025-01-01", "USD", "EUR", "0.921500000"),
            records.rate("2025-01-01", "EUR", "GBP", "0.856300000"),
            records.rate("2025-01-01", "INR", "USD", "0.011986420"),
            records.rate("2026-03-28", "USD", "EUR", "0.931234567"),
        ],
    )
    load_traffic(warehouse, traffic(records, 1, ["2026-03-27", "2026-03-28"], "one"))
    warehouse.load(
        "ad_events.events",
        [
            records.impression("midnight", "2026-03-28 23:59:50", "L1"),
            records.impression("resent", "2026-03-28 10:00", "L1", user_id="u1"),
            records.click("early", "2026-03-28 12:00:10", "comes-late"),
            records.click("repeat-later", "2026-03-28 12:00:05", "resent"),
            records.interval("resent", "2026-03-28 10:00", 0, (0, 1000), "0.5"),
            records.video("resent", "2026-03-28 10:00", "start"),
            records.impression("undescribed", "2026-03-24 12:00:00", "L9", creative_id="CR9"),
            records.click("of-undescribed", "2026-03-24 12:00:30", "undescribed"),
            records.impression("rate-restated", "2026-06-10 12:00", "L1"),
            records.impression("fx-late", "2025-04-10 12:00", "L2"),
            records.impression("in-berlin-next-day", "2025-05-10 22:30", "L1"),
            records.impression("read-from-outside", "2025-05-08 22:30", "L1"),
            records.impression("file-has-yesterday", "2025-06-11 00:00:05", "L2"),
            records.click("weeks-early", "2025-07-20 12:00", "weeks-late"),
            records.click("weeks-early-file", "2025-08-20 12:00", "weeks-late-file"),
            records.impression("clicked-weeks-later", "2025-09-01 12:00", "L3"),
            records.impression("clicked-at-midnight", "2025-10-31 12:00", "L3"),
            records.impression("clicked-before", "2025-11-30 12:00", "L3"),
            records.click("before-midnight", "2025-11-30 23:59:59", "clicked-before"),
        ],
    )
    warehouse.load(
        "adserver.impressions",
        [
            records.file_impression("file-first", "2026-03-28 11:00", "L2"),
            records.file_impression("stream-later", "2025-06-10 00:00:10", "L1"),
            records.file_impression("file-has-yesterday", "2025-06-10 23:59:50", "L1"),
        ],
    )
    warehouse.load(
        "adserver.clicks",
        [records.file_click("after-midnight", "2025-11-01 00:00:01", "clicked-at-midnight")],
    )
    warehouse.load(
        "adserver.conversions",
        [
            records.conversion("k1", "2026-03-28 13:00", "A1", user_id="u1", account_id="acc-1"),
            records.conversion("k2", "2026-03-28 14:00", "A3"),
        ],
    )
    product = {"SKU": "SKU-1", "product_name": "Mouse"}
    warehouse.load(
        "user_events.events",
        [
            records.user_action("2026-03-28 09:00", "view", user_pseudonym="u1", **product),
            records.user_action("2026-03-28 09:01", "view", _event_id="e1", platform="web"),
            records.user_action("2026-03-28 09:02", None),
        ],
    )


def second_window(warehouse: Any, records: Any) -> None:
    """Late, resent, conflicting; a rate entered late, a line item described late; deletions."""
    warehouse.load("campaigns.campaigns", [records.campaign("C9", "A2", "2026-07-01 08:00")])
    warehouse.load(
        "campaigns.line_items",
        [
            records.line_item("L1", "C1", "2026-03-27 18:00", rate_micros=4_400_000),
            records.line_item(
                "L2", "C1", "2026-03-29 09:00", currency="USD", rate_micros=6_000_001
            ),
            records.line_item("L9", "C9", "2026-03-27 08:00"),
        ],
    )
    warehouse.load(
        "campaigns.placements", [records.deletion("2026-03-29 20:00", placement_id="P1")]
    )
    warehouse.load("campaigns.user_profiles", [records.deletion("2026-03-29 20:00", user_id="u4")])
    load_traffic(warehouse, traffic(records, 2, ["2026-03-28", "2026-03-29"], "two"))
    warehouse.load(
        "ad_events.events",
        [
            records.impression("resent", "2026-03-28 10:00", "L1", user_id="u1"),
            records.impression("midnight", "2026-03-29 00:00:05", "L2"),
            records.impression("twice", "2026-03-29 23:59:58", "L1"),
            records.impression("twice", "2026-03-30 00:00:02", "L1"),
            records.impression("comes-late", "2026-03-28 12:00:00", "L3"),
            records.click("before", "2026-03-28 12:00:04", "resent"),
            records.interval("resent", "2026-03-28 10:00", 0, (0, 1000), "0.5"),
            records.impression("in-berlin-the-same", "2025-05-11 12:00", "L1"),
            records.impression("in-california-the-day-before", "2025-05-14 03:00", "L3"),
            records.impression("stream-later", "2025-06-09 23:59:50", "L2"),
            records.impression("weeks-late", "2025-07-01 12:00", "L3"),
        ],
    )
    warehouse.load(
        "adserver.impressions",
        [records.file_impression("weeks-late-file", "2025-08-01 12:00", "L3")],
    )
    warehouse.load(
        "adserver.clicks",
        [records.file_click("at-midnight", "2025-10-31 23:59:59", "clicked-at-midnight")],
    )
    warehouse.load(
        "adserver.conversions",
        [
            records.conversion("k1", "2026-03-28 13:00", "A1", user_id="u1"),
            records.conversion("k1", "2026-03-29 00:30", "A1", user_id="u1"),
            records.conversion("k3", "2025-02-02 12:00", "A1"),
        ],
    )
    product = {"SKU": "SKU-1", "product_name": "Better mouse"}
    warehouse.load(
        "user_events.events",
        [
            records.user_action("2026-03-28 09:01", "view", _event_id="e1", platform="web"),
            records.user_action("2026-03-29 09:00", "click", user_pseudonym="u2", **product),
        ],
    )


def third_window(warehouse: Any, records: Any) -> None:
    """A rate comes late, another is corrected; an advertiser moves; clicks come late."""
    warehouse.load(
        "campaigns.advertisers",
        [records.advertiser("A2", "2026-03-29 00:00", time_zone="Europe/Berlin")],
    )
    warehouse.load(
        "campaigns.line_items", [records.deletion("2026-03-30 20:00", line_item_id="L3")]
    )
    warehouse.load(
        "fx.rates",
        [
            records.rate("2025-04-09", "USD", "EUR", "0.900000000"),
            records.rate("2026-03-27", "INR", "USD", "0.012000000"),
            records.rate("2026-03-28", "USD", "EUR", "0.930000000"),
            records.rate("2025-01-01", "EUR", "GBP", "0.856300000"),
        ],
    )
    load_traffic(warehouse, traffic(records, 3, ["2026-02-26", "2026-03-30"], "three"))
    warehouse.load(
        "ad_events.events",
        [
            records.click("month-later", "2026-03-31 23:59", "resent"),
            records.impression("file-first", "2026-03-28 11:00", "L1"),
        ],
    )
    warehouse.load(
        "adserver.clicks",
        [
            records.file_click("repeat-later", "2026-03-28 12:00:05", "resent"),
            records.file_click("next", "2026-03-28 12:00:07", "resent"),
            records.file_click("weeks-later", "2025-09-25 12:00", "clicked-weeks-later"),
            records.file_click("right-after-midnight", "2025-12-01 00:00:01", "clicked-before"),
        ],
    )


@pytest.fixture(scope="module")
def incremented(new_warehouse: Callable[[], Any], records: Any) -> Any:
    """Three windows, each built as it came."""
    warehouse = new_warehouse()
    previous = None
    for fill in (first_window, second_window, third_window):
        fill(warehouse, records)
        pin = warehouse.pin()
        first = previous is None
        warehouse.build(warehouse.window(previous, pin), tests=not first, full_refresh=first)
        previous = pin
    return warehouse


def assert_same(expected: dict[str, Any], found: dict[str, Any]) -> None:
    assert expected.keys() == found.keys()
    different = {
        table: (
            [row for row in rows if row not in found[table]][:3],
            [row for row in found[table] if row not in rows][:3],
        )
        for table, rows in expected.items()
        if rows != found[table]
    }
    assert not different


def everything(warehouse: Any) -> dict[str, Any]:
    return {table: warehouse.rows(table) for table in warehouse.tables()}


def test_three_increments_equal_one_rebuild(incremented: Any, tmp_path: Path) -> None:
    rebuilt = incremented.without_models(tmp_path)
    rebuilt.build(rebuilt.window(None, 3), full_refresh=True)

    assert_same(everything(rebuilt), everything(incremented))


def test_the_same_window_again_changes_nothing(incremented: Any) -> None:
    before = everything(incremented)

    incremented.build(incremented.window(2, 3), tests=False)

    assert_same(before, everything(incremented))


def test_dates_that_are_built_again_are_as_a_rebuild_makes_them(incremented: Any) -> None:
    before = everything(incremented)
    damaged = incremented.query(
        "select table_schema, table_name, column_name from information_schema.columns "
        "join information_schema.tables using (table_schema, table_name) "
        "where table_type = 'BASE TABLE' and column_name in ('event_date', 'advertiser_date') "
        "and table_schema in ('business_vault', 'core', 'analytics', 'finance')"
    )
    with incremented.connect() as connection:
        for schema, table, column in damaged:
            # Two dates: one whose rows go, and one that gains rows that nothing accounts for.
            connection.execute(f"delete from {schema}.{table} where {column} = '2026-03-28'")
            connection.execute(
                f"insert into {schema}.{table} "
                f"from {schema}.{table} where {column} = '2026-03-29' limit 1"
            )
    assert len(damaged) > 5
    assert before != everything(incremented)

    window = json.loads(incremented.window(3, 3))
    again = {**window, "again": ["2026-03-28", "2026-03-29"]}
    incremented.build(json.dumps(again), tests=False)

    assert_same(before, everything(incremented))


def test_without_a_window_everything_is_taken_and_nothing_changes(incremented: Any) -> None:
    before = everything(incremented)

    incremented.build(None, tests=False)

    assert_same(before, everything(incremented))


def test_what_came_late_is_counted_where_it_belongs(incremented: Any) -> None:
    """Outcomes worked out by hand, so that both ways cannot be wrong alike."""
    expected = {
        "early": "net",
        "before": "net",
        "repeat-later": "repeat",
        "next": "repeat",
        "month-later": "net",
        "of-undescribed": "net",
        "weeks-early": "net",
        "weeks-early-file": "net",
        "weeks-later": "net",
        "at-midnight": "net",
        "after-midnight": "repeat",
        "before-midnight": "net",
        "right-after-midnight": "repeat",
    }
    classes = incremented.query("select click_id, click_class from core.fct_clicks")
    assert {click: found for click, found in classes if click in expected} == expected
    assert incremented.query(
        "select impression_id, event_date from core.fct_impressions where impression_id in "
        "('midnight', 'twice', 'stream-later', 'file-has-yesterday') order by all"
    ) == [
        ("file-has-yesterday", date(2025, 6, 11)),
        ("midnight", date(2026, 3, 28)),
        ("stream-later", date(2025, 6, 9)),
        ("twice", date(2026, 3, 29)),
    ]
    assert incremented.query(
        "select event_type, event_id from business_vault.bv_id_conflicts order by all"
    ) == [("conversion", "k1"), ("impression", "midnight"), ("impression", "twice")]


def test_what_dimensions_and_rates_say_late_is_billed(incremented: Any) -> None:
    """L9: 1 x 4.00 / 1000. L1: 1 x 4.40 / 1000. L2: 1 x 5.123457 / 1000 x 0.90, half away."""
    assert incremented.query(
        "select line_item_id, advertiser_id, advertiser_date, gross_billed_base_amount "
        "from finance.fct_line_item_billing_daily where gross_billed_amount > 0 and (line_item_id, "
        "advertiser_date) in (('L9', date '2026-03-24'), ('L1', date '2026-06-10'), "
        "('L2', date '2025-04-10')) order by all"
    ) == [
        ("L1", "A1", date(2026, 6, 10), Decimal("0.0044")),
        ("L2", "A1", date(2025, 4, 10), Decimal("0.004611111")),
        ("L9", "A2", date(2026, 3, 24), Decimal("0.004")),
    ]
    assert incremented.query(
        "select line_item_id, advertiser_date, gross_impression_count "
        "from finance.fct_line_item_billing_daily "
        "where advertiser_date between '2025-05-01' and '2025-05-31' order by all"
    ) == [
        ("L1", date(2025, 5, 9), 1),
        ("L1", date(2025, 5, 11), 2),
        ("L3", date(2025, 5, 13), 0),
        ("L3", date(2025, 5, 13), 1),
    ]
