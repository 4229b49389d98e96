"""Marts to marts: a coarser grain's sums are the finer one's, and what must balance does."""

from collections.abc import Iterator, Mapping, Sequence

from orchestration.warehouse.chain.link import Link, content_of

_CAMPAIGNS = "analytics.rpt_campaign_performance_daily"
_ATTRIBUTION = "analytics.rpt_attribution_daily"
_TOUCHES = "core.fct_attribution_touches"
_MODELS = ("first", "last", "linear", "position", "time_decay", "markov", "shapley")

_DELIVERY = {
    "gross_impressions": "gross_impression_count",
    "net_impressions": "net_impression_count",
    "clicks_of_impressions": "gross_click_count",
    "net_clicks": "net_click_count",
}
_FINER_DELIVERY = (
    "analytics.rpt_delivery_hourly",
    "analytics.rpt_creative_performance_daily",
    "analytics.rpt_placement_performance_daily",
    "analytics.rpt_region_performance_daily",
    "analytics.rpt_audience_performance_daily",
)
_MONEY = ("billed_amount", "media_cost_amount", "billed_base_amount", "media_cost_base_amount")


def _sums(relation: str, by: Sequence[str], measures: Sequence[str], where: str = "true") -> str:
    """Sums of a relation by some columns; a place whose sums are all zero is none."""
    sums = [f"coalesce(sum({measure}), 0)::decimal(38, 9)" for measure in measures]
    place = " || ' ' || ".join(f"coalesce(({column})::varchar, '')" for column in by)
    something = " or ".join(f"{one} <> 0" for one in sums)
    return (
        f"select {place} as place, {content_of(sums)} as content "
        f"from {relation} where {where} group by 1 having {something}"
    )


def _adds_up(
    finer: str, coarser: str, by: Sequence[str], measures: Mapping[str, str | tuple[str, str]]
) -> Link:
    """The same sums of two relations.

    Args:
        finer: The relation that has more rows.
        coarser: The one that is made of it.
        by: Columns that both have.
        measures: Expressions by what they are called; two where the relations name them apart.
    """
    both = [(each, each) if isinstance(each, str) else each for each in measures.values()]
    return Link(
        f"sums of {finer} in {coarser}",
        tuple(measures),
        _sums(finer, by, [fine for fine, _ in both]),
        _sums(coarser, by, [coarse for _, coarse in both]),
    )


def balances() -> Iterator[Link]:
    """Everything that adds up inside the marts."""
    yield from _delivery()
    yield from _attribution()
    yield from _money()


def _delivery() -> Iterator[Link]:
    yield Link(
        f"gross = net + invalid + orphan + repeat in {_CAMPAIGNS}",
        ("gross_impressions", "gross_clicks"),
        _sums(_CAMPAIGNS, ["event_date"], ["gross_impression_count", "gross_click_count"]),
        _sums(
            _CAMPAIGNS,
            ["event_date"],
            [
                "net_impression_count + invalid_impression_count",
                "net_click_count + orphan_click_count + invalid_click_count + repeat_click_count",
            ],
        ),
    )
    # Orphan clicks have no impression, so reports by its columns leave them out.
    coarse = _DELIVERY | {"clicks_of_impressions": "gross_click_count - orphan_click_count"}
    for finer in _FINER_DELIVERY:
        measures = {name: (_DELIVERY[name], coarse[name]) for name in _DELIVERY}
        yield _adds_up(finer, _CAMPAIGNS, ["event_date"], measures)
    yield _adds_up(
        "analytics.rpt_geography_daily",
        "analytics.rpt_region_performance_daily",
        ["event_date", "country_code", "region"],
        _DELIVERY,
    )
    yield _adds_up(
        "analytics.rpt_viewability_daily",
        _CAMPAIGNS,
        ["event_date"],
        {"net_impressions": "net_impression_count"},
    )
    invalid = "analytics.rpt_invalid_traffic_daily"
    yield _adds_up(
        invalid,
        _CAMPAIGNS,
        ["event_date"],
        {
            "invalid_impressions": ("impression_count", "invalid_impression_count"),
            "invalid_clicks": ("click_count", "invalid_click_count"),
        },
    )


def _attribution() -> Iterator[Link]:
    models = " union all ".join(f"select '{model}' as model" for model in _MODELS)
    yield Link(
        f"attributed + organic = conversions in {_ATTRIBUTION}",
        ("conversions", "value"),
        _sums(
            f"(select event_date, model, 1 as one, conversion_value_amount "
            f"from core.fct_conversions cross join ({models}))",
            ["event_date", "model"],
            ["one", "conversion_value_amount"],
        ),
        _sums(
            _ATTRIBUTION,
            ["event_date", "attribution_model"],
            ["conversion_count", "conversion_value_amount"],
        ),
    )
    credited = [f"sum({model}_credit)" for model in _MODELS]
    values = [f"coalesce(sum({model}_value_micros), 0)" for model in _MODELS]
    whole = ["1000000"] * len(_MODELS)
    value = ["coalesce(max(conversion_value_micros), 0)"] * len(_MODELS)
    yield Link(
        f"credits of a conversion = 1 000 000 millionths, and its value, in {_TOUCHES}",
        tuple(f"{model} {what}" for what in ("credit", "value_micros") for model in _MODELS),
        f"select conversion_key as place, {content_of([*whole, *value])} as content "
        f"from {_TOUCHES} group by 1",
        f"select conversion_key as place, {content_of([*credited, *values])} as content "
        f"from {_TOUCHES} group by 1",
    )
    yield Link(
        f"sums of {_TOUCHES} in finance.fct_conversion_billing_daily",
        ("attributed_conversions",),
        _sums(_TOUCHES, ["line_item_key"], ["line_item_model_credit::decimal(38, 9) / 1000000"]),
        _sums(
            "finance.fct_conversion_billing_daily",
            ["line_item_key"],
            ["attributed_conversion_count"],
        ),
    )


def _money() -> Iterator[Link]:
    spend = "finance.fct_line_item_spend_daily"
    closed = (
        "advertiser_date < (select max(period_end_date) from finance.fct_billing_periods "
        "where period_status = 'closed')"
    )
    columns = ", ".join(["currency_code", *_MONEY])
    counts = ["line_count", "adjustment_count"]
    kinds = [f"count(*) filter (where line_kind = '{kind}')" for kind in ("line", "adjustment")]
    yield Link(
        f"frozen + adjustments = restated in {spend}",
        _MONEY,
        _sums(spend, ["currency_code"], _MONEY, closed),
        _sums(
            f"(select {columns} from finance.fct_frozen_lines union all "
            f"select {columns} from finance.fct_billing_adjustments)",
            ["currency_code"],
            _MONEY,
        ),
    )
    # A line that a close froze and that is not here would be billed again, as an adjustment.
    yield Link(
        "lines that a close froze in finance.fct_frozen_lines",
        ("lines", "adjustments"),
        f"select billing_period as place, {content_of(counts)} as content "
        "from finance.fct_billing_periods "
        "where period_status = 'closed' and line_count + adjustment_count > 0",
        f"select billing_period as place, {content_of(kinds)} as content "
        "from finance.fct_frozen_lines group by 1",
    )
    yield Link(
        f"sums of the parts of a bill in {spend}",
        ("billed_amount", "media_cost_amount"),
        _sums(
            "(select currency_code, cpm_billed_amount + cpc_billed_amount as billed, "
            "gross_media_cost_amount as cost from finance.fct_delivery_billing_daily union all "
            "select currency_code, cpa_billed_amount, 0 from finance.fct_conversion_billing_daily "
            "union all select currency_code, 0, -credit_amount from finance.fct_credit_notes)",
            ["currency_code"],
            ["billed", "cost"],
        ),
        _sums(spend, ["currency_code"], ["billed_amount", "media_cost_amount"]),
    )
    yield _adds_up(
        "finance.fct_billing_lines",
        "finance.fct_invoice_lines",
        ["billing_period", "advertiser_id", "currency_code"],
        {"billed_amount": ("billed_amount", "exact_amount")},
    )
    yield _adds_up(
        "finance.fct_invoice_lines",
        "finance.fct_invoices",
        ["billing_period", "advertiser_id", "currency_code"],
        {"invoiced_amount": ("line_amount", "invoice_amount")},
    )
    yield Link(
        "debits = credits in finance.rpt_trial_balance",
        ("base_amount",),
        _sums("finance.rpt_trial_balance", ["billing_period"], ["debit_base_amount"]),
        _sums("finance.rpt_trial_balance", ["billing_period"], ["credit_base_amount"]),
    )
