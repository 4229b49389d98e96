"""What the whole published warehouse says, day by day, and how fresh it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ingestion.lake import Lake
from ingestion.settings import Settings
from orchestration.warehouse.published import Published, open_published


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


@dataclass(frozen=True)
class Question:
    """What one table of the report asks of the warehouse, in SQL that both engines understand.

    Attributes:
        name: As in `Section`.
        title: As in `Section`.
        columns: As in `Section`, in the order of the statement.
        sql: The statement.
        first_number: As in `Section`.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    sql: str
    first_number: int


QUESTIONS = (
    Question(
        "delivery",
        "Delivery by UTC date",
        (
            "event_date",
            "impressions",
            "net_impressions",
            "clicks",
            "net_clicks",
            "repeat",
            "invalid",
            "orphan",
            "CTR %",
            "conversions",
        ),
        """
select
    cast(event_date as string),
    sum(gross_impression_count),
    sum(net_impression_count),
    sum(gross_click_count),
    sum(net_click_count),
    sum(repeat_click_count),
    sum(invalid_click_count),
    sum(orphan_click_count),
    cast(round(
        100 * sum(net_click_count) / nullif(sum(net_impression_count), 0), 3
    ) as numeric(9, 3)),
    sum(conversion_count)
from analytics.rpt_campaign_performance_daily
group by event_date
order by event_date desc
limit 10
""",
        1,
    ),
    Question(
        "auctions",
        "Auctions by UTC date of each step",
        (
            "event_date",
            "slots",
            "bids",
            "wins",
            "billed",
            "impressions",
            "bid %",
            "win %",
            "render %",
        ),
        """
select
    cast(event_date as string),
    sum(imp_count),
    sum(bid_count),
    sum(win_count),
    sum(billed_bid_count),
    sum(bought_impression_count),
    cast(round(100 * sum(bid_count) / nullif(sum(imp_count), 0), 1) as numeric(9, 1)),
    cast(round(100 * sum(win_count) / nullif(sum(bid_count), 0), 1) as numeric(9, 1)),
    cast(round(
        100 * sum(bought_impression_count) / nullif(sum(win_count), 0), 1
    ) as numeric(9, 1))
from analytics.rpt_auction_funnel_daily
group by event_date
order by event_date desc
limit 10
""",
        1,
    ),
    Question(
        "money",
        "Money by advertiser date (base)",
        ("advertiser_date", "currency", "billed", "media_cost", "margin", "margin %"),
        """
select
    cast(advertiser_date as string),
    base_currency_code,
    cast(sum(billed_base_amount) as numeric(18, 2)),
    cast(sum(media_cost_base_amount) as numeric(18, 2)),
    cast(sum(margin_base_amount) as numeric(18, 2)),
    cast(round(
        100 * sum(margin_base_amount) / nullif(sum(billed_base_amount), 0), 1
    ) as numeric(9, 1))
from finance.fct_line_item_billing_daily
group by advertiser_date, base_currency_code
order by advertiser_date desc
limit 10
""",
        2,
    ),
    Question(
        "campaigns",
        "Campaigns by billed amount",
        ("campaign", "advertiser", "net impressions", "net clicks", "billed", "margin"),
        """
select
    campaigns.campaign_name,
    advertisers.advertiser_name,
    sum(billing.net_impression_count),
    sum(billing.net_click_count),
    cast(sum(billing.billed_base_amount) as numeric(18, 2)) as billed,
    cast(sum(billing.margin_base_amount) as numeric(18, 2))
from finance.fct_line_item_billing_daily as billing
left join core.dim_campaigns as campaigns
    on billing.campaign_key = campaigns.campaign_key and campaigns.is_current
left join core.dim_advertisers as advertisers
    on billing.advertiser_key = advertisers.advertiser_key and advertisers.is_current
group by campaigns.campaign_name, advertisers.advertiser_name
order by billed desc nulls last, campaigns.campaign_name
limit 5
""",
        2,
    ),
    Question(
        "sources",
        "Source balance",
        (
            "source_table",
            "read",
            "loaded",
            "failed",
            "distinct",
            "duplicates",
            "id_conflicts",
            "drift",
        ),
        """
select
    source_table,
    read_count,
    loaded_count,
    failed_count,
    distinct_count,
    duplicate_count,
    id_conflict_count,
    drift_count
from utilities.rpt_source_balance
where read_count > 0
order by source_table
""",
        1,
    ),
)


def figures(settings: Settings) -> list[Section]:
    """Delivery, auctions and money by day, top campaigns, source balance, last builds.

    Raises:
        AdxError: As `open_published`.
    """
    with open_published(settings) as published:
        return [*overview(published), *platform(published, Lake.open(settings))]


def overview(published: Published) -> list[Section]:
    """Delivery, auctions and money by day, top campaigns."""
    return [_answer(question, published) for question in QUESTIONS if question.name != "sources"]


def platform(published: Published, lake: Lake) -> list[Section]:
    """What is said of the data themselves: source balance and last builds."""
    sources = [_answer(question, published) for question in QUESTIONS if question.name == "sources"]
    return [*sources, _runs(lake)]


def _answer(question: Question, published: Published) -> Section:
    return Section(
        question.name,
        question.title,
        list(question.columns),
        [tuple(row) for row in published.ask(question.sql)],
        question.first_number,
    )


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
