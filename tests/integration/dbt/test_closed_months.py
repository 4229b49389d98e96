"""A closed month on net figures: what came late of it is an adjustment, to the nano-unit."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.dbt.auction_windows import bought

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dbt")]

BEFORE = "2025-12-01 00:00"
LINE = (
    "line_item_id, campaign_id, advertiser_id, advertiser_date, currency_code, base_currency_code, "
    "billed_amount, billed_base_amount, media_cost_amount, media_cost_base_amount"
)
AMOUNTS = "billed_amount, billed_base_amount, media_cost_amount, media_cost_base_amount"


def in_january(warehouse: Any, records: Any) -> None:
    """What is known when January closes: i1 and i2 were bought at 2.00 EUR CPM each."""
    warehouse.load("campaigns.advertisers", [records.advertiser("A1", BEFORE)])
    warehouse.load("campaigns.campaigns", [records.campaign("C1", "A1", BEFORE)])
    cpc = {"pricing_model": "CPC", "rate_micros": 500_000, "currency": "USD"}
    cpa = {"pricing_model": "CPA", "rate_micros": 30_000_000}
    warehouse.load(
        "campaigns.line_items",
        [
            records.line_item("L1", "C1", BEFORE),
            records.line_item("L2", "C1", BEFORE, **cpc),
            records.line_item("L3", "C1", BEFORE, **cpa),
        ],
    )
    warehouse.load(
        "campaigns.credit_notes", [records.credit_note("N1", "L1", "2026-01-01", 250_000, BEFORE)]
    )
    warehouse.load("fx.rates", [records.rate("2026-01-01", "USD", "EUR", "0.900000000")])
    shown = "2026-01-10 12:00"
    for bid in ("b1", "b2"):
        warehouse.load("exchange.bids", [records.bid(bid, shown, f"a-{bid}", "L1")])
        warehouse.load("exchange.wins", [records.win(bid, shown)])
        warehouse.load("exchange.billing_notices", [records.billing_notice(bid, shown)])
    warehouse.load(
        "ad_events.events",
        [
            records.impression("i1", shown, "L1", user_id="u1", **bought("b1")),
            records.impression("i2", "2026-01-10 13:00", "L1", user_id="u2", **bought("b2")),
            records.impression("i3", "2026-01-10 14:00", "L2", user_id="u3"),
            records.click("c3", "2026-01-10 14:01", "i3", user_id="u3"),
            records.impression("i4", "2026-01-12 10:00", "L3", user_id="u4"),
        ],
    )


def after_january(warehouse: Any, records: Any) -> None:
    """i1 proves to be invalid; a credit note comes, one is corrected, so is a rate; k4 is late."""
    warehouse.load(
        "ad_events.events",
        [records.impression("i1", "2026-01-10 12:00", "L1", user_agent="Other/1.0")],
    )
    warehouse.load(
        "campaigns.credit_notes",
        [
            records.credit_note("N1", "L1", "2026-01-01", 200_000, "2026-02-03 00:00"),
            records.credit_note("N2", "L1", "2026-01-01", 1_500_000, "2026-02-03 00:00"),
        ],
    )
    warehouse.load("fx.rates", [records.rate("2026-01-01", "USD", "EUR", "0.950000000")])
    warehouse.load(
        "adserver.conversions", [records.conversion("k4", "2026-01-12 12:00", "A1", user_id="u4")]
    )


def close(warehouse: Any, period: str, kind: str, lines: str) -> None:
    """What `adx finance close` appends: the lines, then the month."""
    with warehouse.connect() as connection:
        connection.execute(
            f"insert into ops.frozen_lines select '{period}' || row_number() over (), "
            f"'{period}-b', row_number() over (), '{period}', '{kind}', {LINE} from ({lines})"
        )
        connection.execute(
            "insert into ops.billing_periods values "
            f"('{period}', '{period}', 'closed', '{period}-b', 'b', 1, '2026-03-02', 1, 1)"
        )


def exact(*amounts: str | int) -> tuple[Decimal, ...]:
    return tuple(Decimal(amount) for amount in amounts)


def totals(warehouse: Any, table: str, where: str = "true") -> list[tuple[Any, ...]]:
    sums = ", ".join(f"sum({amount})" for amount in AMOUNTS.split(", "))
    return warehouse.query(
        f"select line_item_id, advertiser_date, {sums} from finance.{table} "
        f"where advertiser_date < '2026-02-01' and {where} group by all "
        "having sum(abs(billed_base_amount) + abs(media_cost_base_amount)) > 0 order by all"
    )


def test_a_closed_month_stays_as_it_was_and_adjustments_hold_what_came_late(
    new_warehouse: Callable[[], Any], records: Any
) -> None:
    warehouse = new_warehouse()
    in_january(warehouse, records)
    warehouse.build(warehouse.window(None, warehouse.pin()), full_refresh=True)
    closed = "select * from finance.fct_line_item_spend_daily where advertiser_date < '2026-02-01'"
    close(warehouse, "2026-01", "line", closed)
    frozen = warehouse.query(f"select {LINE} from ops.frozen_lines order by all")
    assert [(row[0], str(row[3]), row[4], *row[6:]) for row in frozen] == [
        ("L1", "2026-01-01", "EUR", *exact(0, 0, "-0.25", "-0.25")),
        ("L1", "2026-01-10", "EUR", *exact("0.008", "0.008", "0.004", "0.004")),
        ("L2", "2026-01-10", "USD", *exact("0.5", "0.45", 0, 0)),
        ("L3", "2026-01-12", "EUR", *exact(0, 0, 0, 0)),
    ]

    after_january(warehouse, records)
    warehouse.build(warehouse.window(1, warehouse.pin()))
    assert warehouse.query(f"select {LINE} from finance.fct_frozen_lines order by all") == frozen
    adjustments = (
        "select billing_period, line_item_id, advertiser_date, currency_code, "
        f"{AMOUNTS} from finance.fct_billing_adjustments order by all"
    )
    assert [(*row[:2], str(row[2]), *row[3:]) for row in warehouse.query(adjustments)] == [
        ("2026-02", "L1", "2026-01-01", "EUR", *exact(0, 0, "-1.45", "-1.45")),
        ("2026-02", "L1", "2026-01-10", "EUR", *exact("-0.004", "-0.004", 0, 0)),
        ("2026-02", "L2", "2026-01-10", "USD", *exact(0, "0.025", 0, 0)),
        ("2026-02", "L3", "2026-01-12", "EUR", *exact(30, 30, 0, 0)),
    ]

    close(
        warehouse,
        "2026-02",
        "adjustment",
        "select * from finance.fct_billing_adjustments where billing_period = '2026-02'",
    )
    warehouse.build(warehouse.window(2, warehouse.pin()))
    assert warehouse.query(adjustments) == []
    assert (
        warehouse.query(
            f"select {LINE} from finance.fct_frozen_lines where billing_period = '2026-01' "
            "order by all"
        )
        == frozen
    )
    truth = totals(warehouse, "fct_line_item_spend_daily")
    assert len(truth) == 4
    assert totals(warehouse, "fct_frozen_lines") == truth
