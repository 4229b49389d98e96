"""The semantic layer says what the marts say, which `verify` compares with the answer key."""

import json
from datetime import date
from decimal import Decimal

import pytest
from typer.testing import CliRunner, Result

from ingestion.errors import AdxError
from ingestion.settings import Settings
from orchestration.cli.main import app
from orchestration.warehouse.published import open_published
from orchestration.warehouse.semantic import NATIVE, Question, SemanticLayer
from orchestration.warehouse.verify import Dims, Values, mart_values

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("proven")]

GROUPS = {
    "event_date": "metric_time__day",
    "advertiser_date": "metric_time__day",
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
}
"""What the semantic layer calls the dimensions of the verified metrics."""

PARTS = {
    "bought_impressions",
    "billed_base_per_mille",
    "impressions_by_advertiser_date",
    "clicks_by_advertiser_date",
    "conversions_by_advertiser_date",
    "value_base_by_advertiser_date",
    "judged_impressions",
}
"""Metrics that only others are made of: proven with them."""


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
    answer = layer.ask(Question([metric], by=[GROUPS[name] for name in names]))
    return {
        tuple(sorted(zip(names, map(str, row), strict=False))): Decimal(str(row[-1]))
        for row in answer.rows
        if row[-1] and None not in row
    }


def test_metrics_agree_with_the_marts_at_every_grain_they_share(layer, verified):
    compared = {}
    for metric in layer.metrics():
        for name, grain in verified:
            groups = [GROUPS.get(dimension, "?") for dimension in grain.split(",")]
            known = grain == "total" or set(groups) <= set(metric.group_bys)
            mixed = metric.unit == NATIVE and "currency" not in groups
            if name != metric.name or not known or mixed:
                continue
            expected = {dims: Decimal(v) for dims, v in verified[name, grain].items()}
            found = asked(layer, name, grain)
            assert found.keys() == expected.keys(), (name, grain)
            for dims, value in expected.items():
                # Ratios are doubles there, and rounded to nine decimals here.
                assert abs(found[dims] - value) < Decimal("6e-10"), (name, grain, dims)
            compared.setdefault(name, []).append(grain)
    assert {metric.name for metric in layer.metrics()} == compared.keys() | PARTS
    few = {name for name, grains in compared.items() if len(grains) < 3}
    assert few <= {"users", "orphan_clicks", "unrendered_billed_bids"}, few
    assert sum(map(len, compared.values())) > 250


def test_every_metric_has_a_unit_and_says_what_it_means(layer):
    for metric in layer.metrics():
        assert metric.unit, metric.name
        assert metric.description.endswith("."), metric.name
        assert metric.label != metric.name, metric.name


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
        (Question(["attributed_value"], by=["attribution__attribution_model"]), "by currency"),
        (Question(["gross_ctr"], where=["{{ nothing }}"]), "where filter"),
    ],
)
def test_what_cannot_be_answered_is_named(layer, question, words):
    with pytest.raises(AdxError, match=words) as refused:
        layer.ask(question)
    assert "Traceback" not in str(refused.value)


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
