"""The report's page: its figures are those of the marts, and it needs nothing but itself."""

import re
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest
import yaml
from typer.testing import CliRunner

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings
from orchestration.cli.main import app
from orchestration.warehouse.dbt import PROJECT_FOLDER
from orchestration.warehouse.published import Published, on_duckdb
from orchestration.warehouse.report import page
from orchestration.warehouse.report.figures import Section
from orchestration.warehouse.report.scope import choose, newest_day, stretches
from orchestration.warehouse.report.topics import SKETCH_SIZE, topics
from orchestration.warehouse.store import Manifest

HOSTILE = '<script src="https://example.com/x.js">"&\' $x_1$'
LINE_ITEM = "<b>L1</b>$"

SUNDAY, MONDAY, LATE = date(2026, 3, 29), date(2026, 3, 30), date(2026, 4, 2)

MARTS = f"""
create schema core; create schema analytics; create schema finance;
create table core.dim_campaigns as
    select * from (values
        ('aa', 'c-1', 'k1', '{HOSTILE.replace("'", "''")}', true),
        ('aa', 'c-1', 'k1', 'as it was', false),
        ('bb', 'c-2', 'k1', 'Idle', true)
    ) as t (campaign_key, campaign_id, advertiser_key, campaign_name, is_current);
create table core.dim_advertisers as
    select 'k1' as advertiser_key, 'A & B' as advertiser_name, true as is_current;
create table core.dim_line_items as
    select 'l1' as line_item_key, '{LINE_ITEM}' as line_item_id, 'One' as line_item_name,
        'aa' as campaign_key, true as is_current;
create table core.dim_geographies as select 'DE' as country_code, 'Germany' as country_name;
create table core.dim_invalid_traffic_reasons as
    select 'givt_prefetch' as reason_code, 'Prefetched page' as reason_name;
create table analytics.rpt_campaign_performance_daily as
    select * from (values
        (date '{SUNDAY}', 'aa', 600, 500, 12, 9, 0),
        (date '{SUNDAY}', null, 0, 0, 1, 0, 3),
        (date '{MONDAY}', 'aa', 1000, 750, 20, 15, 0),
        (date '{MONDAY}', null, 0, 0, 2, 0, 4),
        (date '{LATE}', 'aa', 2, 2, 0, 0, 0)
    ) as t (event_date, campaign_key, gross_impression_count, net_impression_count,
        gross_click_count, net_click_count, conversion_count);
create table finance.rpt_pacing_daily as
select * from (values
    (date '{SUNDAY}', 'c-1', '{LINE_ITEM}', 'EUR', 100, 50.0, 40.0, 0.8, 'under'),
    (date '{MONDAY}', 'c-1', '{LINE_ITEM}', 'EUR', 100, 60.0, 60.0, 1.0, 'on_track'),
    (date '{MONDAY}', 'c-2', 'L2', 'EUR', 100, 0.0, 0.0, null, 'not_started'),
    (date '{MONDAY}', 'c-2', 'L3', 'EUR', 10, 5.0, 8.125, 1.625, 'over')
) as t (advertiser_date, campaign_id, line_item_id, currency_code, budget_amount,
    planned_amount, delivered_amount, pacing_index, pacing_state);
create table finance.fct_line_item_spend_daily as
    select * from (values
        (date '{SUNDAY}', 'c-1', 'EUR', 10.005, 4.0, 6.005),
        (date '{MONDAY}', 'c-1', 'EUR', 20.0, 5.0, 15.0)
    ) as t (advertiser_date, campaign_id, base_currency_code, billed_base_amount,
        media_cost_base_amount, margin_base_amount);
create table analytics.rpt_delivery_hourly as
    select * from (values
        (date '{MONDAY}', 9, 'l1', 700, 500, 5),
        (date '{MONDAY}', 21, 'l1', 300, 250, 10)
    ) as t (event_date, event_hour, line_item_key, gross_impression_count, net_impression_count,
        net_click_count);
create table analytics.rpt_viewability_daily as
    select * from (values
        (date '{MONDAY}', 'l1', 'display', 600, 400, 300),
        (date '{MONDAY}', 'l1', 'video', 150, 0, 0)
    ) as t (event_date, line_item_key, ad_format, net_impression_count,
        measurable_impression_count, viewable_impression_count);
create table analytics.rpt_invalid_traffic_daily as
    select * from (values
        (date '{MONDAY}', 'aa', 'givt_prefetch', 'GIVT', 200, 1),
        (date '{MONDAY}', 'aa', 'sivt_new', 'SIVT', 50, 2),
        (date '{SUNDAY}', 'aa', 'sivt_new', 'SIVT', 100, 1)
    ) as t (event_date, campaign_key, reason_code, invalid_traffic_type, impression_count,
        click_count);
create table analytics.rpt_attribution_daily as
    select * from (values
        (date '{MONDAY}', 'first', 'view', 'aa', '{LINE_ITEM}', 'display', 2000000),
        (date '{MONDAY}', 'first', 'organic', null, null, null, 2000000),
        (date '{MONDAY}', 'last', 'view', 'aa', '{LINE_ITEM}', 'display', 500000),
        (date '{MONDAY}', 'last', 'click', 'bb', 'L2', 'social', 1500000),
        (date '{MONDAY}', 'last', 'organic', null, null, null, 2000000)
    ) as t (event_date, attribution_model, touch_type, campaign_key, line_item_id, channel,
        credit_millionths);
create table analytics.rpt_reach_daily as
    select * from (values
        (date '{SUNDAY}', 'total', 'total', 3, 4),
        (date '{MONDAY}', 'total', 'total', 2, 5),
        (date '{SUNDAY}', 'campaign', 'c-1', 3, 4),
        (date '{MONDAY}', 'campaign', 'c-1', 2, 5)
    ) as t (event_date, breakdown, breakdown_value, reach_count, identified_net_impression_count);
create table analytics.fct_reach_sketches as
    select event_date, breakdown, breakdown_value, cast(sketch_value as bigint) as sketch_value
    from (values
        (date '{SUNDAY}', 11), (date '{SUNDAY}', 12), (date '{SUNDAY}', 13),
        (date '{MONDAY}', 12), (date '{MONDAY}', 14)
    ) as t (event_date, sketch_value)
    cross join (values ('total', 'total'), ('campaign', 'c-1')) as b (breakdown, breakdown_value);
create table core.fct_impressions as
    select * from (values
        (date '{MONDAY}', 'l1', 'DE', 'BE', 52.52, 13.40, false),
        (date '{MONDAY}', 'l1', 'DE', 'BE', 52.54, 13.42, false),
        (date '{MONDAY}', 'l1', 'DE', 'BE', 0.0, 0.0, true),
        (date '{MONDAY}', 'l1', null, null, null, null, false)
    ) as t (event_date, line_item_key, country_code, region, latitude, longitude, is_invalid);
"""

MANIFEST = Manifest("b000007-pin9", 9, None, "code", True, "", "2026-03-31T04:00:00Z", 1, 812, 1)
SOURCES = Section(
    "sources",
    "Source balance",
    ["source_table", "read", "loaded", "failed"],
    [("fx.rates", 1234, 1230, 4)],
    1,
)


@pytest.fixture
def published():
    with duckdb.connect() as connection:
        connection.execute(MARTS)
        yield on_duckdb(MANIFEST, connection)


def figures(published: Published, **about) -> dict[str, list]:
    scope = choose(published, **about)
    return {topic.name: topic.section.rows for topic in topics(published, scope)}


def html(published: Published, **about) -> str:
    scope = choose(published, **about)
    return page.render(scope, topics(published, scope), [SOURCES], MANIFEST)


class Reader(HTMLParser):
    """Reads a page: its elements with their attributes, and the words of its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()} closes something else"

    def handle_data(self, data):
        self.words += data


def test_the_figures_of_a_day_are_those_of_the_marts(published):
    found = figures(published, day=MONDAY)
    key = {name: (value, meaning) for name, value, meaning in found["key_figures"]}
    assert key["Net impressions"] == (750, "of 1,000 gross; 25.0 % invalid")
    assert key["Net clicks"] == (15, "of 22 gross")
    assert key["Click-through rate"][0] == Decimal("2.000")
    assert key["Reach"][0] == 2
    assert key["Conversions"][0] == 4
    assert key["Margin"] == (Decimal("15.00"), "EUR; 75.0 %")
    assert key["eCPM"][0] == Decimal("26.67")
    assert [row[2:] for row in found["spend"]] == [
        (Decimal("10.01"), Decimal("4.00"), Decimal("6.01"), Decimal("60.0")),
        (Decimal("20.00"), Decimal("5.00"), Decimal("15.00"), Decimal("75.0")),
    ]
    assert len(found["hours"]) == 24
    assert found["hours"][9] == (9, 500, 200, 5)
    assert found["hours"][10] == (10, 0, 0, 0)
    assert found["viewability"] == [
        ("display", 600, 400, Decimal("66.7"), 300, Decimal("75.0")),
        ("video", 150, 0, Decimal("0.0"), 0, None),
        ("all formats", 750, 400, Decimal("53.3"), 300, Decimal("75.0")),
    ]
    assert found["invalid_traffic"] == [
        ("Prefetched page", "GIVT", 200, 1),
        ("sivt_new", "SIVT", 50, 2),
    ]
    assert found["attribution"] == [
        ("first", Decimal("2.0"), Decimal("0.0"), Decimal("2.0")),
        ("last", Decimal("0.5"), Decimal("1.5"), Decimal("2.0")),
    ]
    assert found["places"] == [
        ("Germany", "BE", Decimal("52.53"), Decimal("13.41"), 2, Decimal("66.7")),
        ("unknown", None, None, None, 1, Decimal("33.3")),
    ]


def test_reach_is_cumulated_without_adding_it_up(published):
    rows = figures(published, day=MONDAY)["reach"]
    exact = Decimal("0.0")
    assert rows == [
        (str(SUNDAY), 3, Decimal("1.33"), 3, exact),
        (str(MONDAY), 2, Decimal("2.50"), 4, exact),
    ]


def test_estimated_reach_says_its_error(published):
    # As many hashes as a sketch keeps, the largest at a half of all: 2 * 1023 ids, +- 3.1 %.
    published.ask(
        f"""
        insert into analytics.fct_reach_sketches
        select date '{LATE}', 'campaign', 'c-1', if(i = 0, {2**59}, i + 20)
        from range({SKETCH_SIZE - 4}) as t (i)
        """
    )
    rows = figures(published, campaign="c-1")
    key = {name: (value, meaning) for name, value, meaning in rows["key_figures"]}
    assert key["Reach"] == (
        2 * (SKETCH_SIZE - 1),
        "user ids with a net impression; ± 3.1 % (standard error)",
    )


def test_a_sketch_has_the_size_that_the_models_give_it():
    project = yaml.safe_load((PROJECT_FOLDER / "dbt_project.yml").read_text())
    assert project["vars"]["reach_sketch_size"] == SKETCH_SIZE


def test_a_campaign_is_reported_over_its_days_and_without_what_is_not_its_own(published):
    scope = choose(published, campaign="c-1")
    assert (scope.since, scope.until, scope.title) == (SUNDAY, LATE, HOSTILE)
    found = figures(published, campaign="c-1")
    key = {name: value for name, value, _ in found["key_figures"]}
    assert key["Net impressions"] == 1252
    assert key["Conversions"] == Decimal("0.5")
    assert found["invalid_traffic"][0] == ("Prefetched page", "GIVT", 200, 1)
    assert found["invalid_traffic"][1] == ("sivt_new", "SIVT", 150, 3)
    assert found["attribution"] == [("first", Decimal("2.0")), ("last", Decimal("0.5"))]


@pytest.mark.parametrize("about", [{"day": MONDAY}, {"day": LATE}, {"campaign": "c-1"}])
def test_the_page_needs_nothing_else(published, about):
    text = html(published, **about)
    reader = Reader(text)
    assert reader.open == []
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in reader.elements}
    for tag, attributes in reader.elements:
        assert "src" not in attributes, tag
        for name in ("href", "xlink:href"):
            assert attributes.get(name, "#").startswith("#"), (tag, attributes)
    assert "@import" not in text
    assert set(re.findall(r"url\((.)", text)) <= {"#"}
    assert "xmlns" not in text
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = re.findall(r'(?:url\(#|href="#)([^)"]+)', text)
    assert set(wanted) <= set(ids)
    assert "#fe00" not in text, "a colour of matplotlib's was left in place of the page's"


def test_the_page_has_every_section_with_chart_and_description(published):
    reader = Reader(html(published, day=MONDAY))
    sections = [attributes["id"] for tag, attributes in reader.elements if tag == "section"]
    topic_names = ["spend", "pacing", "hours", "viewability"]
    topic_names += ["invalid_traffic", "attribution", "reach", "places"]
    assert sections == [*topic_names, "sources"]
    drawn = [attributes for tag, attributes in reader.elements if tag == "svg"]
    assert [one["aria-labelledby"] for one in drawn] == [
        f"{name}-title {name}-desc" for name in topic_names
    ]
    assert {one["role"] for one in drawn} == {"img"}
    for words in ("30 March 2026", "1,234", "b000007-pin9", "Prefetched page", "Natural Earth"):
        assert words in reader.words
    assert "Nothing to show" not in reader.words


def test_pacing_says_how_each_line_item_stands(published):
    hundred, ten = Decimal("100.00"), Decimal("10.00")
    on_track = ("One", "EUR", hundred, Decimal(60), Decimal(60), Decimal(1), "on_track")
    assert figures(published, day=MONDAY)["pacing"] == [
        ("L3", "EUR", ten, Decimal(5), Decimal("8.13"), Decimal("1.63"), "over"),
        on_track,
        ("L2", "EUR", hundred, Decimal(0), Decimal(0), None, "not_started"),
    ]
    assert figures(published, campaign="c-1")["pacing"] == [on_track]
    reader = Reader(html(published, day=MONDAY))
    assert "Line items: 1 over, 1 on track, 1 not started." in reader.words


def test_what_nothing_is_known_of_says_so(published):
    reader = Reader(html(published, day=LATE))
    assert reader.words.count("Nothing to show for this time.") == 6


def test_names_cannot_become_markup(published):
    text = html(published, campaign="c-1")
    reader = Reader(text)
    assert "<b>" not in text
    assert HOSTILE in reader.words
    assert reader.words.count(LINE_ITEM) >= 2, "in the chart and in the table"


def test_the_newest_full_day_is_meant_where_none_is_named(published):
    assert choose(published).until == MONDAY
    assert newest_day(published) == choose(published)
    published.ask("delete from analytics.rpt_campaign_performance_daily")
    assert newest_day(published) is None
    with pytest.raises(AdxError, match="holds no impression"):
        choose(published)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"day": date(2026, 3, 31)}, "2026-03-29 to 2026-03-30, 2026-04-02"),
        ({"campaign": "c-11"}, "No campaign has the id c-11. Perhaps c-1"),
        ({"campaign": "c-1' or true --"}, "No campaign has the id"),
        ({"campaign": "c-2"}, "Campaign c-2 has delivered no impression yet"),
    ],
)
def test_what_cannot_be_reported_is_named_with_a_remedy(published, about, words):
    with pytest.raises(AdxError, match=re.escape(words)) as refused:
        choose(published, **about)
    assert refused.value.exit_code == ExitCode.USAGE
    assert refused.value.remedy


def test_days_that_follow_one_another_are_a_stretch():
    assert stretches([]) == ""
    assert stretches([SUNDAY, MONDAY, LATE]) == "2026-03-29 to 2026-03-30, 2026-04-02"


@pytest.fixture
def settings(published, monkeypatch, tmp_path) -> Settings:
    @contextmanager
    def opened(_settings):
        yield published

    monkeypatch.setattr(page, "open_published", opened)
    monkeypatch.setattr(page.Lake, "open", lambda _: None)
    monkeypatch.setattr(page, "platform", lambda *_: [SOURCES])
    return Settings(home=tmp_path)


def test_the_file_is_whole_or_as_it_was(settings, tmp_path):
    file = tmp_path / "report.html"
    page.write_page(settings, file, day=MONDAY)
    written = file.read_bytes()
    assert written.startswith(b"<!doctype html>")
    with pytest.raises(AdxError):
        page.write_page(settings, file, day=date(2026, 3, 31))
    assert file.read_bytes() == written
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_a_place_that_cannot_be_written_is_named_before_anything_is_asked(settings, tmp_path):
    with pytest.raises(AdxError, match=r"no folder .*nowhere.*mkdir -p"):
        page.write_page(settings, tmp_path / "nowhere" / "report.html")
    with pytest.raises(AdxError, match="is a folder"):
        page.write_page(settings, tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--date", "2026-03-30", "--campaign", "c-1"),
        ("--html", "report.html", "--json"),
        ("--date", "yesterday"),
    ],
)
def test_options_that_exclude_each_other_are_refused(arguments):
    result = CliRunner().invoke(app, ["report", *arguments])
    code = getattr(result.exception, "exit_code", result.exit_code)
    assert code == ExitCode.USAGE


def test_the_land_is_small_and_says_where_it_comes_from():
    file = Path(page.__file__).parent / "land.json"
    assert file.stat().st_size < 100_000
    text = file.read_text("utf-8")
    assert "Natural Earth" in text
    assert "public domain" in text
