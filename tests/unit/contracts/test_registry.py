"""Finding contracts, and refusing ones that say what contracts cannot say."""

import json
import shutil
from decimal import Decimal
from typing import Any

import pytest

from ingestion.contracts import Field, all_contracts, contract_for_topic, load_contract
from ingestion.contracts.registry import read_contracts
from ingestion.errors import AdxError, ExitCode

TABLES = {
    *("ad_events.events", "user_events.events", "fx.rates"),
    *("adserver.impressions", "adserver.clicks", "adserver.conversions"),
    *(
        f"campaigns.{table}"
        for table in (
            *("advertisers", "campaigns", "line_items", "creatives", "line_item_creatives"),
            *("publishers", "sites", "placements", "user_profiles", "user_identities"),
            *("third_party_reports", "credit_notes"),
        )
    ),
}


def test_every_table_of_the_dictionary_has_a_contract() -> None:
    assert {contract.name for contract in all_contracts()} >= TABLES


def test_contracts_come_in_a_fixed_order() -> None:
    names = [contract.name for contract in all_contracts()]
    assert names == sorted(names)


def test_a_topic_finds_its_contract() -> None:
    assert contract_for_topic("ad-events") is load_contract("ad_events", "events")
    assert contract_for_topic("user-events") is load_contract("user_events", "events")


@pytest.mark.parametrize(("source", "table"), [("ad_events", "clicks"), ("nowhere", "events")])
def test_an_unknown_table_is_named(source: str, table: str) -> None:
    with pytest.raises(AdxError, match=f"No contract declares {source}.{table}") as caught:
        load_contract(source, table)
    assert caught.value.exit_code == ExitCode.USAGE
    assert "ad_events.events" in caught.value.remedy


@pytest.mark.parametrize(
    ("node", "required"),
    [
        ({"type": "number"}, True),
        ({"type": "array"}, True),
        ({"type": "string"}, False),
        ({"type": ["string", "null"]}, True),
    ],
    ids=["floats", "arrays without items", "optional without null", "required with null"],
)
def test_a_property_that_contracts_do_not_have_is_refused(
    node: dict[str, Any], required: bool
) -> None:
    with pytest.raises(ValueError, match="field x: type"):
        Field.parse("x", {**node, "description": "x"}, required)


@pytest.mark.parametrize(
    "node",
    [
        {"type": "array", "items": {"type": "string"}, "x-pii": "id"},
        {"type": "array", "items": {"type": "string"}, "x-consent": "personal"},
        {"type": "object", "required": [], "properties": {}, "x-pseudonym": "user"},
        {"type": "integer", "x-pii": "id"},
        {"type": "string", "x-personal": ["user.id"]},
        {"type": "string", "format": "json", "minLength": 1},
        {"type": "string", "format": "date-time", "minimum": 1},
        {"type": "string", "minItems": 1},
    ],
    ids=lambda node: " ".join(sorted(set(node) - {"type", "items", "required", "properties"})),
)
def test_a_keyword_that_no_landing_would_keep_is_refused(node: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"field x: .* is for"):
        Field.parse("x", {**node, "description": "x"}, required=True)


@pytest.mark.parametrize("carrier", ["csv", "sql"])
@pytest.mark.parametrize("kind", ["object", "array"])
def test_a_flat_carrier_has_no_objects_and_no_arrays(
    carrier: str, kind: str, contract_folders: Any
) -> None:
    inner = {"required": [], "properties": {}, "items": {"type": "string", "description": "x"}}
    tags = {"type": [kind, "null"], "description": "x", **inner}
    folder = contract_folders.first("fx.rates")
    path = folder / "fx" / "rates.v1.json"
    node = json.loads(path.read_text(encoding="utf-8"))
    node["x-carrier"] = carrier
    node["properties"]["tags"] = tags
    path.write_text(json.dumps(node), encoding="utf-8")
    with pytest.raises(AdxError, match=f"field tags: a record that comes by {carrier} has no"):
        read_contracts(folder)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "Expecting property name"),
        ('{"x-source": "fx"}', "it lacks 'x-table'"),
        ('{"x-source": "fx", "x-table": "rates", "x-version": 1}', "it lacks 'description'"),
        ('{"x-source": "fx", "x-table": "rates", "x-version": 2}', "says that it is version 2"),
    ],
    ids=["no JSON", "no table", "no description", "another version"],
)
def test_a_file_that_is_no_contract_is_named(content: str, why: str, contract_folders: Any) -> None:
    folder = contract_folders.first("fx.rates")
    path = folder / "fx" / "rates.v1.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(AdxError, match=why) as caught:
        read_contracts(folder)
    assert str(path) in caught.value.message
    assert caught.value.exit_code is ExitCode.CONFIGURATION


def test_a_copy_whose_version_was_not_raised_does_not_take_the_place_of_the_first(
    contract_folders: Any,
) -> None:
    folder = contract_folders.first("fx.rates")
    shutil.copy(folder / "fx" / "rates.v1.json", folder / "fx" / "rates.v2.json")
    with pytest.raises(AdxError, match=r"rates\.v2\.json .* says that it is version 1"):
        read_contracts(folder)


def test_bounds_and_names_are_read() -> None:
    node = {
        "type": ["string", "null"],
        "format": "decimal",
        "description": "Latitude.",
        "x-minimum": "-90",
        "x-maximum": "90",
        "x-scale": 2,
        "x-column": "lat",
    }
    field = Field.parse("latitude", node, required=False)
    assert (field.name, field.column, field.type, field.required) == (
        "latitude",
        "lat",
        "dec",
        False,
    )
    assert (field.minimum, field.maximum, field.scale) == (Decimal(-90), Decimal(90), 2)


def test_null_is_no_value_of_an_enum() -> None:
    node = {"type": ["string", "null"], "enum": ["a", "b", None], "description": "x"}
    assert Field.parse("x", node, required=False).values == ("a", "b")
