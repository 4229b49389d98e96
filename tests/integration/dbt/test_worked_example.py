"""The worked example of the ad-tech definitions: its figures come out exactly.

Advertiser A1 (EUR, Europe/Berlin); L1 is CPM at 4.00 EUR, L2 CPC at 0.50 EUR. Figures are the ones
written in the definitions; billing is given gross here, worked out by hand: i4 (a declared bot's)
and its click count as well.
"""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dbt")]

BEFORE = "2026-01-01 00:00"
D1, D2 = date(2026, 3, 1), date(2026, 3, 2)


@pytest.fixture(scope="module")
def warehouse(new_warehouse: Callable[[], Any], records: Any) -> Any:
    made = new_warehouse()
    l2 = {"currency": "EUR", "channel": "social"}
    made.load("campaigns.advertisers", [records.advertiser("A1", BEFORE)])
    made.load("campaigns.campaigns", [records.campaign("C1", "A1", BEFORE)])
    made.load(
        "campaigns.line_items",
        [
            records.line_item("L1", "C1", BEFORE, rate_micros=4_000_000),
            records.line_item("L2", "C1", BEFORE, pricing_model="CPC", rate_micros=500_000, **l2),
        ],
    )
    made.load("campaigns.creatives", [records.creative("CR1", "A1", BEFORE)])
    made.load("campaigns.publishers", [records.publisher("PUB1", BEFORE)])
    made.load("campaigns.sites", [records.site("S1", "PUB1", BEFORE)])
    made.load("campaigns.placements", [records.placement("P1", "S1", BEFORE)])
    auctions = [
        ("i1", "2026-03-01 22:30", "L1", 2_000_000),
        ("i2", "2026-03-01 23:30", "L2", 3_000_000),
        ("i3", "2026-03-02 10:00", "L1", 2_000_000),
        ("i4", "2026-03-02 10:05", "L1", 1_000_000),
    ]
    bought = {
        name: {"exchange": "X", "auction_id": f"a-{name}", "imp_id": "1", "bid_id": f"b-{name}"}
        for name, *_ in auctions
    }
    made.load(
        "exchange.bid_requests",
        [records.bid_request(f"a-{name}", time) for name, time, *_ in auctions],
    )
    made.load(
        "exchange.bids",
        [records.bid(f"b-{name}", time, f"a-{name}", item) for name, time, item, _ in auctions],
    )
    made.load(
        "exchange.wins",
        [records.win(f"b-{name}", time, price) for name, time, _, price in auctions],
    )
    made.load(
        "exchange.billing_notices",
        [records.billing_notice(f"b-{name}", time) for name, time, *_ in auctions],
    )
    large = {"width": 970, "height": 250, "clearing_price_micros": 3_000_000, "channel": "social"}
    bot = {"user_agent": "Googlebot/2.1", "clearing_price_micros": 1_000_000}
    made.load(
        "ad_events.events",
        [
            records.impression("i1", "2026-03-01 22:30", "L1", user_id="u1", **bought["i1"]),
            records.interval("i1", "2026-03-01 22:30", 0, (0, 400), "0.60"),
            records.interval("i1", "2026-03-01 22:30", 1, (500, 1300), "0.55"),
            records.impression(
                "i2", "2026-03-01 23:30", "L2", user_id="u1", **large, **bought["i2"]
            ),
            records.interval("i2", "2026-03-01 23:30", 0, (0, 1000), "0.35"),
            records.click("c1", "2026-03-01 23:30:05", "i2", user_id="u1"),
            records.click("c2", "2026-03-01 23:30:06", "i2", user_id="u1"),
            records.click("c3", "2026-03-01 23:30:09", "i2", user_id="u1"),
            records.impression("i3", "2026-03-02 10:00", "L1", user_id="u1", **bought["i3"]),
            records.interval("i3", "2026-03-02 10:00", 0, (0, 600), "0.80"),
            records.interval("i3", "2026-03-02 10:00", 1, (900, 1700), "0.80"),
            records.impression("i4", "2026-03-02 10:05", "L1", user_id="u2", **bot, **bought["i4"]),
            records.click("c4", "2026-03-02 10:06", "i4", user_id="u2", user_agent="Googlebot/2.1"),
            records.click("c5", "2026-03-02 10:06", "does-not-exist", user_id="u2"),
        ],
    )
    made.load(
        "adserver.conversions",
        [
            records.conversion(
                "k1", "2026-03-02 12:00", "A1", user_id="u1", value=Decimal(90), currency="EUR"
            ),
            records.conversion(
                "k2", "2026-03-02 13:00", "A1", user_id="u2", conversion_type="signup"
            ),
        ],
    )
    made.build(made.window(None, made.pin()), full_refresh=True)
    return made


def test_gross_impressions_are_four(warehouse: Any) -> None:
    assert warehouse.query(
        "select event_date, count(*) from core.fct_impressions group by all order by all"
    ) == [(D1, 2), (D2, 2)]


def test_the_bots_impression_is_invalid(warehouse: Any) -> None:
    assert warehouse.query(
        "select impression_id, is_invalid, invalid_reason_code from core.fct_impressions "
        "order by all"
    ) == [
        ("i1", False, None),
        ("i2", False, None),
        ("i3", False, None),
        ("i4", True, "givt_bot_user_agent"),
    ]


def test_every_click_has_its_class(warehouse: Any) -> None:
    assert warehouse.query("select click_id, click_class from core.fct_clicks order by all") == [
        ("c1", "net"),
        ("c2", "repeat"),
        ("c3", "net"),
        ("c4", "invalid"),
        ("c5", "orphan"),
    ]


def test_the_day_adds_up_over_campaigns(warehouse: Any) -> None:
    assert warehouse.query(
        "select event_date, advertiser_id, campaign_id, gross_impression_count, "
        "net_impression_count, gross_click_count, orphan_click_count, invalid_click_count, "
        "repeat_click_count, net_click_count, conversion_count, gross_ctr_rate, ctr_rate "
        "from analytics.rpt_campaign_performance_daily "
        "order by event_date, advertiser_id nulls last, campaign_id nulls last"
    ) == [
        (D1, "A1", "C1", 2, 2, 3, 0, 0, 1, 2, 0, Decimal("1.5"), Decimal(1)),
        (D2, "A1", "C1", 2, 1, 1, 0, 1, 0, 0, 0, Decimal("0.5"), Decimal(0)),
        (D2, "A1", None, 0, 0, 0, 0, 0, 0, 0, 2, None, None),
        (D2, None, None, 0, 0, 1, 1, 0, 0, 0, 0, None, None),
    ]


def test_what_was_in_view(warehouse: Any) -> None:
    """i1 for 1.3 s, i2 (large) for a second at 35 %; i3 has a gap of 300 ms, i4 no interval."""
    assert warehouse.query(
        "select impression_id, is_measurable, is_viewable, in_view_ms from core.fct_viewability "
        "order by all"
    ) == [
        ("i1", True, True, 1200),
        ("i2", True, True, 1000),
        ("i3", True, False, 1400),
        ("i4", False, False, 0),
    ]
    assert warehouse.query(
        "select event_date, line_item_id, net_impression_count, measurable_impression_count, "
        "viewable_impression_count, measured_rate, viewable_rate "
        "from analytics.rpt_viewability_daily order by all"
    ) == [
        (D1, "L1", 1, 1, 1, Decimal(1), Decimal(1)),
        (D1, "L2", 1, 1, 1, Decimal(1), Decimal(1)),
        (D2, "L1", 1, 1, 0, Decimal(1), Decimal(0)),
    ]


def test_conversions_carry_their_value(warehouse: Any) -> None:
    assert warehouse.query(
        "select conversion_id, advertiser_id, conversion_type, conversion_value_amount, "
        "currency_code from core.fct_conversions order by all"
    ) == [("k1", "A1", "purchase", Decimal(90), "EUR"), ("k2", "A1", "signup", None, None)]


def test_billing_is_by_the_advertisers_dates(warehouse: Any) -> None:
    """Net: neither i4, which is invalid, nor c2, a repeat, is billed; i4 costs all the same."""
    assert warehouse.query(
        "select line_item_id, advertiser_date, currency_code, gross_impression_count, "
        "net_impression_count, net_click_count, attributed_conversion_count, "
        "media_cost_amount, billed_amount, "
        "media_cost_base_amount, billed_base_amount, margin_base_amount "
        "from finance.fct_line_item_billing_daily order by all"
    ) == [
        (
            *("L1", D1, "EUR", 1, 1, 0, Decimal(0)),
            *(Decimal("0.002"), Decimal("0.004"), Decimal("0.002"), Decimal("0.004")),
            Decimal("0.002"),
        ),
        (
            *("L1", D2, "EUR", 2, 1, 0, Decimal(0)),
            *(Decimal("0.003"), Decimal("0.004"), Decimal("0.003"), Decimal("0.004")),
            Decimal("0.001"),
        ),
        (
            *("L2", D2, "EUR", 1, 1, 2, Decimal(1)),
            *(Decimal("0.003"), Decimal(1), Decimal("0.003"), Decimal(1)),
            Decimal("0.997"),
        ),
    ]


def test_what_spend_comes_to_follows_from_the_sums(warehouse: Any) -> None:
    """By the model last, L2 led to k1, which was worth 90.00."""
    assert warehouse.query(
        "select line_item_id, advertiser_date, margin_rate, ecpm_base_amount, ecpc_base_amount, "
        "cpa_base_amount, roas_rate from finance.rpt_line_item_margin_daily order by all"
    ) == [
        ("L1", D1, Decimal("0.5"), Decimal(4), None, None, Decimal(0)),
        ("L1", D2, Decimal("0.25"), Decimal(4), None, None, Decimal(0)),
        ("L2", D2, Decimal("0.997"), Decimal(1000), Decimal("0.5"), Decimal(1), Decimal(90)),
    ]


def test_the_auction_funnel_of_the_days(warehouse: Any) -> None:
    """Every slot was bid for (4.00 EUR CPM each), won, billed and rendered."""
    assert warehouse.query(
        "select event_date, sum(imp_count), sum(bid_count), sum(win_count), sum(billed_bid_count), "
        "sum(bought_impression_count), sum(unrendered_billed_bid_count) "
        "from analytics.rpt_auction_funnel_daily group by all order by all"
    ) == [(D1, 2, 2, 2, 2, 2, 0), (D2, 2, 2, 2, 2, 2, 0)]
    assert warehouse.query(
        "select line_item_id, sum(bid_price_amount), sum(clearing_price_amount) "
        "from analytics.rpt_auction_prices_daily group by all order by all"
    ) == [("L1", Decimal("0.012"), Decimal("0.005")), ("L2", Decimal("0.004"), Decimal("0.003"))]


def test_every_delivery_is_accounted_for(warehouse: Any) -> None:
    assert warehouse.query(
        "select source_table, loaded_count, distinct_count, duplicate_count, id_conflict_count "
        "from utilities.rpt_source_balance where loaded_count > 0 "
        "and source_table not like 'camp%' order by all"
    ) == [
        ("ad_events.events", 14, 14, 0, 0),
        ("adserver.conversions", 2, 2, 0, 0),
        ("exchange.bid_requests", 4, 4, 0, 0),
        ("exchange.bids", 4, 4, 0, 0),
        ("exchange.billing_notices", 4, 4, 0, 0),
        ("exchange.wins", 4, 4, 0, 0),
    ]


def test_the_touches_of_the_conversion_and_their_credits(warehouse: Any) -> None:
    """i2 counts as its clicks; k2 is organic, since its only impression is invalid."""
    assert warehouse.query(
        "select conversion_id, touch_number, touch_id, touch_type, age_hours, first_credit, "
        "last_credit, linear_credit, position_credit, time_decay_credit, markov_credit, "
        "shapley_credit from core.fct_attribution_touches order by all"
    ) == [
        ("k1", 1, "i1", "view", 13, 10**6, 0, 250_000, 400_000, 246_628, 333_334, 250_000),
        ("k1", 2, "c1", "click", 12, 0, 0, 250_000, 100_000, 247_647, 166_667, 250_000),
        ("k1", 3, "c3", "click", 12, 0, 10**6, 250_000, 100_000, 247_647, 166_666, 250_000),
        ("k1", 4, "i3", "view", 2, 0, 0, 250_000, 400_000, 258_078, 333_333, 250_000),
    ]


def test_every_model_attributes_the_value_of_the_conversion(warehouse: Any) -> None:
    """First: i1 (L1). Last: c3 (L2). Linear: half each. Position: 80 and 20 %."""
    assert warehouse.query(
        "select attribution_model, line_item_id, sum(conversion_count), "
        "sum(conversion_value_amount) from analytics.rpt_attribution_daily "
        "where attribution_model in ('first', 'last', 'linear', 'position') "
        "and conversion_count > 0 group by all order by all"
    ) == [
        ("first", "L1", Decimal(1), Decimal(90)),
        ("first", None, Decimal(1), None),
        ("last", "L2", Decimal(1), Decimal(90)),
        ("last", None, Decimal(1), None),
        ("linear", "L1", Decimal("0.5"), Decimal(45)),
        ("linear", "L2", Decimal("0.5"), Decimal(45)),
        ("linear", None, Decimal(1), None),
        ("position", "L1", Decimal("0.8"), Decimal(72)),
        ("position", "L2", Decimal("0.2"), Decimal(18)),
        ("position", None, Decimal(1), None),
    ]


def test_unit_tests_judge_the_code_also_where_nothing_is_new(warehouse: Any) -> None:
    first, nothing_new = warehouse.pin_number, warehouse.pin()
    outcome = warehouse.invoke(
        "test", "--select", "test_type:unit", window=warehouse.window(first, nothing_new)
    )
    assert [failure.name for failure in outcome.failures] == []
    assert outcome.tests > 100
