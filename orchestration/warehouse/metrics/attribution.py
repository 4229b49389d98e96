"""Attribution: credits and values by every model, touches, organic conversions."""

from decimal import Decimal
from fractions import Fraction

from orchestration.warehouse.metrics.family import Family, Measures, Number, rate

_REPORT = "analytics.rpt_attribution_daily"
_DIMENSIONS = {
    name: name
    for name in (
        "attribution_model",
        "event_date",
        "advertiser_id",
        "campaign_id",
        "line_item_id",
        "channel",
        "touch_type",
        "conversion_type",
    )
} | {"currency": "currency_code"}

_CREDIT_GRAINS = (
    "event_date",
    "advertiser_id",
    "campaign_id",
    "line_item_id",
    "channel",
    "touch_type",
    "conversion_type",
    "line_item_id,touch_type",
)


def _counted(measures: Measures, _grain: str) -> dict[str, Number | None]:
    """Credits are millionths of conversions."""
    return {name: Decimal(millionths or 0).scaleb(-6) for name, millionths in measures.items()}


CREDITS = Family(
    relation=f"(select * from {_REPORT} where touch_type <> 'organic') as attributed",
    measures={"attributed_conversions": "sum(credit_millionths)"},
    dimensions=_DIMENSIONS,
    grains=("attribution_model", *(f"attribution_model,{grain}" for grain in _CREDIT_GRAINS)),
    compute=_counted,
)

VALUES = Family(
    relation=f"(select * from {_REPORT} where touch_type <> 'organic') as attributed",
    measures={"attributed_value": "sum(conversion_value_amount)"},
    dimensions=_DIMENSIONS,
    grains=(
        "attribution_model,currency",
        *(f"attribution_model,{grain},currency" for grain in _CREDIT_GRAINS[:6]),
    ),
)

BILLABLE = Family(
    relation=f"(select * from {_REPORT} where is_line_item_model) as billable",
    measures={"billable_conversions": "sum(credit_millionths)"},
    dimensions=_DIMENSIONS,
    grains=("advertiser_id", "campaign_id", "line_item_id", "line_item_id,touch_type"),
    compute=_counted,
)

# The fact answers the grains that it can, so that it is proven as well: CPA is billed from it.
BILLABLE_TOUCHES = Family(
    relation="core.fct_attribution_touches",
    measures={"billable_conversions": "sum(line_item_model_credit)"},
    dimensions=_DIMENSIONS,
    grains=("total", "event_date", "channel", "touch_type", "conversion_type"),
    compute=_counted,
)

TOUCHES = Family(
    relation=f"(select * from {_REPORT} where attribution_model = 'linear') as touches",
    measures={"touches": "sum(touch_count)"},
    dimensions=_DIMENSIONS,
    grains=("total", *_CREDIT_GRAINS),
)

_ORGANIC = f"""(
    select * from {_REPORT} where attribution_model = 'linear' and touch_type = 'organic'
) as organic"""

ORGANIC = Family(
    relation=_ORGANIC,
    measures={"organic_conversions": "sum(conversion_count)"},
    dimensions=_DIMENSIONS,
    grains=("total", "event_date", "advertiser_id", "conversion_type"),
)

ORGANIC_VALUE = Family(
    relation=_ORGANIC,
    measures={"organic_value": "sum(conversion_value_amount)"},
    dimensions=_DIMENSIONS,
    grains=("currency",),
)

# Clicks know no model: each is counted once for every one.
_CLICKS_AND_CREDITS = f"""(
    select attribution_model, line_item_id, 0 as net_clicks, credit_millionths
    from {_REPORT} where touch_type = 'click'
    union all
    select models.attribution_model, clicks.line_item_id, 1, 0
    from core.fct_clicks_as_of as clicks
    cross join (select distinct attribution_model from {_REPORT}) as models
    where clicks.click_class = 'net'
) as clicks_and_credits"""


def _cvr(measures: Measures, _grain: str) -> dict[str, Number | None]:
    conversions = Fraction(measures["millionths"] or 0) / 10**6
    return {"cvr": rate(conversions, measures["net_clicks"])}


CONVERSION_RATES = Family(
    relation=_CLICKS_AND_CREDITS,
    measures={"net_clicks": "sum(net_clicks)", "millionths": "sum(credit_millionths)"},
    dimensions=_DIMENSIONS,
    grains=("attribution_model,line_item_id",),
    compute=_cvr,
)

_MONTHS = {"month": "month_start_date", "attribution_model": "attribution_model"}

# A row a month, model and channel: nothing is summed.
CHANNELS = Family(
    relation="analytics.rpt_attribution_channels_monthly",
    measures={
        "channel_weight": "sum(weight)",
        "channel_share": "max(share_rate)",
        "channel_share_half_a": "max(half_a_share_rate)",
        "channel_share_half_b": "max(half_b_share_rate)",
    },
    dimensions={**_MONTHS, "channel": "channel"},
    grains=("month,attribution_model,channel",),
)

FITTED_PATHS = Family(
    relation="analytics.rpt_attribution_channels_monthly",
    measures={
        "converting_paths": "max(converting_path_count)",
        "null_paths": "max(null_path_count)",
    },
    dimensions=_MONTHS,
    grains=("month",),
)

_PATHS = "analytics.rpt_conversion_paths_monthly"
_PATH_DIMENSIONS = {"month": "month_start_date", "path": "path", "currency": "currency_code"}

PATHS = Family(
    relation=_PATHS,
    measures={
        "path_conversions": "sum(conversion_count)",
        "path_hours": "sum(hours_to_convert_sum)",
    },
    dimensions=_PATH_DIMENSIONS,
    grains=("month", "month,path"),
)

PATH_VALUES = Family(
    relation=_PATHS,
    measures={"path_value": "sum(conversion_value_amount)"},
    dimensions=_PATH_DIMENSIONS,
    grains=("month,path,currency",),
)

FAMILIES = (
    CREDITS,
    VALUES,
    BILLABLE,
    BILLABLE_TOUCHES,
    TOUCHES,
    ORGANIC,
    ORGANIC_VALUE,
    CONVERSION_RATES,
    CHANNELS,
    FITTED_PATHS,
    PATHS,
    PATH_VALUES,
)
