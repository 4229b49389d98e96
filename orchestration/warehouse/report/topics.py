"""What a report asks of the marts, topic by topic.

Each statement is understood by both engines and reads reports, not events; only the map reads
impressions, and of the report's own dates. Rates are computed here, once, from the sums.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from orchestration.warehouse.published import Published
from orchestration.warehouse.report.figures import Section
from orchestration.warehouse.report.scope import Scope

SKETCH_SIZE = 1024
"""Ids that a sketch of reach keeps: the variable `reach_sketch_size` of the dbt project."""

_SKETCH_VALUES = 2**60
"""A sketch keeps 60 bits of each hash."""

MODELS = ("first", "last", "linear", "position", "time_decay", "markov", "shapley")
"""Attribution models, in the order in which they are shown."""

MAX_GROUPS = 7
"""Channels or line items that are shown side by side; the rest is one group."""

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Topic:
    """One part of a report.

    Attributes:
        section: Its figures; the chart draws these and no others.
        lead: What they say, in a sentence or two.
        note: How they are counted.
    """

    section: Section
    lead: str
    note: str

    @property
    def name(self) -> str:
        """Key of its section."""
        return self.section.name


def topics(published: Published, scope: Scope) -> list[Topic]:
    """All topics of a report, in the order of the page; one without rows has none to show."""
    asked = {name: published.ask(sql) for name, sql in statements(scope).items()}
    return [
        _key_figures(scope, asked),
        _spend(scope, asked["spend"]),
        _pacing(asked["pacing"]),
        _hours(asked["hours"]),
        _viewability(asked["viewability"]),
        _invalid(asked["invalid_traffic"], asked["totals"][0]),
        _attribution(scope, asked["attribution"]),
        _reach(asked["reach"], asked["sketches"]),
        _places(asked["places"]),
    ]


def statements(scope: Scope) -> dict[str, str]:
    """What is asked about a scope, by name."""
    credited = "line_item_id" if scope.campaign else "channel"
    return {
        "totals": f"""
select
    coalesce(sum(gross_impression_count), 0),
    coalesce(sum(net_impression_count), 0),
    coalesce(sum(gross_click_count), 0),
    coalesce(sum(net_click_count), 0),
    coalesce(sum(conversion_count), 0)
from analytics.rpt_campaign_performance_daily
where {scope.dates()} and {scope.of_campaign}
""",
        "money": f"""
select
    max(base_currency_code),
    coalesce(sum(billed_base_amount), 0),
    coalesce(sum(media_cost_base_amount), 0),
    coalesce(sum(margin_base_amount), 0)
from finance.fct_line_item_spend_daily
where {scope.dates("advertiser_date")} and {scope.of_campaign_id}
""",
        "spend": f"""
select
    advertiser_date,
    max(base_currency_code),
    sum(billed_base_amount),
    sum(media_cost_base_amount),
    sum(margin_base_amount)
from finance.fct_line_item_spend_daily
where {scope.trend("advertiser_date")} and {scope.of_campaign_id}
group by advertiser_date
order by advertiser_date
""",
        "hours": f"""
select
    event_hour,
    sum(net_impression_count),
    sum(gross_impression_count - net_impression_count),
    sum(net_click_count)
from analytics.rpt_delivery_hourly
where {scope.dates()} and {scope.of_line_items}
group by event_hour
order by event_hour
""",
        "viewability": f"""
select
    coalesce(ad_format, 'unknown'),
    sum(net_impression_count),
    sum(measurable_impression_count),
    sum(viewable_impression_count)
from analytics.rpt_viewability_daily
where {scope.dates()} and {scope.of_line_items}
group by coalesce(ad_format, 'unknown')
having sum(net_impression_count) > 0
order by coalesce(ad_format, 'unknown')
""",
        "invalid_traffic": f"""
select
    coalesce(max(reasons.reason_name), traffic.reason_code),
    max(traffic.invalid_traffic_type),
    sum(traffic.impression_count),
    sum(traffic.click_count)
from (
    select reason_code, invalid_traffic_type, impression_count, click_count
    from analytics.rpt_invalid_traffic_daily
    where {scope.dates()} and {scope.of_campaign}
) as traffic
left join core.dim_invalid_traffic_reasons as reasons
    on traffic.reason_code = reasons.reason_code
group by traffic.reason_code
having sum(traffic.impression_count) + sum(traffic.click_count) > 0
order by sum(traffic.impression_count) + sum(traffic.click_count) desc, traffic.reason_code
""",
        "attribution": f"""
select
    attribution_model,
    case when touch_type = 'organic' then null else coalesce({credited}, 'unknown') end,
    touch_type = 'organic',
    sum(credit_millionths)
from analytics.rpt_attribution_daily
where {scope.dates()} and {scope.of_campaign}
group by
    attribution_model,
    case when touch_type = 'organic' then null else coalesce({credited}, 'unknown') end,
    touch_type = 'organic'
""",
        "reach": f"""
select event_date, reach_count, identified_net_impression_count
from analytics.rpt_reach_daily
where {scope.trend()} and {scope.of_reach}
order by event_date
""",
        "sketches": f"""
select event_date, sketch_value
from analytics.fct_reach_sketches
where {scope.trend()} and {scope.of_reach}
order by event_date, sketch_value
""",
        "places": f"""
select
    impressions.country_code,
    max(geographies.country_name),
    impressions.region,
    avg(impressions.latitude),
    avg(impressions.longitude),
    count(*)
from (
    select country_code, region, latitude, longitude
    from core.fct_impressions
    where {scope.dates()} and not is_invalid and {scope.of_line_items}
) as impressions
left join core.dim_geographies as geographies
    on impressions.country_code = geographies.country_code
group by impressions.country_code, impressions.region
order by count(*) desc, impressions.country_code, impressions.region
""",
        "pacing": f"""
select
    pacing.line_item_id,
    coalesce(line_items.line_item_name, pacing.line_item_id),
    pacing.currency_code,
    pacing.budget_amount,
    pacing.planned_amount,
    pacing.delivered_amount,
    pacing.pacing_index,
    pacing.pacing_state
from (
    select
        line_item_id,
        currency_code,
        advertiser_date,
        budget_amount,
        planned_amount,
        delivered_amount,
        pacing_index,
        pacing_state
    from finance.rpt_pacing_daily
    where {scope.dates("advertiser_date")} and {scope.of_campaign_id}
) as pacing
left join core.dim_line_items as line_items
    on pacing.line_item_id = line_items.line_item_id and line_items.is_current
order by pacing.line_item_id, pacing.advertiser_date
""",
    }


def percent(part: object, whole: object) -> Decimal | None:
    """A rate in percent with one decimal, half away from zero; None where nothing is measured."""
    if not whole:
        return None
    exact = Decimal(str(part)) * 100 / Decimal(str(whole))
    return exact.quantize(Decimal("0.1"), ROUND_HALF_UP)


def _quantized(value: object, digits: str) -> Decimal:
    return Decimal(str(value)).quantize(Decimal(digits), ROUND_HALF_UP) + 0  # no minus zero


def _said(value: Decimal | None) -> str:
    return "no" if value is None else f"{value} %"


def _key_figures(scope: Scope, asked: dict[str, list[Row]]) -> Topic:
    gross, net, gross_clicks, net_clicks, conversions = map(int, asked["totals"][0])
    currency, billed, cost, margin = asked["money"][0]
    curve = _cumulative(asked["sketches"])
    people = [row for row in asked["reach"] if scope.since <= row[0] <= scope.until]
    ecpm = None if not net else _quantized(Decimal(str(billed)) * 1000 / net, "0.01")
    ctr = None if not net else _quantized(Decimal(net_clicks) * 100 / net, "0.001")
    rows: list[Row] = [
        (
            "Net impressions",
            net,
            f"of {gross:,} gross; {_said(percent(gross - net, gross))} invalid",
        ),
        ("Net clicks", net_clicks, f"of {gross_clicks:,} gross"),
        ("Click-through rate", ctr, "% of net impressions"),
    ]
    if scope.campaign is None:
        reach = people[0][1] if people else 0
        rows.append(("Reach", reach, "user ids with a net impression; exact"))
        rows.append(("Conversions", conversions, "attributed or organic"))
    else:
        reach, exact = curve[max(curve)] if curve else (0, True)
        how = "exact" if exact else f"± {relative_error()} % (standard error)"
        rows.append(("Reach", reach, f"user ids with a net impression; {how}"))
        last = sum(row[3] for row in asked["attribution"] if row[0] == "last" and not row[2])
        credited = _quantized(Decimal(last) / 1_000_000, "0.1")
        rows.append(("Conversions", credited, "credited by the model of the last touch"))
    rows += [
        ("Billed", _quantized(billed, "0.01"), f"{currency or ''}, by advertiser date"),
        ("Media cost", _quantized(cost, "0.01"), f"{currency or ''}, what exchanges charge"),
        (
            "Margin",
            _quantized(margin, "0.01"),
            f"{currency or ''}; {_said(percent(margin, billed))}",
        ),
        ("eCPM", ecpm, f"{currency or ''} billed per 1,000 net impressions"),
    ]
    return Topic(
        Section("key_figures", "Key figures", ["figure", "value", "meaning"], list(rows), 1),
        "",
        "Money is in the base currency, by the date in each advertiser's time zone; everything "
        "else by UTC date.",
    )


def _spend(scope: Scope, asked: list[Row]) -> Topic:
    rows: list[Row] = [
        (
            str(day),
            currency,
            _quantized(billed, "0.01"),
            _quantized(cost, "0.01"),
            _quantized(margin, "0.01"),
            percent(margin, billed),
        )
        for day, currency, billed, cost, margin in asked
    ]
    lead = ""
    if rows:
        owed, paid = (
            _quantized(sum(Decimal(str(row[index])) for row in asked), "0.01") for index in (2, 3)
        )
        span = "the campaign's days" if scope.campaign else f"the days since {rows[0][0]}"
        lead = (
            f"{owed:,} {rows[0][1]} billed over {span}, {paid:,} of it media cost: a margin of "
            f"{_said(percent(owed - paid, owed))}."
        )
    return Topic(
        Section(
            "spend",
            "Spend and margin",
            ["advertiser_date", "currency", "billed", "media_cost", "margin", "margin %"],
            list(rows),
            2,
        ),
        lead,
        "Billed: what advertisers owe. Media cost: clearing prices of what the exchanges billed.",
    )


_STATES = ("under", "over", "on_track", "exhausted", "ended", "not_started")


def _pacing(asked: list[Row]) -> Topic:
    newest = {row[0]: row for row in asked}
    rows = [
        (
            name,
            currency,
            *(_quantized(amount, "0.01") for amount in (budget, planned, delivered)),
            None if index is None else _quantized(index, "0.01"),
            state,
        )
        for _, name, currency, budget, planned, delivered, index, state in newest.values()
    ]
    rows.sort(key=lambda row: (_STATES.index(row[6]), row[0]))
    counts = {state: sum(row[6] == state for row in rows) for state in _STATES}
    lead = "Line items: " + ", ".join(
        f"{count} {state.replace('_', ' ')}" for state, count in counts.items() if count
    )
    return Topic(
        Section(
            "pacing",
            "Pacing",
            ["line_item", "currency", "budget", "planned", "delivered", "index", "state"],
            list(rows),
            2,
        ),
        f"{lead}.",
        "Planned: budget by the elapsed part of the flight, as of the end of the advertiser date. "
        "Index: delivered / planned; below 0.9 is under, above 1.1 over. Shown are the twelve line "
        "items that run and are furthest from their plan.",
    )


def _hours(asked: list[Row]) -> Topic:
    by_hour = {int(row[0]): tuple(map(int, row[1:])) for row in asked}
    rows = [(hour, *by_hour.get(hour, (0, 0, 0))) for hour in range(24)] if by_hour else []
    lead = ""
    if rows:
        busiest = max(rows, key=lambda row: row[1])
        share = percent(busiest[1], sum(row[1] for row in rows))
        lead = (
            f"The busiest hour begins at {busiest[0]:02d}:00 UTC, with {share} % of the net "
            "impressions."
        )
    return Topic(
        Section(
            "hours",
            "Delivery by hour",
            ["hour", "net_impressions", "invalid_impressions", "net_clicks"],
            list(rows),
            1,
        ),
        lead,
        "An impression counts when its creative begins to render.",
    )


def _viewability(asked: list[Row]) -> Topic:
    counts = [(name, *map(int, numbers)) for name, *numbers in asked]
    if len(counts) > 1:
        totals = (sum(row[index] for row in counts) for index in (1, 2, 3))
        counts.append(("all formats", *totals))
    rows = [
        (name, net, measurable, percent(measurable, net), viewable, percent(viewable, measurable))
        for name, net, measurable, viewable in counts
    ]
    lead = ""
    if rows:
        _, net, measurable, measured, _, seen = rows[-1]
        lead = (
            f"{_said(measured)} of {net:,} net impressions were measurable; {_said(seen)} of those "
            f"{measurable:,} were viewable."
        )
    return Topic(
        Section(
            "viewability",
            "Viewability",
            ["format", "net", "measurable", "measured %", "viewable", "viewable %"],
            list(rows),
            1,
        ),
        lead,
        "MRC: half of the pixels for one second (30 % of large displays; two seconds of playing "
        "video). Measured rate = measurable / net; viewable rate = viewable / measurable.",
    )


def _invalid(asked: list[Row], totals: Row) -> Topic:
    rows = [(name, kind, int(shown), int(clicked)) for name, kind, shown, clicked in asked]
    gross = int(totals[0])
    invalid = gross - int(totals[1])
    share = _said(percent(invalid, gross))
    lead = f"{invalid:,} of {gross:,} gross impressions are invalid ({share})." if gross else ""
    return Topic(
        Section(
            "invalid_traffic",
            "Invalid traffic by reason",
            ["reason", "kind", "impressions", "clicks"],
            list(rows),
            2,
        ),
        lead,
        "Each event stands under its primary reason. GIVT is known by lists, SIVT by behaviour; "
        "a click on an invalid impression inherits the verdict.",
    )


def _attribution(scope: Scope, asked: list[Row]) -> Topic:
    credited_to: dict[tuple[str, str], int] = {}
    for model, group, is_organic, millionths in asked:
        name = "organic" if is_organic else str(group)
        credited_to[model, name] = credited_to.get((model, name), 0) + int(millionths)
    names = {name for _, name in credited_to} - {"organic"}
    by_size = sorted(names, key=lambda name: (-sum(_of(credited_to, name)), name))
    shown, rest = by_size[:MAX_GROUPS], by_size[MAX_GROUPS:]
    groups = {name: [name] for name in shown}
    if rest:
        groups["others"] = rest
    if any(name == "organic" for _, name in credited_to):
        groups["organic"] = ["organic"]
    rows = [
        (
            model,
            *(
                _quantized(
                    Decimal(sum(credited_to.get((model, name), 0) for name in members)) / 1_000_000,
                    "0.1",
                )
                for members in groups.values()
            ),
        )
        for model in MODELS
        if any(credited == model for credited, _ in credited_to)
    ]
    lead = ""
    if rows:
        lead = (
            "What the line items of the campaign are credited with, model by model."
            if scope.campaign
            else "Every model shares out the same conversions: attributed and organic ones add up "
            "to all of them."
        )
    return Topic(
        Section(
            "attribution",
            "Attribution models side by side",
            ["model", *groups],
            list(rows),
            1,
        ),
        lead,
        "Conversions by their UTC date. Markov and Shapley are fitted on the paths of the "
        "conversion's month.",
    )


def _of(credited_to: dict[tuple[str, str], int], name: str) -> Iterable[int]:
    return (count for (_, one), count in credited_to.items() if one == name)


def relative_error() -> Decimal:
    """Relative standard error of an estimated reach, in percent: 1 / sqrt(size - 2)."""
    return _quantized(Decimal(100) / Decimal(SKETCH_SIZE - 2).sqrt(), "0.1")


def _cumulative(sketches: Sequence[Row]) -> dict[Any, tuple[int, bool]]:
    """By date the reach from the first date on, and whether it is exact.

    Merges the bottom-k sketches of the dates: the smallest `SKETCH_SIZE` hashes of all ids seen so
    far, and (size - 1) / the largest of them as a fraction (Beyer et al., SIGMOD 2007).
    """
    by_date: dict[Any, list[int]] = {}
    for day, value in sketches:
        by_date.setdefault(day, []).append(int(value))
    kept: list[int] = []
    reach = {}
    for day in sorted(by_date):
        kept = sorted({*kept, *by_date[day]})[:SKETCH_SIZE]
        exact = len(kept) < SKETCH_SIZE
        estimate = len(kept) if exact else round((SKETCH_SIZE - 1) * _SKETCH_VALUES / kept[-1])
        reach[day] = (estimate, exact)
    return reach


def _reach(daily: list[Row], sketches: list[Row]) -> Topic:
    curve = _cumulative(sketches)
    rows = []
    for day, reach, impressions in daily:
        so_far, exact = curve.get(day, (None, True))
        frequency = _quantized(Decimal(impressions) / reach, "0.01") if reach else None
        error = Decimal("0.0") if exact else relative_error()
        rows.append((str(day), int(reach), frequency, so_far, error))
    lead = ""
    if rows:
        error = rows[-1][4]
        how = f" (± {error} %)" if error else ""
        lead = f"{rows[-1][3]:,} user ids{how} were reached between {rows[0][0]} and {rows[-1][0]}."
    return Topic(
        Section(
            "reach",
            "Reach by day",
            ["event_date", "reach", "frequency", "cumulative_reach", "± %"],
            list(rows),
            1,
        ),
        lead,
        "Ids with a net impression; an id is not a person. Reach does not add up over days: the "
        "cumulative one is merged from sketches, exact below 1,024 ids, otherwise with the "
        "relative standard error beside it.",
    )


def _places(asked: list[Row]) -> Topic:
    total = sum(int(row[-1]) for row in asked)
    rows = [
        (
            name or country or "unknown",
            region,
            None if latitude is None else _quantized(latitude, "0.01"),
            None if longitude is None else _quantized(longitude, "0.01"),
            int(count),
            percent(count, total),
        )
        for country, name, region, latitude, longitude, count in asked
    ]
    lead = ""
    if rows:
        countries = {row[0] for row in rows} - {"unknown"}
        where = "one country" if len(countries) == 1 else f"{len(countries)} countries"
        lead = f"{total:,} net impressions in {where}."
    return Topic(
        Section(
            "places",
            "Map of delivery",
            ["country", "region", "latitude", "longitude", "net_impressions", "% of all"],
            list(rows),
            2,
        ),
        lead,
        "A region lies at the mean of the places that its impressions name.",
    )
