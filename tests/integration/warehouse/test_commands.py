"""The commands of a person and of a script, on a home where everything has happened."""

import csv
import io
import json

import pytest
from typer.testing import CliRunner, Result

from ingestion.errors import AdxError, ExitCode
from ingestion.landing import KeyStore
from ingestion.settings import Settings
from orchestration.cli.main import app
from orchestration.warehouse.published import open_published

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("proven")]

DAY = "2026-03-28"
"""The day that was played."""


def adx(settings: Settings, *arguments: str, given: str | None = None) -> Result:
    environment = {"ADX_HOME": str(settings.home), "COLUMNS": "160"}
    return CliRunner().invoke(app, list(arguments), input=given, env=environment)


def document(settings: Settings, *arguments: str):
    result = adx(settings, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_verify_and_reconcile_end_with_the_line_that_scripts_read(proven):
    for command in ("verify", "reconcile"):
        result = adx(proven, command)
        assert result.exit_code == 0, result.output
        passed, word, failed, end = result.stdout.splitlines()[-1].split()
        assert (word, failed, end) == ("passed,", "0", "failed")
        assert int(passed) >= 120
        assert document(proven, command)["passed"] == int(passed)


def test_the_report_has_every_section(proven):
    sections = document(proven, "report")
    assert list(sections) == [
        *("delivery", "auctions", "money", "campaigns"),
        *("viewability", "invalid_traffic", "attribution", "reach"),
        *("sources", "runs"),
    ]
    assert all(sections.values())
    output = adx(proven, "report").stdout
    for words in ("Delivery by UTC date", "CTR %", "margin", "Source balance", "Last builds"):
        assert words in output


def test_the_report_of_a_day_says_what_the_report_of_all_days_says(proven):
    (whole,) = (row for row in document(proven, "report")["delivery"] if row["event_date"] == DAY)
    found = document(proven, "report", "--date", DAY)
    day = {row["figure"]: row["value"] for row in found["key_figures"]}
    assert day["Net impressions"] == whole["net_impressions"]
    assert day["Net clicks"] == whole["net_clicks"]
    assert day["Click-through rate"] == whole["CTR %"]
    assert day["Conversions"] == whole["conversions"]
    assert sum(row["net_impressions"] for row in found["hours"]) == whole["net_impressions"]
    assert sum(row["net_impressions"] for row in found["places"]) == whole["net_impressions"]
    assert found["viewability"][-1]["net"] == whole["net_impressions"]
    with open_published(proven) as published:
        (reach,) = published.ask(
            f"select reach_count from analytics.rpt_reach_daily where event_date = date '{DAY}' "
            "and breakdown = 'total'"
        )
    assert (day["Reach"],) == reach


def test_the_reach_of_a_campaign_is_that_of_all_its_days(proven):
    with open_published(proven) as published:
        rows = published.ask(
            """
            select lifetime.breakdown_value, lifetime.reach_count
            from analytics.rpt_reach_lifetime as lifetime
            where lifetime.breakdown = 'campaign'
            order by lifetime.reach_count desc
            limit 3
            """
        )
    assert rows
    for campaign, reach in rows:
        found = document(proven, "report", "--campaign", campaign)
        figures = {row["figure"]: row["value"] for row in found["key_figures"]}
        assert figures["Reach"] == reach
        assert found["reach"][-1]["cumulative_reach"] == reach


def test_the_report_becomes_a_page(proven, tmp_path):
    file = tmp_path / "report.html"
    result = adx(proven, "report", "--html", str(file), "--date", DAY)
    assert result.exit_code == 0, result.output
    assert "28 March 2026" in result.stdout
    text = file.read_text("utf-8")
    assert "http" not in text
    figures = document(proven, "report", "--date", DAY)
    tables_only = {"key_figures", "sources", "runs"}
    assert text.count("<svg") == sum(bool(figures[name]) for name in figures.keys() - tables_only)
    assert text.count("<svg") >= 7
    for value in (figures["key_figures"][0]["value"], figures["viewability"][-1]["viewable"]):
        assert f"{value:,}" in text
    refused = adx(proven, "report", "--html", str(file), "--campaign", "cmp-0")
    assert "No campaign has the id cmp-0. Perhaps cmp-" in str(refused.exception)
    assert file.read_text("utf-8") == text


def test_build_and_publish_again_do_nothing(proven):
    assert document(proven, "build")["status"] == "nothing to do"
    assert document(proven, "publish")["status"] == "nothing to do"
    assert "nothing to do" in adx(proven, "build").stdout


def test_pin_shows_tables_heads_and_what_is_new(proven):
    pinned = document(proven, "pin")
    assert (pinned["pin"], pinned["previous_pin"]) == (1, 1)
    tables = {table["table"]: table for table in pinned["tables"]}
    assert tables["ad_events.events"]["to_seq"] == 1
    assert "ad_events.events" in adx(proven, "pin").stdout


def test_failed_records_are_counted_and_one_can_be_read(proven):
    listed = document(proven, "failed", "list", "--limit", "500")
    counts = {(group["table"], group["reason"]): group["count"] for group in listed["groups"]}
    assert counts["ad_events.events", "parse"] > 0
    only = document(proven, "failed", "list", "--table", "fx.rates")
    assert {group["table"] for group in only["groups"]} == {"fx.rates"}
    records = [one for one in listed["records"] if one["reason"] == "schema"]
    shown = document(proven, "failed", "show", records[0]["table"], records[0]["position"])
    assert shown["reason"] == "schema"
    assert shown["payload"]
    assert records[0]["table"] in adx(proven, "failed", "list", "--limit", "500").stdout


def test_a_payload_whose_key_was_dropped_stays_closed(proven, monkeypatch):
    listed = document(proven, "failed", "list", "--limit", "500")
    record = next(one for one in listed["records"] if one["reason"] == "schema")

    def dropped(self: KeyStore, token: str) -> bytes:
        raise AdxError("The key of that day was dropped.", remedy="None: that is its purpose.")

    monkeypatch.setattr(KeyStore, "decrypt", dropped)
    result = adx(proven, "failed", "show", record["table"], record["position"])
    assert isinstance(result.exception, AdxError)
    assert "payload" not in result.stdout


def test_an_unknown_position_is_a_usage_error(proven):
    result = adx(proven, "failed", "show", "fx.rates", "nowhere:1")
    assert isinstance(result.exception, AdxError)
    assert result.exception.exit_code is ExitCode.USAGE


def test_queries_come_from_argument_file_or_input_in_three_forms(proven, tmp_path):
    sql = "select count(*) as n, sum(loaded_count) as loaded from utilities.rpt_source_balance"
    expected = document(proven, "query", sql)
    (tmp_path / "q.sql").write_text(sql)
    from_file = adx(proven, "query", "--file", str(tmp_path / "q.sql"), "-o", "json")
    assert json.loads(from_file.stdout) == expected
    from_input = adx(proven, "query", "-o", "csv", given=sql)
    rows = list(csv.DictReader(io.StringIO(from_input.stdout)))
    assert rows == [{name: str(value) for name, value in expected[0].items()}]
    assert "loaded" in adx(proven, "query", sql).stdout


@pytest.mark.parametrize(
    "relation",
    [
        "raw_ad_events.events",
        "raw_vault.hub_user",
        "core.fct_impressions_as_of",
        "ops.pins",
        "ops.run_ledger",
        "ops.file_registry",
        "ops.failed_events",
        "ops.source_loads",
        "meta.build",
    ],
)
def test_raw_views_vault_marts_and_ops_can_be_read(proven, relation):
    assert document(proven, "query", f"select count(*) as n from {relation}")[0]["n"] > 0


def test_the_ledger_has_a_row_for_each_thing_that_was_done(proven):
    rows = document(
        proven,
        "query",
        "select kind, subject, loaded, details from ops.run_ledger "
        "where kind in ('pin', 'land_batch')",
    )
    assert {row["kind"] for row in rows} == {"pin", "land_batch"}


def test_dbt_works_on_a_copy(proven):
    before = document(proven, "query", "select * from meta.build")
    result = adx(proven, "dbt", "run", "--select", "dim_currencies", "--quiet")
    assert result.exit_code == 0, result.output
    assert document(proven, "query", "select * from meta.build") == before
    scratch = document(
        proven, "query", "--build", "scratch", "select count(*) as n from core.dim_currencies"
    )
    assert scratch[0]["n"] > 0
    assert isinstance(adx(proven, "dbt", "no-such-command").exception, AdxError)


def test_ids_that_came_again_with_another_time_are_counted_beside_what_failed(proven):
    found = document(proven, "failed", "conflicts", "--limit", "2")
    with open_published(proven) as published:
        # as `adx verify` compares it with the world's own count
        (total,) = published.ask("select sum(id_conflict_count) from utilities.rpt_source_balance")
    assert sum(row["conflict_count"] for row in found["tables"]) == total[0] > 0
    assert len(found["conflicts"]) == min(2, total[0])
    assert all(row["event_at"] != row["first_event_at"] for row in found["conflicts"])
    assert f"{total[0]:,} id conflicts" in adx(proven, "failed", "conflicts").stdout
