"""The semantic layer says what the marts say, which `verify` compares with the answer key."""

import json
import re
import shlex
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from ingestion.errors import AdxError
from ingestion.settings import Settings
from orchestration.cli.main import app
from orchestration.warehouse.published import open_published
from orchestration.warehouse.semantic import NATIVE, Metric, Question, SemanticLayer
from orchestration.warehouse.verify import Dims, Values, mart_values

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("proven")]

PAGE = (Path(__file__).parents[3] / "docs/metrics.md").read_text("utf-8")

GROUPS = {
    "event_date": "metric_time__day",
    "advertiser_date": "metric_time__day",
    "report_date": "metric_time__day",
    "month": "metric_time__month",
    "event_hour": "hour_of_day",
    "advertiser_id": "advertiser",
    "campaign_id": "campaign",
    "line_item_id": "line_item",
    "creative_id": "creative",
    "placement_id": "placement",
    "site_id": "site",
    "publisher_id": "publisher",
    "channel": "channel",
    "country": "country",
    "region": "region",
    "device_type": "device_type",
    "ad_format": "ad_format",
    "exchange": "exchange",
    "currency": "currency",
    "conversion_type": "conversion_type",
    "attribution_model": "attribution__attribution_model",
    "touch_type": "attribution__touch_type",
    "event_name": "user_action__event_name",
    "platform": "platform",
    "SKU": "sku",
    "experiment_arm": "experiment_arm",
    "age_band": "age_band",
    "gender": "gender",
    "latitude_cell": "map__latitude_cell",
    "longitude_cell": "map__longitude_cell",
    "reason": "reason",
    "reporter": "third_party__reporter",
    "discrepancy_status": "third_party__discrepancy_status",
    "impression_status": "third_party__impression_status",
    "click_status": "third_party__click_status",
    "spend_status": "third_party__spend_status",
    "pacing_state": "pacing__pacing_state",
}
"""What the semantic layer calls the dimensions of the verified metrics."""

COMPARED = ("impressions", "clicks", "spend_base")
PLANS = ("rows", "budget", "planned", "delivered", "forecast", "needed", "index")
WORTHS = ("net_exposure", "net_exposure_base", "revalued_base", "revaluation_base", "average_rate")

PARTS = {
    "bought_impressions",
    "billed_base_per_mille",
    "impressions_by_advertiser_date",
    "clicks_by_advertiser_date",
    "conversions_by_advertiser_date",
    "value_base_by_advertiser_date",
    "judged_impressions",
    "compared_bid_prices",
    "compared_clearing_prices",
    "centre_metres",
    "located_impressions",
    "fx_turnover",
    "fx_turnover_base",
    *(f"{side}_{what}" for side in ("matched", "excess") for what in COMPARED),
}
"""Metrics that only others are made of: proven with them."""

SAME = {
    **{
        f"{report}_{name}": name
        for report in ("map", "audience")
        for name in (
            "gross_impressions",
            "net_impressions",
            "explained_clicks",
            "net_clicks",
            "ctr",
        )
    },
    "booked": "billed",
    "booked_base": "billed_base",
    "booked_media_cost": "media_cost",
    "booked_media_cost_base": "media_cost_base",
}
"""What another metric says of another mart: frozen lines and adjustments are what is billed."""

INVOICES = {"invoiced", "invoice_rounding"}
"""Proven together: invoiced less its rounding is what is billed."""

ONE_CURRENCY = {"line_item_id,advertiser_date"}
"""Grains at which pacing is in one currency, that of the line item, which is asked for as well."""

REPORTED = """
    attach ':memory:' as advertisex;
    create schema advertisex.finance;
    create table advertisex.finance.rpt_third_party_discrepancy_daily as
    select * from (values
        (date '2026-03-01', 'l1', 'a', 1000, 1050, 20, 21, 4.00, 3.00, 'error'),
        (date '2026-03-01', 'l1', 'b', 1000, 900, 20, 20, 4.00, 4.00, 'warning'),
        (date '2026-03-02', 'l1', 'a', 500, 480, 10, 11, 2.00, null, 'error'),
        (date '2026-03-02', 'l2', 'a', null, 70, null, 2, null, 2.00, 'missing_ours'),
        (date '2026-03-02', 'l3', null, 40, null, 1, null, 1.00, null, 'missing_theirs')
    ) as rows (
        report_date, line_item_id, reporter, impression_count, third_party_impression_count,
        click_count, third_party_click_count, spend_base_amount, third_party_spend_base_amount,
        discrepancy_status
    )
"""
"""What two third parties say of two dates, the spend of one of them without a rate."""

REPORTS = {
    *(f"{side}_{what}" for side in ("compared", "third_party") for what in COMPARED),
    *(f"{what}_discrepancy_rate" for what in ("impression", "click", "spend")),
}
"""Metrics of reports, which come a day later: proven with hand-worked rows."""

FEW = {
    "users",
    "orphan_clicks",
    "unrendered_billed_bids",
    "price_ratio",
    *(f"pacing_{what}" for what in PLANS),
    *(f"fx_{what}" for what in WORTHS),
}
"""Metrics that the answer key has at fewer than three grains."""


@pytest.fixture(scope="module")
def layer(proven: Settings) -> SemanticLayer:
    return SemanticLayer(proven)


@pytest.fixture(scope="module")
def verified(proven: Settings) -> Values:
    with open_published(proven) as published:
        return mart_values(published.ask)


def asked(layer: SemanticLayer, metric: str, grain: str) -> dict[Dims, Decimal]:
    """A metric at a grain of `verify`, without what is zero or has no value in a dimension."""
    names = [] if grain == "total" else grain.split(",")
    by = [GROUPS[name] for name in names]
    if metric.startswith("pacing_") and grain in ONE_CURRENCY:
        by.append("currency")
    answer = layer.ask(Question([metric], by=by))
    found = [
        (tuple(sorted(zip(names, map(str, row), strict=False))), Decimal(str(row[-1])))
        for row in answer.rows
        if row[-1] and None not in row
    ]
    assert len(dict(found)) == len(found), (metric, grain)
    return dict(found)


def is_answered(metric: Metric, grain: str) -> bool:
    """Whether a metric can be asked for at a grain of `verify`."""
    groups = [] if grain == "total" else [GROUPS.get(name, "?") for name in grain.split(",")]
    needed = {name for name in metric.group_bys if name.endswith(metric.per)}
    if metric.unit == NATIVE:
        needed.add("currency")
    if metric.name.startswith("pacing_") and grain in ONE_CURRENCY:
        needed.discard("currency")
    return needed <= set(groups) <= set(metric.group_bys)


def test_metrics_agree_with_the_marts_at_every_grain_they_share(layer, verified):
    compared = {}
    for metric in layer.metrics():
        for name, grain in verified:
            if name != SAME.get(metric.name, metric.name) or not is_answered(metric, grain):
                continue
            expected = {dims: Decimal(v) for dims, v in verified[name, grain].items()}
            found = asked(layer, metric.name, grain)
            assert found.keys() == expected.keys(), (metric.name, grain)
            for dims, value in expected.items():
                # Ratios are doubles there, and rounded to nine decimals here.
                assert abs(found[dims] - value) < Decimal("6e-10"), (metric.name, grain, dims)
            compared.setdefault(metric.name, []).append(grain)
    assert {
        metric.name for metric in layer.metrics()
    } == compared.keys() | PARTS | INVOICES | REPORTS
    few = {name for name, grains in compared.items() if len(grains) < 3}
    assert few <= FEW, few
    assert sum(map(len, compared.values())) > 450


def test_invoices_are_what_is_billed_and_the_rounding_of_their_lines(layer, verified):
    for grain in ("currency", "advertiser_id,currency", "line_item_id,currency"):
        invoiced = asked(layer, "invoiced", grain)
        rounding = asked(layer, "invoice_rounding", grain)
        exact = {dims: amount - rounding.get(dims, 0) for dims, amount in invoiced.items()}
        # What rounds to nothing is billed all the same.
        exact |= {dims: -amount for dims, amount in rounding.items() if dims not in invoiced}
        billed = {dims: Decimal(value) for dims, value in verified["billed", grain].items()}
        assert exact == billed
        assert any(rounding.values())


def test_invoices_are_those_of_their_mart(layer, proven):
    by = ["invoice_line__billing_period", "advertiser", "currency"]
    with open_published(proven) as published:
        invoices = published.ask(
            "select billing_period, advertiser_id, currency_code, invoice_amount, rounding_amount "
            "from finance.fct_invoices"
        )
    assert sorted(layer.ask(Question(["invoiced", "invoice_rounding"], by=by)).rows) == sorted(
        invoices
    )


def test_discrepancies_are_of_sums_that_both_sides_have(layer):
    """In hand-worked rows: of one day, no third party has reported yet."""
    with duckdb.connect() as connection:
        connection.execute(REPORTED)

        def ask(metric: str, *by: str) -> dict[tuple[object, ...], float]:
            rows = connection.execute(layer.sql(Question([metric], by=by))).fetchall()
            return {row[:-1]: row[-1] for row in rows if row[-1] is not None and None not in row}

        reporter = "third_party__reporter"
        assert ask("compared_impressions", reporter) == {("a",): 1_500, ("b",): 1_000}
        assert ask("third_party_impressions", reporter) == {("a",): 1_600, ("b",): 900}
        assert ask("compared_clicks", reporter) == {("a",): 30, ("b",): 20}
        assert ask("third_party_clicks", reporter) == {("a",): 34, ("b",): 20}
        assert ask("compared_spend_base", reporter) == {("a",): 6, ("b",): 4}
        assert ask("third_party_spend_base", reporter) == {("a",): 5, ("b",): 4}
        # Of a: (1050 - 1000 + 480 - 500) / 1500, (21 - 20 + 11 - 10) / 30, (3 - 4) / 4.
        for measure, of_a, of_b in (
            ("impression", 30 / 1_500, -100 / 1_000),
            ("click", 2 / 30, 0),
            ("spend", -1 / 4, 0),
        ):
            rates = ask(f"{measure}_discrepancy_rate", reporter)
            assert rates == {("a",): pytest.approx(of_a), ("b",): pytest.approx(of_b)}
        by_day = ask("impression_discrepancy_rate", reporter, "metric_time__day", "line_item")
        assert len(by_day) == 3
        assert ask("discrepancy_rows", "third_party__discrepancy_status") == {
            ("error",): 2,
            ("warning",): 1,
            ("missing_ours",): 1,
            ("missing_theirs",): 1,
        }


def test_every_metric_has_a_unit_and_says_what_it_means(layer):
    for metric in layer.metrics():
        assert metric.unit, metric.name
        assert metric.description.endswith("."), metric.name
        assert metric.label != metric.name, metric.name


def test_the_page_names_every_metric_and_what_it_is_grouped_by(layer):
    rows = re.findall(r"^\|(.*)\|(.*)\|(.*)\|(.*)\|$", PAGE, re.MULTILINE)
    named = {}
    for _, metrics, _, groups in rows:
        dimensions = set(re.findall(r"`(\w+)`", groups)) - {"metric_time"}
        named |= dict.fromkeys(re.findall(r"`(\w+)`", metrics), dimensions)
    known = {metric.name: metric for metric in layer.metrics()}
    assert known.keys() - named.keys() <= PARTS
    assert named.keys() <= known.keys()
    for name, dimensions in named.items():
        unknown = dimensions - set(known[name].group_bys)
        # A row may be of two marts; each dimension is of one of them, at least.
        row = [known[other] for other, groups in named.items() if groups == dimensions]
        assert all(any(one in metric.group_bys for metric in row) for one in unknown), name


def test_the_questions_of_the_page_are_answered(proven):
    commands = re.findall(r"^adx metrics (query .*)$", PAGE, re.MULTILINE)
    assert len(commands) > 10
    for command in commands:
        asked = adx(proven, *shlex.split(command))
        assert asked.exit_code == 0, (command, asked.exception)
        assert asked.stdout.count("\n") > 3, command


def test_a_question_can_be_bounded_filtered_and_ordered(layer):
    days = layer.ask(Question(["gross_impressions"], by=["metric_time__day"])).rows
    by_day = dict(days)
    first = date(2026, 3, 28)
    question = Question(["gross_impressions"], since=first, until=first)
    assert layer.ask(question).rows == [(by_day[first],)]
    months = layer.ask(
        Question(["gross_impressions"], by=["metric_time__month"], order=["-metric_time__month"])
    ).rows
    assert [month for month, _ in months] == sorted({day.replace(day=1) for day in by_day})[::-1]
    countries = dict(layer.ask(Question(["gross_impressions"], by=["country"])).rows)
    filtered = Question(["gross_impressions"], where=["{{ Entity('country') }} = 'DE'"])
    assert layer.ask(filtered).rows == [(countries["DE"],)]


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (Question(["gross_ctx"]), "gross_ctr"),
        (Question(["media_cost_base"], by=["country"]), "line_item"),
        (Question(["media_cost"]), "do not add up"),
        (Question(["attributed_conversions"]), "--by attribution__attribution_model"),
        (Question(["compared_clicks"]), "--by third_party__reporter"),
        (Question(["fx_average_rate"]), r"Entity\('currency'\)"),
        (Question(["pacing_rows"], by=["metric_time__month"]), "of one date"),
        (Question(["market_penetration"], by=["country"]), "--by metric_time__day"),
        (
            Question(["market_penetration"], by=["metric_time__day", "region"]),
            "not known by region",
        ),
        (
            Question(["reached_audience"], by=["metric_time__day", "country", "gender"]),
            "not known by country and gender",
        ),
        (Question(["attributed_value"], by=["attribution__attribution_model"]), "by currency"),
        (Question(["gross_ctr"], where=["{{ nothing }}"]), "where filter"),
    ],
)
def test_what_cannot_be_answered_is_named(layer, question, words):
    with pytest.raises(AdxError, match=words) as refused:
        layer.ask(question)
    assert "Traceback" not in str(refused.value)


def test_what_holds_on_a_date_is_asked_for_by_date_or_of_one(layer):
    """And penetration by one breakdown at a time."""
    by_day = dict(layer.ask(Question(["market_penetration"], by=["metric_time__day"])).rows)
    by_country = Question(["market_penetration"], by=["metric_time__day", "country"])
    countries = {row[:2]: row[2] for row in layer.ask(by_country).rows}
    day = max(by_day)
    assert layer.ask(Question(["market_penetration"], since=day, until=day)).rows == [
        (by_day[day],)
    ]
    of_one = Question(
        ["market_penetration"], where=["{{ Entity('country') }} = 'DE'"], since=day, until=day
    )
    assert layer.ask(of_one).rows == [(countries[day, "DE"],)]


def adx(settings: Settings, *arguments: str) -> Result:
    environment = {"ADX_HOME": str(settings.home), "COLUMNS": "160"}
    return CliRunner().invoke(app, ["metrics", *arguments], env=environment)


def test_the_commands_list_show_and_answer(proven, layer):
    listed = json.loads(adx(proven, "list", "--json").stdout)
    assert [metric["name"] for metric in listed] == [metric.name for metric in layer.metrics()]
    assert "share of impressions" in adx(proven, "list").stdout
    assert "hour_of_day" in adx(proven, "show", "gross_ctr").stdout
    assert "No metric is called nonsense" in str(adx(proven, "show", "nonsense").exception)
    printed = adx(proven, "query", "net_clicks", "--by", "metric_time__day", "-o", "csv").stdout
    assert printed.splitlines()[0] == "metric_time__day,net_clicks"
    rows = layer.ask(Question(["net_clicks"], by=["metric_time__day"])).rows
    assert sorted(printed.splitlines()[1:]) == sorted(f"{day},{count}" for day, count in rows)
    text = adx(proven, "query", "net_clicks", "--sql").stdout
    assert "fct_clicks_as_of" in text
    # The engine understands what is shown.
    with open_published(proven) as published:
        assert published.ask(text) == layer.ask(Question(["net_clicks"])).rows
