"""Which billing notices make media cost, as the chain says it once more."""

import duckdb
import pytest
import yaml

from ingestion.settings import PROJECT_ROOT
from orchestration.warehouse.chain import CHAIN
from orchestration.warehouse.chain.facts import BILLING_DELAY_DAYS

LINK = next(link for link in CHAIN if link.columns == ("gross_media_cost",))
TABLES = """
    create schema core; create schema raw_vault; create schema finance;
    create table core.fct_impressions (
        impression_id varchar, line_item_key varchar, event_at timestamp, event_date date
    );
    create table raw_vault.nhl_impression__ad_events (impression_id varchar, bid_id varchar);
    create table raw_vault.nhl_impression__adserver (impression_id varchar, bid_id varchar);
    create table raw_vault.nhl_win__exchange (
        bid_id varchar, clearing_price_micros bigint, currency_code varchar, event_date date
    );
    create table raw_vault.nhl_billing_notice__exchange (bid_id varchar, event_date date);
    create table finance.fct_delivery_billing_daily (
        line_item_key varchar, currency_code varchar, gross_media_cost_amount decimal(38, 9)
    );
"""


@pytest.fixture
def bought():
    """An impression of 10 March, billed and won on days that a test names."""
    with duckdb.connect() as connection:
        connection.execute(TABLES)

        def buy(notice: str, win: str, day: str = "2026-03-10"):
            for statement in (
                f"insert into core.fct_impressions values ('i', 'L', '{day}', '{day}')",
                "insert into raw_vault.nhl_impression__ad_events values ('i', 'b')",
                f"insert into raw_vault.nhl_win__exchange values ('b', 5000000, 'EUR', '{win}')",
                f"insert into raw_vault.nhl_billing_notice__exchange values ('b', '{notice}')",
            ):
                connection.execute(statement)
            return connection

        yield buy


def differences(connection) -> list[tuple]:
    return connection.execute(LINK.statement()).fetchall()


def test_the_chain_allows_the_delay_that_the_models_allow():
    project = yaml.safe_load((PROJECT_ROOT / "dbt_project/dbt_project.yml").read_text("utf-8"))
    assert project["vars"]["max_billing_delay_days"] == BILLING_DELAY_DAYS


@pytest.mark.parametrize(
    ("notice", "win"),
    [("2026-03-09", "2026-03-11"), ("2026-03-10", "2026-03-10"), ("2026-03-17", "2026-03-03")],
)
def test_what_is_billed_in_time_is_media_cost(bought, notice, win):
    connection = bought(notice, win)
    assert differences(connection) == [("L EUR", 1, 0)]
    connection.execute("insert into finance.fct_delivery_billing_daily values ('L', 'EUR', 0.005)")
    assert differences(connection) == []


@pytest.mark.parametrize(
    ("notice", "win"),
    [
        ("2026-03-18", "2026-03-10"),
        ("2026-03-08", "2026-03-10"),
        ("2026-03-10", "2026-03-12"),
        ("2026-03-10", "2026-03-02"),
    ],
)
def test_what_comes_too_late_is_none_and_no_difference(bought, notice, win):
    connection = bought(notice, win)
    assert differences(connection) == []
    connection.execute("insert into finance.fct_delivery_billing_daily values ('L', 'EUR', 0.005)")
    assert differences(connection) == [("L EUR", 0, 1)]


def test_a_notice_bills_the_first_impression_within_its_reach(bought):
    connection = bought("2026-03-18", "2026-03-10", day="2026-03-11")
    for statement in (
        "insert into core.fct_impressions values ('early', 'M', '2026-03-10', '2026-03-10')",
        "insert into raw_vault.nhl_impression__ad_events values ('early', 'b')",
        "insert into finance.fct_delivery_billing_daily values ('L', 'EUR', 0.005)",
    ):
        connection.execute(statement)
    assert differences(connection) == []
