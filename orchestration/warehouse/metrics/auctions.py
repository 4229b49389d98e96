"""The auction funnel, prices, the addressable audience, and bills without an impression."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from orchestration.warehouse.metrics.family import Family, Measures, Number, rate

_OWN = ("total", "event_date", "exchange")
"""Grains that every step of the funnel has by itself."""

_OWNERS = ("line_item_id", "campaign_id", "advertiser_id")

BID_REQUESTS = Family(
    relation="core.fct_auction_imps",
    measures={"bid_requests": "count(distinct auction_key)"},
    dimensions={
        "event_date": "event_date",
        "exchange": "exchange",
        "country": "country_code",
        "device_type": "device_type",
    },
    grains=(*_OWN, "country", "device_type"),
)


def _funnel(measures: Measures, grain: str) -> dict[str, Number | None]:
    """A slot has no owner, and what is bought has its own format, country and device."""
    slots, bids, wins = measures["slots"], measures["bids"], measures["wins"]
    metrics: dict[str, Number | None] = {
        "bids": bids,
        "wins": wins,
        "win_rate": rate(wins, bids),
    }
    is_own, is_owner = grain in _OWN, grain in (*_OWNERS, "creative_id")
    if not is_owner:
        metrics |= {"imps_offered": slots, "bid_rate": rate(bids, slots)}
    if is_own or is_owner:
        metrics["billed_bids"] = measures["billed_bids"]
        metrics["render_rate"] = rate(measures["bought"], wins)
    if is_own:
        metrics["fill_rate"] = rate(measures["bought"], slots)
    if grain in {"total", "exchange"}:
        metrics["unrendered_billed_bids"] = measures["unrendered"]
    return metrics


FUNNEL = Family(
    relation="analytics.rpt_auction_funnel_daily",
    measures={
        "slots": "sum(imp_count)",
        "bids": "sum(bid_count)",
        "wins": "sum(win_count)",
        "billed_bids": "sum(billed_bid_count)",
        "bought": "sum(bought_impression_count)",
        "unrendered": "sum(unrendered_billed_bid_count)",
    },
    dimensions={
        **{name: name for name in ("event_date", "exchange", "ad_format", "device_type", *_OWNERS)},
        "country": "country_code",
    },
    grains=(*_OWN, "ad_format", "country", "device_type", *_OWNERS),
    compute=_funnel,
)

# The report has no creatives: they are counted from the facts.
_CREATIVE_STEPS = """(
    select steps.step, creatives.creative_id
    from (
        select 'bid' as step, creative_key from core.fct_bids
        union all select 'win', creative_key from core.fct_wins
        union all select 'billed', creative_key from core.fct_billing_notices
        union all
        select 'bought', impressions.creative_key
        from core.fct_impressions as impressions
        join business_vault.bv_bought_impressions using (impression_id)
    ) as steps
    join core.dim_creatives as creatives
        on steps.creative_key = creatives.creative_key and creatives.is_current
) as creative_steps"""

CREATIVES = Family(
    relation=_CREATIVE_STEPS,
    measures={
        "slots": "cast(null as bigint)",
        "bids": "countif(step = 'bid')",
        "wins": "countif(step = 'win')",
        "billed_bids": "countif(step = 'billed')",
        "bought": "countif(step = 'bought')",
        "unrendered": "cast(null as bigint)",
    },
    dimensions={"creative_id": "creative_id"},
    grains=("creative_id",),
    compute=_funnel,
)


def _prices(measures: Measures, grain: str) -> dict[str, Number | None]:
    metrics: dict[str, Number | None] = {
        "bid_price_sum": measures["bid_price_sum"],
        "clearing_price_sum": measures["clearing_price_sum"],
    }
    if grain != "currency":
        metrics["price_ratio"] = rate(measures["compared_clearing"], measures["compared_bid"])
    return metrics


PRICES = Family(
    relation="analytics.rpt_auction_prices_daily",
    measures={
        "bid_price_sum": "sum(bid_price_amount)",
        "clearing_price_sum": "sum(clearing_price_amount)",
        "compared_bid": "sum(compared_bid_price_amount)",
        "compared_clearing": "sum(compared_clearing_price_amount)",
    },
    dimensions={
        "line_item_id": "line_item_id",
        "exchange": "exchange",
        "currency": "currency_code",
    },
    grains=("currency", "line_item_id,currency", "exchange,currency"),
    compute=_prices,
)


def _from_nanos(name: str) -> Callable[[Measures, str], Mapping[str, Number | None]]:
    """An amount from its sum in nano-units, which is an integer."""

    def amount(measures: Measures, _grain: str) -> dict[str, Number | None]:
        return {name: Decimal(measures["nanos"] or 0).scaleb(-9)}

    return amount


UNRENDERED_COST = Family(
    relation="(select * from core.fct_billing_notices where not is_rendered) as unrendered",
    measures={"nanos": "sum(clearing_price_micros)"},
    dimensions={"currency": "currency_code"},
    grains=("currency",),
    compute=_from_nanos("unrendered_cost"),
)

_AUDIENCE_DIMENSIONS = {
    "country": "country_code",
    "region": "region",
    "age_band": "age_band",
    "gender": "gender",
    "device_type": "device_type",
}


def _audience(breakdown: str, grain: str) -> Family:
    return Family(
        relation="(select * from analytics.rpt_addressable_audience "
        f"where breakdown = '{breakdown}') as audience",
        measures={"addressable_audience": "sum(user_count)"},
        dimensions=_AUDIENCE_DIMENSIONS,
        grains=(grain,),
    )


AUDIENCE = (
    _audience("total", "total"),
    _audience("country", "country"),
    _audience("region", "country,region"),
    _audience("age_band", "age_band"),
    _audience("gender", "gender"),
    _audience("device_type", "device_type"),
)

DAILY_AUDIENCE = Family(
    relation="core.fct_auction_imps",
    measures={"addressable_audience": "count(distinct user_key)"},
    dimensions={"event_date": "event_date"},
    grains=("event_date",),
)

FAMILIES = (
    BID_REQUESTS,
    FUNNEL,
    CREATIVES,
    PRICES,
    UNRENDERED_COST,
    *AUDIENCE,
    DAILY_AUDIENCE,
)
