"""The key figures of the published warehouse, for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import duckdb

from ingestion.lake import Lake
from ingestion.settings import Settings
from orchestration.warehouse.duck import open_file
from orchestration.warehouse.store import files_of


@dataclass(frozen=True)
class Section:
    """One table of the report.

    Attributes:
        name: Key in JSON output.
        title: Heading.
        columns: Column names.
        rows: Cells; decimals stay exact.
        first_number: Index of the first column that holds numbers.
    """

    name: str
    title: str
    columns: list[str]
    rows: list[Sequence[object]]
    first_number: int

    def as_records(self) -> list[dict[str, object]]:
        """Rows as objects."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


DELIVERY = """
select
    event_date::varchar as event_date,
    sum(gross_impression_count) as impressions,
    sum(gross_click_count) as clicks,
    sum(net_click_count) as net,
    sum(repeat_click_count) as "repeat",
    sum(orphan_click_count) as orphan,
    round(
        100 * (sum(gross_click_count) - sum(orphan_click_count))
        / nullif(sum(gross_impression_count), 0), 3
    )::decimal(9, 3) as "CTR %",
    sum(conversion_count) as conversions
from analytics.rpt_campaign_performance_daily
group by event_date
order by event_date desc
limit 10
"""

AUCTIONS = """
select
    event_date::varchar as event_date,
    sum(imp_count) as slots,
    sum(bid_count) as bids,
    sum(win_count) as wins,
    sum(billed_bid_count) as billed,
    sum(bought_impression_count) as impressions,
    round(100 * sum(bid_count) / nullif(sum(imp_count), 0), 1)::decimal(9, 1) as "bid %",
    round(100 * sum(win_count) / nullif(sum(bid_count), 0), 1)::decimal(9, 1) as "win %",
    round(
        100 * sum(bought_impression_count) / nullif(sum(win_count), 0), 1
    )::decimal(9, 1) as "render %"
from analytics.rpt_auction_funnel_daily
group by event_date
order by event_date desc
limit 10
"""

MONEY = """
select
    advertiser_date::varchar as advertiser_date,
    base_currency_code as currency,
    sum(gross_billed_base_amount)::decimal(18, 2) as billed,
    sum(media_cost_base_amount)::decimal(18, 2) as media_cost,
    sum(gross_margin_base_amount)::decimal(18, 2) as margin,
    round(
        100 * sum(gross_margin_base_amount) / nullif(sum(gross_billed_base_amount), 0), 1
    )::decimal(9, 1) as "margin %"
from finance.fct_line_item_billing_daily
group by all
order by advertiser_date desc
limit 10
"""

CAMPAIGNS = """
select
    campaigns.campaign_name as campaign,
    advertisers.advertiser_name as advertiser,
    sum(billing.gross_impression_count) as impressions,
    sum(billing.gross_click_count) as clicks,
    sum(billing.gross_billed_base_amount)::decimal(18, 2) as billed,
    sum(billing.gross_margin_base_amount)::decimal(18, 2) as margin
from finance.fct_line_item_billing_daily as billing
left join core.dim_campaigns as campaigns
    on billing.campaign_key = campaigns.campaign_key and campaigns.is_current
left join core.dim_advertisers as advertisers
    on billing.advertiser_key = advertisers.advertiser_key and advertisers.is_current
group by all
order by billed desc nulls last, campaign
limit 5
"""

BALANCE = """
select
    source_table,
    read_count as read,
    loaded_count as loaded,
    failed_count as failed,
    distinct_count as "distinct",
    duplicate_count as duplicates,
    id_conflict_count as id_conflicts,
    drift_count as drift
from utilities.rpt_source_balance
where read_count > 0
order by source_table
"""


def _section(
    connection: duckdb.DuckDBPyConnection, name: str, title: str, sql: str, first_number: int
) -> Section:
    cursor = connection.execute(sql)
    columns = [column[0] for column in cursor.description or ()]
    rows: list[Sequence[object]] = [tuple(row) for row in cursor.fetchall()]
    return Section(name, title, columns, rows, first_number)


def figures(settings: Settings) -> list[Section]:
    """Delivery, auctions and money by day, top campaigns, source balance, last builds.

    Raises:
        AdxError: Nothing is published yet.
    """
    build = files_of(settings).published()
    with open_file(build.file, settings, read_only=True) as connection:
        sections = [
            _section(connection, "delivery", "Delivery by UTC date (gross)", DELIVERY, 1),
            _section(connection, "auctions", "Auctions by UTC date of each step", AUCTIONS, 1),
            _section(connection, "money", "Money by advertiser date (gross, base)", MONEY, 2),
            _section(connection, "campaigns", "Campaigns by billed amount", CAMPAIGNS, 2),
            _section(connection, "sources", "Source balance", BALANCE, 1),
        ]
    return [*sections, _runs(Lake.open(settings))]


def _runs(lake: Lake) -> Section:
    """The last runs of the ledger: how long they took, and how long ago they ended."""
    now = datetime.now().astimezone()
    rows = [
        row
        for row in lake.read_ops("run_ledger").to_pylist()
        if row["kind"] in {"build", "publish", "verify"}
    ]
    rows.sort(key=lambda row: row["finished_at"], reverse=True)
    return Section(
        "runs",
        "Last builds",
        ["kind", "subject", "rows", "seconds", "ended"],
        [
            (
                row["kind"],
                row["subject"],
                row["loaded"],
                Decimal((row["finished_at"] - row["started_at"]).total_seconds()).quantize(
                    Decimal("0.1")
                ),
                f"{_ago((now - row['finished_at']).total_seconds())} ago",
            )
            for row in rows[:6]
        ],
        first_number=2,
    )


def _ago(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"
