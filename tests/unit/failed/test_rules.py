"""What rules do to a record, and what they may not say."""

import re

import pytest
import yaml

from ingestion.errors import AdxError, ExitCode
from ingestion.failed import parse_rules, read_rules
from ingestion.failed.rules import Rules
from ingestion.landing.json_text import Number
from ingestion.settings import PROJECT_ROOT

TABLE = "user_events.events"


def rules(*fixes: dict, **more: object) -> Rules:
    return parse_rules({"rules": [{"table": TABLE, "fixes": list(fixes), **more}]})


def fixed(record: dict, *fixes: dict) -> dict:
    for fix in rules(*fixes).rules[0].fixes:
        fix.apply(record)
    return record


def rename(source: str, target: str) -> dict:
    return {"rename": {"from": source, "to": target}}


def default(field: str, value: object) -> dict:
    return {"default": {"field": field, "value": value}}


def cast(field: str, to: str, **more: object) -> dict:
    return {"cast": {"field": field, "to": to, **more}}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"name": "view"}, {"event_name": "view"}),
        ({"name": "view", "event_name": None}, {"event_name": "view"}),
        ({"name": "view", "event_name": "click"}, {"name": "view", "event_name": "click"}),
        ({"other": 1}, {"other": 1}),
    ],
)
def test_a_rename_moves_a_value_to_where_nothing_stands(record, expected):
    assert fixed(record, rename("name", "event_name")) == expected


def test_a_rename_moves_into_and_out_of_objects():
    record = {"user": {"key": "u1"}}
    expected = {"user": {}, "user_identifiers": {"id": "u1"}}
    assert fixed(record, rename("user.key", "user_identifiers.id")) == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({}, {"user_identifiers": {"platform": "web"}}),
        ({"user_identifiers": None}, {"user_identifiers": {"platform": "web"}}),
        ({"user_identifiers": {"platform": ""}}, {"user_identifiers": {"platform": ""}}),
        ({"user_identifiers": "web"}, {"user_identifiers": "web"}),
    ],
)
def test_a_default_fills_what_is_missing_or_null_and_nothing_else(record, expected):
    assert fixed(record, default("user_identifiers.platform", "web")) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(12, "12"), (True, "true"), (Number("1.50"), "1.50"), ("x", "x"), ([1], [1]), (None, None)],
)
def test_a_cast_to_text_writes_a_scalar_as_it_was_written(value, expected):
    assert fixed({"event_name": value}, cast("event_name", "str")) == {"event_name": expected}


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1774688400, "s", "2026-03-28T09:00:00+00:00"),
        ("1774688400123", "ms", "2026-03-28T09:00:00.123000+00:00"),
        (1774688400000001, "us", "2026-03-28T09:00:00.000001+00:00"),
        (Number("1774688400.0"), "s", "2026-03-28T09:00:00+00:00"),
        (Number("1774688400.5"), "s", Number("1774688400.5")),
        (9999999999999999, "s", 9999999999999999),
        ("soon", "s", "soon"),
        (1774688400, None, 1774688400),
    ],
)
def test_a_cast_to_a_timestamp_knows_its_unit_and_leaves_what_is_none(value, unit, expected):
    more = {} if unit is None else {"unit": unit}
    assert fixed({"timestamp": value}, cast("timestamp", "ts", **more)) == {"timestamp": expected}


@pytest.mark.parametrize(
    ("table", "field", "to", "value", "expected"),
    [
        ("adserver.conversions", "value", "dec", Number("12.50"), "12.50"),
        ("adserver.conversions", "value", "dec", 12, "12"),
        ("adserver.impressions", "clearing_price_micros", "int", "1200", 1200),
        ("adserver.impressions", "clearing_price_micros", "int", Number("1200.0"), 1200),
        ("adserver.impressions", "clearing_price_micros", "int", "1.5", "1.5"),
        ("adserver.impressions", "clearing_price_micros", "int", "1" * 30, "1" * 30),
        ("adserver.impressions", "is_prefetch", "bool", "TRUE", True),
        ("adserver.impressions", "is_prefetch", "bool", 0, False),
        ("adserver.impressions", "is_prefetch", "bool", "perhaps", "perhaps"),
    ],
)
def test_a_cast_writes_the_declared_type_or_leaves_the_value(table, field, to, value, expected):
    (rule,) = parse_rules({"rules": [{"table": table, "fixes": [cast(field, to)]}]}).rules
    record = {field: value}
    rule.fixes[0].apply(record)
    assert record == {field: expected}
    assert type(record[field]) is type(expected)


def test_fixes_are_applied_in_their_order():
    drop = {"drop": {"field": "event_name"}}
    assert fixed({"name": "a", "event_name": "b"}, drop, rename("name", "event_name")) == {
        "event_name": "a"
    }
    assert fixed({"name": "a", "event_name": "b"}, rename("name", "event_name"), drop) == {
        "name": "a"
    }


def test_a_rule_is_for_its_table_reason_field_and_earlier_contracts():
    (rule,) = rules(rename("a", "event_name"), reason="schema", field="timestamp").rules
    assert rule.matches(TABLE, "schema", "timestamp", 1)
    assert not rule.matches("ad_events.events", "schema", "timestamp", 1)
    assert not rule.matches(TABLE, "contract", "timestamp", 1)
    assert not rule.matches(TABLE, "schema", None, 1)
    (rule,) = rules(contract=1).rules
    assert rule.matches(TABLE, "schema", None, 0)
    assert not rule.matches(TABLE, "schema", None, 1)


def test_the_hash_is_of_what_rules_say_not_of_how_they_are_written(tmp_path):
    text = "rules:\n- table: user_events.events\n  fixes:\n  - drop: {field: debug}\n"
    (tmp_path / "a.yml").write_text(text)
    (tmp_path / "b.yml").write_text(
        "# why\n" + text.replace("{field: debug}", '{"field": "debug"}')
    )
    (tmp_path / "c.yml").write_text(text.replace("debug", "trace"))
    a, b, c = (read_rules(tmp_path / name).sha256 for name in ("a.yml", "b.yml", "c.yml"))
    assert a == b != c


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"table": "nowhere.events"}, "Rule 1 is wrong: it names a table"),
        ({"table": TABLE}, "has a list of fixes, or a contract"),
        ({"table": TABLE, "name": "odd", "reason": "bad"}, r"Rule 1 \(odd\) is wrong: .* reason"),
        ({"table": TABLE, "contract": 7}, "a version of user_events.events that is there"),
        ({"table": TABLE, "fix": []}, "it also has fix"),
        ({"table": TABLE, "fixes": [{"mend": {}}]}, "Rule 1, fix 1 is wrong: .* it is mend"),
        ({"table": TABLE, "fixes": [{"drop": {}}]}, r"fix 1 \(drop\) is wrong: it has field"),
        ({"table": TABLE, "fixes": [rename("a", "b.c")]}, "names b.c, which .* does not declare"),
        ({"table": TABLE, "fixes": [rename("a..b", "event_name")]}, "'a..b' is none"),
        ({"table": TABLE, "fixes": [default("event_name", 1)]}, "gives event_name text in quotes"),
        ({"table": TABLE, "fixes": [default("event_name", 1.5)]}, "gives event_name text"),
        ({"table": TABLE, "fixes": [default("event_name", None)]}, "gives event_name text"),
        ({"table": TABLE, "fixes": [cast("timestamp", "int")]}, "the contract has as ts"),
        ({"table": TABLE, "fixes": [cast("timestamp", "float")]}, "casts timestamp to one of"),
        ({"table": TABLE, "fixes": [cast("event_name", "str", unit="s")]}, "a unit only for ts"),
        ({"table": TABLE, "fixes": [{"drop": {"field": "x", "to": "y"}}]}, "it also has to"),
    ],
)
def test_what_rules_cannot_say_names_the_rule_and_the_field(rule, words):
    with pytest.raises(AdxError, match=words) as caught:
        parse_rules({"rules": [rule]})
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("content", [None, [], {"rules": []}, {"rules": {}}, {"fixes": []}])
def test_a_file_of_rules_is_a_list_under_one_key(content):
    with pytest.raises(AdxError, match="The file of rules is wrong"):
        parse_rules(content)


def test_a_file_that_is_no_yaml_is_a_sentence(tmp_path):
    (tmp_path / "rules.yml").write_text("rules: [unclosed")
    for name in ("rules.yml", "missing.yml"):
        with pytest.raises(AdxError, match="cannot be read") as caught:
            read_rules(tmp_path / name)
        assert caught.value.exit_code is ExitCode.USAGE


def test_the_example_of_the_runbook_is_understood():
    text = (PROJECT_ROOT / "docs/runbooks/failed-records.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    content = yaml.safe_load(example)
    for rule in content["rules"]:
        rule.pop("contract", None)  # no contract of the project has a second version yet
        rule.setdefault("fixes", [{"drop": {"field": "x"}}])
    assert len(parse_rules(content).rules) == 2
