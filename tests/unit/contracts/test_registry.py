"""Finding contracts, and refusing ones that say what contracts cannot say."""

from decimal import Decimal
from typing import Any

import pytest

from ingestion.contracts import Field, all_contracts, contract_for_topic, load_contract
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
