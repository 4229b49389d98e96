"""Teeth: one changed row of a mart or of the vault, one changed data file: found and named."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from ingestion.contracts import load_contract
from ingestion.lake import Lake
from ingestion.settings import Settings
from orchestration.warehouse import checksums
from orchestration.warehouse.chain.balances import balances
from orchestration.warehouse.reconcile import reconcile
from orchestration.warehouse.store import Store
from orchestration.warehouse.verify import verify

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("proven")]


@contextmanager
def restored(path: Path) -> Iterator[Path]:
    """A file that may be damaged meanwhile."""
    backup = path.with_name(f"{path.name}.backup")
    shutil.copy2(path, backup)
    try:
        yield path
    finally:
        backup.replace(path)


@contextmanager
def changed(settings: Settings, *statements: str, hidden: bool = False) -> Iterator[None]:
    """The published file after statements that change one row each.

    Args:
        settings: The home.
        statements: What they are.
        hidden: Also write new checksums, as a model that is wrong would.
    """
    with restored(Store(settings.warehouse).published().file) as file:
        with duckdb.connect(str(file)) as connection:
            for sql in statements:
                rows = connection.execute(sql).fetchone()
                assert rows == (1,), f"{sql} changed {rows} rows"
            if hidden:
                checksums.store(connection)
        yield


def one(table: str, key: str) -> str:
    """A condition that holds for one row."""
    return f"where rowid = (select min(rowid) from {table} where {key})"


def test_an_untouched_platform_passes(proven):
    verdict = verify(proven)
    assert [str(failure) for failure in verdict.failures] == []
    assert verdict.passed >= 120
    verdict = reconcile(proven)
    assert [str(failure) for failure in verdict.failures] == []
    assert verdict.passed >= 120


AN_ORGANIZATION = "(select max(organization_key) from core.dim_organizations)"
MARTS = [
    ("core.fct_impressions", "set channel = 'none'", "channel = 'display'", "by channel"),
    ("core.fct_impressions", "set event_hour = 23 - event_hour", "true", "event_hour"),
    ("core.fct_clicks", "set click_class = 'repeat'", "click_class = 'net'", "net_clicks"),
    (
        "core.fct_conversions",
        "set conversion_value_amount = conversion_value_amount + 0.000000001",
        "conversion_value_amount is not null",
        "conversion_value",
    ),
    ("core.fct_user_actions", "set sku = 'SKU-0'", "sku is not null", "user_actions by SKU"),
    (
        "finance.fct_delivery_billing_daily",
        "set gross_media_cost_base_amount = gross_media_cost_base_amount + 0.000000001",
        "true",
        "media_cost_base",
    ),
    (
        "finance.fct_conversion_billing_daily",
        "set cpa_billed_amount = cpa_billed_amount + 0.000000001",
        "cpa_billed_amount > 0",
        "billed by currency",
    ),
    (
        "finance.fct_credit_notes",
        "set credit_base_amount = credit_base_amount + 0.000000001",
        "true",
        "credit_notes_base",
    ),
    (
        "analytics.rpt_campaign_performance_daily",
        "set gross_impression_count = gross_impression_count + 1",
        "campaign_id is not null",
        "gross_impressions in total",
    ),
    (
        "analytics.rpt_auction_funnel_daily",
        "set win_count = win_count + 1",
        "line_item_id is not null",
        "wins in total",
    ),
    (
        "analytics.rpt_auction_prices_daily",
        "set clearing_price_amount = clearing_price_amount + 0.000000001",
        "true",
        "clearing_price_sum by currency",
    ),
    (
        "analytics.rpt_addressable_audience",
        "set user_count = user_count + 1",
        "breakdown = 'region'",
        "addressable_audience by country,region",
    ),
    (
        "utilities.rpt_source_balance",
        "set failed_count = failed_count + 1",
        "source_table = 'ad_events.events'",
        "failed by source_table ad_events.events",
    ),
    (
        "core.dim_line_items",
        "set is_deleted = not is_deleted",
        "is_current and not is_inferred",
        "dimension_deleted",
    ),
    (
        "core.fct_funding_rounds",
        "set money_raised_amount = money_raised_amount + 0.000000001",
        "money_raised_amount is not null",
        "funding_raised by organization_id,currency",
    ),
    (
        "core.dim_advertisers",
        "set organization_key = null",
        "organization_key is not null",
        "matched_advertisers in total",
    ),
    (
        "core.dim_advertisers",
        f"set organization_key = {AN_ORGANIZATION}",
        f"is_current and organization_key <> {AN_ORGANIZATION}",
        "matched_advertisers by organization_id",
    ),
]


@pytest.mark.parametrize(("table", "change", "row", "pair"), MARTS)
def test_one_changed_row_of_a_mart_is_a_wrong_figure(proven, table, change, row, pair):
    with changed(proven, f"update {table} {change} {one(table, row)}"):
        found = [str(failure) for failure in verify(proven).failures]
    assert any(pair in failure for failure in found), found


def test_one_changed_row_of_each_mart_is_found_by_its_checksum(proven):
    first = {table: (change, row) for table, change, row, _ in reversed(MARTS)}
    with changed(
        proven,
        *(f"update {table} {change} {one(table, row)}" for table, (change, row) in first.items()),
    ):
        found = [failure.check for failure in reconcile(proven).failures]
    by_checksum = sorted(check for check in found if check.startswith("rows of "))
    assert by_checksum == sorted(f"rows of {table}" for table in first)


def test_a_lost_and_a_doubled_row_of_a_fact_are_found_with_their_date(proven):
    with duckdb.connect(str(Store(proven.warehouse).published().file), read_only=True) as file:
        day, key = file.execute(
            "select event_date, impression_id from core.fct_impressions order by all limit 1"
        ).fetchone()
    for change in (
        f"delete from core.fct_impressions where impression_id = '{key}'",
        f"insert into core.fct_impressions from core.fct_impressions where impression_id = '{key}'",
    ):
        with changed(proven, change):
            found = [str(failure) for failure in reconcile(proven).failures]
        assert any(f.startswith(f"rows of core.fct_impressions at {day}") for f in found), found
        assert any("core.fct_impressions" in f and f" at {key}" in f for f in found), found


VAULT = [
    (
        "update raw_vault.nhl_impression__ad_events set clearing_price_micros = 0",
        "raw_vault.nhl_impression__ad_events",
        "clearing_price_micros > 0",
        "column clearing_price_micros",
    ),
    (
        "update raw_vault.nhl_click__adserver set event_at = event_at + interval 1 microsecond",
        "raw_vault.nhl_click__adserver",
        "true",
        "column event_at",
    ),
    (
        "delete from raw_vault.nhl_viewability__ad_events",
        "raw_vault.nhl_viewability__ad_events",
        "true",
        "expected 1 row, found 0 rows",
    ),
    (
        "update raw_vault.nhl_user_action__user_events set event_name = 'other'",
        "raw_vault.nhl_user_action__user_events",
        "true",
        "column event_name",
    ),
    (
        "update raw_vault.nhl_bid__exchange set bid_price_micros = bid_price_micros + 1",
        "raw_vault.nhl_bid__exchange",
        "true",
        "column bid_price_micros",
    ),
    (
        "delete from core.fct_auction_imps",
        "core.fct_auction_imps",
        "true",
        "expected 1 row, found 0 rows",
    ),
    (
        "delete from raw_vault.hub_user",
        "raw_vault.hub_user",
        "true",
        "keys of the lake in raw_vault.hub_user",
    ),
    (
        "update raw_vault.sat_line_item__campaigns set rate_micros = rate_micros + 1",
        "raw_vault.sat_line_item__campaigns",
        "true",
        "column rate_micros",
    ),
    (
        "update raw_vault.sat_fx_rate__fx set rate = rate + 0.000000001",
        "raw_vault.sat_fx_rate__fx",
        "true",
        "raw_fx.rates in raw_vault.sat_fx_rate__fx",
    ),
    (
        "update raw_vault.sat_funding_round__crunchbase set money_raised_amount = 0.1",
        "raw_vault.sat_funding_round__crunchbase",
        "money_raised_amount is not null",
        "column money_raised_amount",
    ),
    (
        "delete from raw_vault.hub_organization",
        "raw_vault.hub_organization",
        "true",
        "keys of the lake in raw_vault.hub_organization",
    ),
]


def test_one_changed_row_of_each_vault_table_is_found_also_without_checksums(proven):
    """All at once: what is said of a table names it, and says what became of its row."""
    changes = [f"{change} {one(table, row)}" for change, table, row, _ in VAULT]
    with changed(proven, *changes, hidden=True):
        found = [str(failure) for failure in reconcile(proven).failures]
    for _, table, _, place in VAULT:
        assert any(table in failure and place in failure for failure in found), (table, found)


def test_one_changed_row_of_any_table_has_another_checksum(proven):
    link = "raw_vault.link_line_item_creative"
    with changed(proven, f"delete from {link} {one(link, 'true')}"):
        found = [str(failure) for failure in reconcile(proven).failures]
    assert any(failure.startswith(f"rows of {link}: expected ") for failure in found), found


PERFORMANCE = "analytics.rpt_campaign_performance_daily"
TOUCHES = "core.fct_attribution_touches"
BALANCES = [
    (PERFORMANCE, "gross_click_count = gross_click_count + 1", "gross = net + invalid"),
    ("analytics.rpt_delivery_hourly", "net_impression_count = net_impression_count + 1", ""),
    ("analytics.rpt_creative_performance_daily", "gross_click_count = gross_click_count + 1", ""),
    ("analytics.rpt_placement_performance_daily", "net_click_count = net_click_count + 1", ""),
    ("analytics.rpt_audience_performance_daily", "net_click_count = net_click_count + 1", ""),
    ("analytics.rpt_region_performance_daily", "net_click_count = net_click_count + 1", ""),
    ("analytics.rpt_geography_daily", "gross_click_count = gross_click_count + 1", ""),
    ("analytics.rpt_viewability_daily", "net_impression_count = net_impression_count + 1", ""),
    ("analytics.rpt_invalid_traffic_daily", "click_count = click_count + 1", ""),
    (
        "analytics.rpt_attribution_daily",
        "conversion_count = conversion_count + 0.000001",
        "attributed + organic = conversions",
    ),
    (TOUCHES, "markov_credit = markov_credit - 1", "credits of a conversion = 1 000 000"),
    (
        "finance.fct_conversion_billing_daily",
        "attributed_conversion_count = attributed_conversion_count + 1",
        f"sums of {TOUCHES}",
    ),
]


@pytest.mark.parametrize(("table", "change", "balance"), BALANCES)
def test_a_mart_that_does_not_balance_is_found_also_without_checksums(
    proven, table, change, balance
):
    with duckdb.connect(str(Store(proven.warehouse).published().file)) as file:
        file.execute("begin")
        file.execute(f"update {table} set {change} {one(table, 'true')}")
        found = [link.name for link in balances() if file.execute(link.statement()).fetchall()]
        file.execute("rollback")
    assert any(name.startswith(balance or f"sums of {table} in") for name in found), found


def test_a_row_that_the_ledger_does_not_know_is_found_also_without_checksums(proven):
    table = "analytics.rpt_video_daily"
    with changed(proven, f"delete from {table} {one(table, 'true')}", hidden=True):
        found = [str(failure) for failure in reconcile(proven).failures]
    assert any(failure.startswith("ledger of the build = rows in its tables") for failure in found)


def impressions_file(settings: Settings) -> Path:
    """A data file of the lake with good rows."""
    contract = load_contract("adserver", "impressions")
    folder = Path(Lake.open(settings).location(contract).removeprefix("file://")) / "data"
    return min(folder.glob("event_date=2*/*.parquet"))


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def raise_a_price(path: Path) -> None:
    """Rewrite the file, valid in every way, with one price changed by one micro-unit."""
    table = pq.read_table(path)
    place = table.schema.get_field_index("clearing_price_micros")
    step = pa.array([1] + [0] * (table.num_rows - 1), pa.int64())
    prices = pc.add(table.column(place), step)
    pq.write_table(table.set_column(place, table.schema.field(place), prices), path)


@pytest.mark.parametrize("damage", [flip_a_byte, raise_a_price, Path.unlink])
def test_one_changed_data_file_of_the_lake_is_found(proven, damage):
    with restored(impressions_file(proven)) as path:
        damage(path)
        found = [str(failure) for failure in reconcile(proven).failures]
    assert len(found) == 1, found
    assert "data files of adserver.impressions" in found[0]
    assert path.name in found[0]


def test_a_count_of_a_commit_that_is_wrong_is_found(proven):
    loads = "ops.source_loads"
    row = one(loads, "source = 'fx'")
    with changed(proven, f"update {loads} set failed_count = failed_count + 1 {row}"):
        found = [str(failure) for failure in reconcile(proven).failures]
    assert any(f.startswith("read = loaded + failed of fx.rates at commit 1") for f in found), found
