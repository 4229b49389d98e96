"""Five increments give the rows of one rebuild, row for row, in every table.

The windows hold what makes the two differ where a model is wrong: late events, an event that is
sent again, with its own time, another one across midnight or days away, the stream after the file
and the file after the stream, clicks before their impression, auctions of which every part comes
late, dimensions that change, go, come late or restate the past, rates that are corrected or late.

Random traffic touches many dates, and so hides a date effect that is declared too narrow. Each
effect therefore has a month of 2024 or 2025 for itself, which nothing else of that window touches.
The effects of campaigns and advertisers have no end: each has a window of its own, and a month
after all others.
"""

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestration.warehouse import dbt
from tests.integration.dbt import (
    attribution_windows,
    billing_windows,
    invalid_windows,
    view_windows,
)
from tests.integration.dbt.auction_windows import before, bought, late, load_all

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
        "exchange.bid_requests": [],
        "exchange.bids": [],
        "exchange.wins": [],
        "exchange.billing_notices": [],
    }
    for number in range(120):
        name = f"{prefix}-{number}"
        time = minute_of(draw.choice(days), draw.randrange(1440))
        line_item = draw.choice(["L1", "L2", "L3"])
        fields = {
            "ip": f"ip-{name}",
            "user_id": draw.choice([None, "u1", "u2", "u3"]),
            "clearing_price_micros": draw.randrange(1, 9_000_000),
            "currency": draw.choice(["EUR", "USD", "GBP", "INR"]),
        }
        if draw.random() < 0.7:
            fields |= bought(name)
            for load, rows in auction(records, draw, name, time, line_item).items():
                loads[load] += rows
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
            loads[load].append(make(f"{name}-c{click}", clicked, name, ip=f"ip-{name}"))
    return loads


def auction(
    records: Any, draw: random.Random, name: str, time: str, line_item: str
) -> dict[str, list[Any]]:
    """What the exchange and we said of one impression; any part may be missing."""
    user = draw.choice([None, {"id": None}, {"id": "u1"}, {"id": name, "age_band": "25-34"}])
    price = draw.randrange(1, 9_000_000)
    currency = draw.choice(["EUR", "USD"])
    slots = [{}, {"ad_format": "video"}][: draw.randrange(1, 3)]
    request = records.bid_request(f"a-{name}", time, imps=slots, user=user)
    whole = {
        "exchange.bid_requests": request,
        "exchange.bids": records.bid(name, time, f"a-{name}", line_item),
        "exchange.wins": records.win(name, time, price, currency),
        "exchange.billing_notices": records.billing_notice(name, time),
    }
    return {table: [row] for table, row in whole.items() if draw.random() < 0.9}


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
            records.advertiser("A7", BEFORE, time_zone="America/Los_Angeles"),
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
    warehouse.load(
        "campaigns.line_items",
        [records.line_item("L7", "C7", BEFORE), records.line_item("L8", "C8", BEFORE)],
    )
    warehouse.load(
        "campaigns.campaigns",
        [records.campaign("C8", "A8", BEFORE)],
    )
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
            records.impression("far-stream-again", "2024-08-01 12:00", "L1"),
            records.impression("far-file-later", "2024-08-02 12:00", "L1"),
            records.click("far-click", "2024-09-05 12:00", "far-file-later"),
            records.impression("campaign-late", "2026-10-07 03:00", "L7"),
            records.impression("campaign-late-still", "2026-10-15 12:00", "L7"),
            records.impression("advertiser-late", "2026-11-07 03:00", "L8"),
            records.impression("advertiser-late-still", "2026-11-15 03:00", "L8"),
            records.impression("undescribed", "2026-03-24 12:00:00", "L9", creative_id="CR9"),
            records.click("of-undescribed", "2026-03-24 12:00:30", "undescribed"),
            records.impression("rate-restated", "2026-06-10 12:00", "L1"),
            records.impression("before-the-profile", "2026-12-05 11:00", "L1", user_id="u5"),
            records.impression("profile-late", "2026-12-05 12:00", "L1", user_id="u5"),
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
            records.file_impression("far-stream-later", "2024-08-03 12:00", "L1"),
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
            records.conversion("far-conversion", "2024-09-06 12:00", "A1"),
            records.conversion("converted-by-then", "2026-12-05 13:00", "A1", user_id="u5"),
        ],
    )
    load_all(warehouse, before(records))
    load_all(warehouse, view_windows.before(records))
    load_all(warehouse, attribution_windows.before(records))
    load_all(warehouse, invalid_windows.before(records))
    load_all(warehouse, billing_windows.before(records))
    warehouse.load(
        "exchange.bids",
        [
            records.bid("far-bid", "2024-07-01 12:00", "a-far-bid", "L1"),
            records.bid("of-undescribed", "2026-03-24 12:00", "a-of-undescribed", "L9"),
            records.bid("of-campaign-late", "2026-10-07 03:00", "a-of-campaign-late", "L7"),
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


def first_organizations(warehouse: Any, records: Any) -> None:
    """A1 is found by its permalink, A2 by its domain; a deletion comes before what it deletes."""
    warehouse.load(
        "campaigns.advertisers",
        [
            records.advertiser(
                "A4", BEFORE, crunchbase_permalink="ORG-1", website_domain="x.example"
            ),
            records.advertiser("A5", BEFORE, website_domain="www.two.example"),
        ],
    )
    warehouse.load(
        "crunchbase.organizations",
        [
            records.organization(1, BEFORE, website_url="https://one.example"),
            records.organization(2, BEFORE, website_url="http://two.example:80/about"),
            records.organization(9, BEFORE, website_url="https://x.example"),
        ],
    )
    warehouse.load("crunchbase.funding_rounds", [records.funding_round(1, 1, BEFORE, "0.1")])
    warehouse.load("crunchbase.acquisitions", [records.acquisition(1, 1, 7, BEFORE)])
    warehouse.load("crunchbase.people", [records.person(1, BEFORE, 8), records.person(2, BEFORE)])
    warehouse.load(
        "crunchbase.deleted_entities",
        [records.deleted_entity("organization", "organization-6", "2026-03-20 00:00")],
    )


def second_organizations(warehouse: Any, records: Any) -> None:
    """A second one has A5's domain; a round is restated; one that is deleted is described late."""
    warehouse.load(
        "crunchbase.organizations",
        [
            records.organization(3, "2026-03-28 10:00", website_url="https://www.TWO.example"),
            records.organization(1, "2026-03-28 11:00", name="Renamed", rank_org=3),
            records.organization(6, "2026-03-19 00:00"),
        ],
    )
    rounds = [
        records.funding_round(1, 1, "2026-03-28 10:00", "90071992547409.931"),
        records.funding_round(2, 2, "2026-03-28 10:00", "5"),
    ]
    warehouse.load("crunchbase.funding_rounds", rounds)
    warehouse.load("crunchbase.people", [records.person(1, "2026-03-28 10:00", 1)])


def third_organizations(warehouse: Any, records: Any) -> None:
    """The first with A5's domain goes, so that the second is it; so does a round."""
    warehouse.load(
        "crunchbase.deleted_entities",
        [
            records.deleted_entity("organization", "organization-2", "2026-03-29 10:00"),
            records.deleted_entity("funding_round", "round-2", "2026-03-29 10:00"),
            records.deleted_entity("acquisition", "acquisition-1", "2026-03-29 10:00"),
        ],
    )
    warehouse.load("crunchbase.acquisitions", [records.acquisition(2, 3, 1, "2026-03-29 10:00")])


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
        "campaigns.line_item_creatives",
        [records.line_item_creative("L1", "CR1", "2026-03-29 09:00", weight=3)],
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
            records.impression("far-stream-again", "2024-08-07 12:00", "L2"),
            records.impression("far-stream-later", "2024-08-09 12:00", "L2"),
            records.impression("far-both", "2024-08-10 12:00", "L1"),
            records.click("click-on-the-first", "2024-08-03 12:01", "far-stream-later"),
            records.click("click-on-the-other", "2024-08-09 12:01", "far-stream-later"),
        ],
    )
    load_all(warehouse, late(records))
    load_all(warehouse, view_windows.late(records))
    load_all(warehouse, attribution_windows.late(records))
    load_all(warehouse, invalid_windows.late(records))
    load_all(warehouse, billing_windows.late(records))
    warehouse.load("exchange.bids", [records.bid("far-bid", "2024-07-08 12:00", "other", "L2")])
    warehouse.load(
        "adserver.impressions",
        [
            records.file_impression("weeks-late-file", "2025-08-01 12:00", "L3"),
            records.file_impression("far-file-later", "2024-08-08 12:00", "L2"),
            records.file_impression("far-both", "2024-08-04 12:00", "L2"),
        ],
    )
    warehouse.load(
        "adserver.clicks",
        [
            records.file_click("at-midnight", "2025-10-31 23:59:59", "clicked-at-midnight"),
            records.file_click("far-click", "2024-08-29 12:01", "far-file-later"),
        ],
    )
    warehouse.load(
        "adserver.conversions",
        [
            records.conversion("k1", "2026-03-28 13:00", "A1", user_id="u1"),
            records.conversion("k1", "2026-03-29 00:30", "A1", user_id="u1"),
            records.conversion("k3", "2025-02-02 12:00", "A1"),
            records.conversion("far-conversion", "2024-09-13 12:00", "A1"),
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
    unassigned = records.deletion("2026-03-30 20:00", line_item_id="L1", creative_id="CR1")
    warehouse.load("campaigns.line_item_creatives", [unassigned])
    warehouse.load(
        "fx.rates",
        [
            records.rate("2025-04-09", "USD", "EUR", "0.900000000"),
            records.rate("2026-03-27", "INR", "USD", "0.012000000"),
            records.rate("2026-03-28", "USD", "EUR", "0.930000000"),
            records.rate("2025-01-01", "EUR", "GBP", "0.856300000"),
        ],
    )
    load_all(warehouse, billing_windows.later(records))
    load_traffic(warehouse, traffic(records, 3, ["2026-02-26", "2026-03-30"], "three"))
    warehouse.load(
        "ad_events.events",
        [
            records.click("month-later", "2026-03-31 23:59", "resent"),
            records.impression("file-first", "2026-03-28 11:00", "L1"),
            records.impression("beside-a-loser", "2024-08-07 13:00", "L1"),
            records.impression("beside-another", "2024-08-09 13:00", "L1"),
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


def fourth_window(warehouse: Any, records: Any) -> None:
    """A campaign is described for the first time, three days after its first event."""
    warehouse.load("campaigns.campaigns", [records.campaign("C7", "A7", "2026-10-10 00:00:00")])


def fifth_window(warehouse: Any, records: Any) -> None:
    """An advertiser, and a user, are described for the first time after their first events."""
    california = {"time_zone": "America/Los_Angeles"}
    warehouse.load(
        "campaigns.advertisers", [records.advertiser("A8", "2026-11-10 00:00", **california)]
    )
    at = records.at("2026-12-05 12:00")
    profile = {"user_id": "u5", "age_band": "18-24", "gender": "f", "updated_at": at}
    warehouse.load("campaigns.user_profiles", [profile])


@pytest.fixture(scope="module")
def incremented(new_warehouse: Callable[[], Any], records: Any) -> Any:
    """Five windows, each built as it came."""
    warehouse = new_warehouse()
    windows = (first_window, second_window, third_window, fourth_window, fifth_window)
    organizations = {
        first_window: first_organizations,
        second_window: second_organizations,
        third_window: third_organizations,
    }
    for previous, fill in enumerate(windows):
        fill(warehouse, records)
        if fill in organizations:
            organizations[fill](warehouse, records)
        window = warehouse.window(previous or None, warehouse.pin())
        # Tests take as long as the models, and every kind of change is in the second and third.
        warehouse.build(window, tests=previous in (1, 2), full_refresh=previous == 0)
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


def test_five_increments_equal_one_rebuild(incremented: Any, tmp_path: Path) -> None:
    rebuilt = incremented.without_models(tmp_path)
    rebuilt.build(rebuilt.window(None, 5), full_refresh=True)

    assert_same(rebuilt.everything(), incremented.everything())


def test_the_same_window_again_changes_nothing(incremented: Any) -> None:
    before = incremented.everything()

    incremented.build(incremented.window(2, 5), tests=False)

    assert_same(before, incremented.everything())


def test_dates_that_are_built_again_are_as_a_rebuild_makes_them(incremented: Any) -> None:
    before = incremented.everything()
    manifest = json.loads(
        dbt.parsed(incremented.settings, incremented.file).manifest_file.read_text()
    )
    damaged = [
        (f"{node['schema']}.{node['name']}", node["config"]["partition_by"]["field"])
        for node in manifest["nodes"].values()
        if node["config"]["meta"].get("date_effects")
    ]
    with incremented.connect() as connection:
        for table, column in damaged:
            # Two dates: one whose rows go, and one that gains rows that nothing accounts for.
            connection.execute(f"delete from {table} where {column} = '2026-03-28'")
            connection.execute(
                f"insert into {table} from {table} where {column} = '2026-03-29' limit 1"
            )
    assert len(damaged) > 5
    assert before != incremented.everything()

    newest = incremented.pin_number
    window = json.loads(incremented.window(newest, newest))
    again = {**window, "again": ["2026-03-28", "2026-03-29"]}
    incremented.build(json.dumps(again), tests=False)

    assert_same(before, incremented.everything())


def test_without_a_window_everything_is_taken_and_nothing_changes(incremented: Any) -> None:
    before = incremented.everything()

    incremented.build(None, tests=False)

    assert_same(before, incremented.everything())


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


def test_of_deliveries_far_apart_the_first_loaded_counts(incremented: Any) -> None:
    """The file came first for `far-stream-later`; in one window, the stream ranks before files."""
    assert incremented.query(
        "select impression_id, event_date from core.fct_impressions "
        "where impression_id like 'far-%' order by all"
    ) == [
        ("far-both", date(2024, 8, 10)),
        ("far-file-later", date(2024, 8, 2)),
        ("far-stream-again", date(2024, 8, 1)),
        ("far-stream-later", date(2024, 8, 3)),
    ]
    assert incremented.query(
        "select click_id, event_date, click_class from core.fct_clicks "
        "where event_date between '2024-07-01' and '2024-09-30' order by all"
    ) == [
        ("click-on-the-first", date(2024, 8, 3), "net"),
        ("click-on-the-other", date(2024, 8, 9), "net"),
        ("far-click", date(2024, 9, 5), "orphan"),
    ]
    assert incremented.query(
        "select conversion_id, event_date from core.fct_conversions where conversion_id like 'far%'"
    ) == [("far-conversion", date(2024, 9, 6))]
    assert incremented.query(
        "select bid_id, event_date, line_item_id from core.fct_bids "
        "join core.dim_line_items using (line_item_key) where bid_id = 'far-bid' and is_current"
    ) == [("far-bid", date(2024, 7, 1), "L1")]


def test_every_id_conflict_is_counted_and_listed(incremented: Any) -> None:
    stream, files, clicks = "ad_events.events", "adserver.impressions", "adserver.clicks"
    assert incremented.query(
        "select event_type, event_id, source_table, first_source_table "
        "from business_vault.bv_id_conflicts order by all"
    ) == [
        ("bid", "far-bid", "exchange.bids", "exchange.bids"),
        ("click", "far-click", clicks, stream),
        *(("conversion", k, *("adserver.conversions",) * 2) for k in ("far-conversion", "k1")),
        ("impression", "far-both", files, stream),
        ("impression", "far-file-later", files, stream),
        ("impression", "far-stream-again", stream, stream),
        ("impression", "far-stream-later", stream, files),
        ("impression", "midnight", stream, stream),
        ("impression", "twice", stream, stream),
    ]
    assert incremented.query(
        "select source_table, id_conflict_count from utilities.rpt_source_balance "
        "where id_conflict_count > 0 order by all"
    ) == [
        (stream, 4),
        (clicks, 1),
        ("adserver.conversions", 2),
        (files, 2),
        ("exchange.bids", 1),
    ]


def failures_of(warehouse: Any, folder: Path, test: str, *damages: str) -> list[Any]:
    """What a test of the newest window says of a copy that is damaged."""
    file = folder / warehouse.file.name
    shutil.copy(warehouse.file, file)
    damaged = replace(warehouse, file=file)
    with damaged.connect() as connection:
        for damage in damages:
            connection.execute(damage)
    outcome = damaged.invoke("test", "--select", test, window=damaged.window(4, 5))
    return [failure.name for failure in outcome.failures]


def test_an_event_that_counts_twice_stops_the_build(incremented: Any, tmp_path: Path) -> None:
    """The proof of the lookup: what it missed would be found, wherever it lies."""
    test = "assert_event_keys_are_unique"
    twice = (
        "insert into core.fct_bids by name select * replace (date '2020-01-01' as event_date) "
        "from core.fct_bids where bid_id = 'far-bid'"
    )
    assert failures_of(incremented, tmp_path, test, twice) == [test]


def test_an_id_that_comes_again_too_late_stops_the_first_build_of_a_day(
    incremented: Any, records: Any, tmp_path: Path
) -> None:
    """The lookup ends after a week; the proof over all dates does not, and a rebuild lists it."""
    file = tmp_path / incremented.file.name
    shutil.copy(incremented.file, file)
    heads, pinned = dict(incremented.heads), dict(incremented.pinned)
    later = replace(incremented, file=file, heads=heads, pinned=pinned)
    late = records.conversion("far-conversion", "2024-09-14 12:00", "A1")
    later.load("adserver.conversions", [late])
    window = json.loads(later.window(5, later.pin()))
    models = ["nhl_conversion__adserver", "bv_id_conflicts", "fct_conversions"]
    proof = "assert_event_keys_are_unique"

    def outcome(*arguments: str, **changes: Any) -> list[str]:
        said = later.invoke(*arguments, window=json.dumps({**window, **changes}))
        return [failure.name for failure in said.failures]

    assert outcome("run", "--select", "stg_adserver__conversions", *models) == []
    assert outcome("test", "--select", proof, is_first_of_day=False) == []
    assert outcome("test", "--select", proof, is_first_of_day=True) == [proof]

    (tmp_path / "rebuilt").mkdir()
    rebuilt = later.without_models(tmp_path / "rebuilt")
    rebuilt.build(rebuilt.window(None, 6), full_refresh=True)
    assert rebuilt.query(
        "select event_date from business_vault.bv_id_conflicts where event_id = 'far-conversion' "
        "order by all"
    ) == [(date(2024, 9, 13),), (date(2024, 9, 14),)]


@pytest.mark.parametrize(
    ("line_item", "others"),
    [
        ("L9", ["analytics.rpt_auction_funnel_daily"]),
        ("L9", ["finance.fct_delivery_billing_daily"]),
        ("LA", ["analytics.rpt_auction_funnel_daily", "finance.fct_delivery_billing_daily"]),
    ],
)
def test_a_dimension_that_comes_too_late_stops_the_build(
    incremented: Any, tmp_path: Path, line_item: str, others: list[str]
) -> None:
    """In each reader alone: a line item whose bids bought nothing stands in the funnel only."""
    test = "assert_no_dimension_came_too_late"
    late = (
        "update raw_vault.sat_line_item__campaigns set effective_from = timestamp '2027-01-01', "
        f"load_pin = 5 where line_item_name like '%{line_item}'"
    )
    deletions = [f"delete from {other}" for other in others]
    assert failures_of(incremented, tmp_path, test) == []
    assert failures_of(incremented, tmp_path, test, late, *deletions) == [test]


def test_what_came_late_of_auctions_is_known_where_it_belongs(incremented: Any) -> None:
    """Worked out by hand; 2.00 EUR CPM each."""
    assert incremented.query(
        "select bid_id, ad_format is not null, is_won, is_billed, is_rendered from core.fct_bids "
        "where event_date < '2024-07-01' order by all"
    ) == [
        ("b-after", True, True, True, False),
        ("b-before", True, True, True, False),
        ("f-after", False, False, False, True),
        ("f-before", False, False, False, True),
        ("n-after", False, False, True, False),
        ("n-before", False, False, True, False),
        ("r-after", True, True, True, False),
        ("r-before", True, True, True, False),
        ("s-bid-after", False, False, False, False),
        ("s-bid-before", False, False, False, False),
        ("w-after", False, True, False, False),
        ("w-before", False, True, False, False),
    ]
    assert incremented.query(
        "select line_item_id, advertiser_date, media_cost_amount "
        "from finance.fct_line_item_billing_daily "
        "where advertiser_date < '2024-07-01' and media_cost_amount > 0 order by all"
    ) == [
        ("L1", date(2024, 3, 23), Decimal("0.002")),
        ("L1", date(2024, 4, 17), Decimal("0.002")),
        ("L1", date(2024, 5, 25), Decimal("0.002")),
        ("L1", date(2024, 6, 15), Decimal("0.002")),
        ("L3", date(2024, 3, 13), Decimal("0.002")),
        ("L3", date(2024, 4, 7), Decimal("0.002")),
    ]
    assert incremented.query(
        "select bid_id, is_rendered, clearing_price_micros, is_bid_known, exchange "
        "from core.fct_billing_notices where event_date < '2024-07-01' order by all"
    ) == [
        ("b-after", False, 2_000_000, True, "X"),
        ("b-before", False, 2_000_000, True, "X"),
        ("f-billed-after", True, None, False, None),
        ("f-billed-before", True, None, False, None),
        ("f-twice", True, 2_000_000, False, None),
        ("n-after", False, None, True, "X"),
        ("n-before", False, None, True, "X"),
        ("n-shown-after", True, 2_000_000, False, None),
        ("n-shown-before", True, 2_000_000, False, None),
        ("r-after", False, 2_000_000, True, "X"),
        ("r-before", False, 2_000_000, True, "X"),
        ("s-billed-after", False, None, False, None),
        ("s-billed-before", False, None, False, None),
        ("s-twice", True, 2_000_000, False, None),
        ("w-shown-after", True, 2_000_000, False, None),
        ("w-shown-before", True, 2_000_000, False, None),
        ("w-twice", True, None, False, None),
    ]


def test_what_was_seen_is_known_however_late(incremented: Any) -> None:
    """A second at half of the pixels each; the interval on the other side of a midnight."""
    assert incremented.query(
        "select impression_id, is_measurable, is_viewable, in_view_ms from core.fct_viewability "
        "where event_date between '2023-01-01' and '2023-04-30' order by all"
    ) == [
        ("beside", False, False, 0),
        ("in-a-file", True, True, 1000),
        ("read-after", True, True, 1000),
        ("read-before", True, True, 1000),
        ("seen-after", True, True, 1000),
        ("seen-before", True, True, 1000),
    ]


def test_a_video_finds_its_impression_however_late(incremented: Any) -> None:
    """Beside a midnight; two days from the stream's impression the file's has given way to it."""
    assert incremented.query(
        "select event_date, video_event, impression_key is not null "
        "from core.fct_video_events where event_date between '2023-05-01' and '2023-08-31' "
        "order by all"
    ) == [
        (date(2023, 5, 14), "start", True),
        (date(2023, 5, 16), "start", True),
        (date(2023, 6, 14), "start", True),
        (date(2023, 6, 16), "start", True),
        (date(2023, 7, 11), "complete", True),
        (date(2023, 8, 13), "start", False),
        (date(2023, 8, 17), "start", False),
    ]


def test_what_led_to_a_conversion_is_known_however_late(incremented: Any) -> None:
    """June: display leads to two conversions, social to one of them: effects 1 and 1/2.

    July: without display one path of three converts, with it two; without social none: 1/2 and 1,
    had the path that leads to nothing not come; with it, 1/3 and 1.
    """
    assert incremented.query(
        "select conversion_id, touch_number, touch_id, age_hours, markov_credit, shapley_credit "
        "from core.fct_attribution_touches where event_date between '2022-01-01' and '2022-12-31' "
        "order by event_date, touch_number"
    ) == [
        ("chained", 1, "chain-click", 720, 10**6, 10**6),
        ("by-click", 1, "late-click", 720, 10**6, 10**6),
        ("june-too", 1, "june-1", 4, 10**6, 10**6),
        ("june", 1, "june-2", 4, 666_667, 750_000),
        ("june", 2, "june-3", 3, 333_333, 250_000),
        ("july", 1, "july-1", 4, 250_000, 250_000),
        ("july", 2, "july-2", 3, 750_000, 750_000),
        ("july-too", 1, "july-3", 3, 10**6, 10**6),
        ("widest", 1, "at-the-end", 48, 10**6, 10**6),
        ("midnight", 1, "gives-way", 24, 10**6, 10**6),
    ]


def test_sessions_are_what_they_are_however_late_an_action_comes(incremented: Any) -> None:
    """In November nobody rests any more, so that a session begins two dates later."""
    assert incremented.query(
        "select strftime(started_at, '%Y-%m-%d %H:%M'), action_count from core.fct_sessions "
        "where event_date between '2023-09-01' and '2023-11-30' order by all"
    ) == [
        ("2023-09-10 23:50", 2),
        ("2023-10-10 23:40", 2),
        ("2023-11-10 00:00", 96),
        ("2023-11-12 00:00", 48),
    ]


def test_what_came_late_turned_older_verdicts(incremented: Any) -> None:
    found: dict[str, dict[str, int]] = {}
    for story in invalid_windows.STORIES:
        for reason, count in incremented.query(
            "select reason_code, count(*) "
            "from business_vault.bv_invalid_traffic where event_date "
            f"between '{invalid_windows.day_of(story)}' "
            f"and '{invalid_windows.day_of(story, 2)}' group by all"
        ):
            found.setdefault(story, {})[reason] = count
    assert found == invalid_windows.VERDICTS
    later = incremented.query(
        "select click_id, click_class, invalid_reason_code from core.fct_clicks "
        "where click_id like '%month-after%'"
    )
    assert {click.partition("-month")[0]: (kind, reason) for click, kind, reason in later} == {
        **dict.fromkeys(invalid_windows.INVALID_LATER, ("invalid", "invalid_impression")),
        "moved-on": ("net", None),
    }


def test_what_dimensions_and_rates_say_late_is_billed(incremented: Any) -> None:
    """L9: 1 x 4.00 / 1000. L1: 1 x 4.40 / 1000. L2: 1 x 5.123457 / 1000 x 0.90, half away."""
    assert incremented.query(
        "select line_item_id, advertiser_id, advertiser_date, billed_base_amount "
        "from finance.fct_line_item_billing_daily where billed_amount > 0 and (line_item_id, "
        "advertiser_date) in (('L9', date '2026-03-24'), ('L1', date '2026-06-10'), "
        "('L2', date '2025-04-10')) order by all"
    ) == [
        ("L1", "A1", date(2026, 6, 10), Decimal("0.0044")),
        ("L2", "A1", date(2025, 4, 10), Decimal("0.004611111")),
        ("L9", "A2", date(2026, 3, 24), Decimal("0.004")),
    ]
    assert incremented.query(
        "select line_item_id, advertiser_id, advertiser_date, gross_impression_count "
        "from finance.fct_line_item_billing_daily where line_item_id in ('L7', 'L8') order by all"
    ) == [
        ("L7", "A7", date(2026, 10, 6), 1),
        ("L7", "A7", date(2026, 10, 15), 1),
        ("L8", "A8", date(2026, 11, 6), 1),
        ("L8", "A8", date(2026, 11, 14), 1),
    ]
    assert incremented.query(
        "select line_item_id, advertiser_date, gross_impression_count "
        "from finance.fct_line_item_billing_daily "
        "where advertiser_date between '2025-05-01' and '2025-05-31' order by all"
    ) == [
        ("L1", date(2025, 5, 9), 1),
        ("L1", date(2025, 5, 11), 2),
        ("L3", date(2025, 5, 13), 1),
    ]


def test_what_conversions_bill_and_exchanges_give_back_is_known_however_late(
    incremented: Any,
) -> None:
    """May: display leads to two conversions, social to one of them, so 2 : 1 of the shared one.

    3.000003 x 0.666667 is 2.000003000001, and x 0.333333 is 0.999999999999.
    """
    assert incremented.query(
        "select line_item_id, advertiser_date, attributed_conversion_count, cpa_billed_amount, "
        "attributed_value_amount, billed_base_amount from finance.fct_line_item_billing_daily "
        "where attributed_conversion_count > 0 "
        "and advertiser_date between '2021-01-01' and '2021-12-31' order by all"
    ) == [
        ("LA", date(2021, 2, 1), 1, Decimal("1.000003"), 0, Decimal("1.000003")),
        (
            *("LB", date(2021, 4, 30), Decimal("0.666667"), Decimal("2.000003")),
            *(Decimal("6.66667"), Decimal("2.000003")),
        ),
        ("LB", date(2021, 5, 20), 1, Decimal("3.000003"), 0, Decimal("3.000003")),
        ("LS", date(2021, 4, 30), Decimal("0.333333"), 1, Decimal("3.33333"), 1),
    ]
    assert incremented.query(
        "select line_item_id, campaign_id, advertiser_id, advertiser_date, credit_amount, "
        "media_cost_amount, margin_base_amount from finance.fct_line_item_billing_daily "
        "where credit_amount <> 0 order by all"
    ) == [
        ("L1", "C1", "A1", date(2021, 8, 1), 3, -3, 3),
        (
            *("LB", "C2", "A2", date(2021, 8, 1)),
            *(Decimal("1.5"), Decimal("-1.5"), Decimal("1.5")),
        ),
    ]


def test_who_saw_what_is_told_from_the_profile_on(incremented: Any) -> None:
    """The impression at noon and the conversion after it are of somebody known."""
    assert incremented.query(
        "select age_band, gender, net_impression_count "
        "from analytics.rpt_audience_performance_daily where event_date = '2026-12-05' order by all"
    ) == [("18-24", "f", 1), ("unknown", "unknown", 1)]
    assert incremented.query(
        "select age_band, gender, attributed_conversion_count "
        "from analytics.rpt_audience_conversions_daily where event_date = '2026-12-05'"
    ) == [("18-24", "f", Decimal(1))]


def test_whose_a_line_item_was_and_what_it_rotated(incremented: Any) -> None:
    """L7 and L9 have no campaign before it is described, L8 no advertiser; L3 goes."""
    first, last = "2026-01-01 00:00", "9999-12-31 00:00"
    stretch = (
        "strftime(valid_from, '%Y-%m-%d %H:%M') as since, strftime(valid_to, '%Y-%m-%d %H:%M') "
    )
    assert incremented.query(
        f"select line_item_id, campaign_id, advertiser_id, rate_micros, advertiser_name, {stretch}"
        "from analytics.rpt_campaign_hierarchy where line_item_id <> 'L2' "
        "order by line_item_id, since"
    ) == [
        ("L1", "C1", "A1", 4_000_000, "Advertiser A1", first, "2026-03-27 18:00"),
        ("L1", "C1", "A1", 4_400_000, "Advertiser A1", "2026-03-27 18:00", last),
        ("L3", "C2", "A2", 333_333, "Advertiser A2", first, "2026-03-29 00:00"),
        ("L3", "C2", "A2", 333_333, "Advertiser A2", "2026-03-29 00:00", "2026-03-30 20:00"),
        ("L7", "C7", "A7", 4_000_000, "Advertiser A7", "2026-10-10 00:00", last),
        ("L8", "C8", "A8", 4_000_000, None, first, "2026-11-10 00:00"),
        ("L8", "C8", "A8", 4_000_000, "Advertiser A8", "2026-11-10 00:00", last),
        ("L9", "C9", "A2", 4_000_000, "Advertiser A2", "2026-07-01 08:00", last),
        ("LA", "C1", "A1", 1_000_003, "Advertiser A1", first, last),
        ("LB", "C2", "A2", 3_000_003, "Advertiser A2", first, "2026-03-29 00:00"),
        ("LB", "C2", "A2", 3_000_003, "Advertiser A2", "2026-03-29 00:00", last),
        ("LS", "C2", "A2", 3_000_003, "Advertiser A2", first, "2026-03-29 00:00"),
        ("LS", "C2", "A2", 3_000_003, "Advertiser A2", "2026-03-29 00:00", last),
        ("LW", "C1", "A1", 4_000_000, "Advertiser A1", first, last),
    ]
    assert incremented.query(
        f"select line_item_id, creative_id, weight, {stretch}"
        "from analytics.rpt_creative_rotation order by since"
    ) == [
        ("L1", "CR1", 1, first, "2026-03-29 09:00"),
        ("L1", "CR1", 3, "2026-03-29 09:00", "2026-03-30 20:00"),
    ]


def test_organizations_are_as_they_were_described_last(incremented: Any) -> None:
    """Outcomes worked out by hand."""
    assert incremented.query(
        "select organization_id, organization_name, is_current, is_deleted, is_inferred "
        "from core.dim_organizations order by organization_id, valid_from"
    ) == [
        ("organization-1", "Organization 1", False, False, False),
        ("organization-1", "Renamed", True, False, False),
        ("organization-2", "Organization 2", False, False, False),
        ("organization-2", "Organization 2", True, True, False),
        ("organization-3", "Organization 3", True, False, False),
        ("organization-6", "Organization 6", False, False, False),
        ("organization-6", "Organization 6", True, True, False),
        ("organization-7", None, True, False, True),
        ("organization-8", None, True, False, True),
        ("organization-9", "Organization 9", True, False, False),
    ]
    assert incremented.query(
        "select advertiser_id, organization_id, organization_matched_by from core.dim_advertisers "
        "join core.dim_organizations as organizations using (organization_key) "
        "where organizations.is_current and dim_advertisers.is_current order by all"
    ) == [("A4", "organization-1", "permalink"), ("A5", "organization-3", "domain")]
    assert incremented.query(
        "select funding_round_id, organization_id, money_raised_amount, currency_code "
        "from core.fct_funding_rounds order by all"
    ) == [("round-1", "organization-1", Decimal("90071992547409.931"), "JPY")]
    assert incremented.query(
        "select acquisition_id, acquirer_id, acquiree_id from core.fct_acquisitions"
    ) == [("acquisition-2", "organization-3", "organization-1")]
