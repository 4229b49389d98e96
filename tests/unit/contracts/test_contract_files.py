"""The contract files are valid, say only what contracts can say, and agree with themselves."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import ingestion.contracts
from ingestion.contracts import Contract, Field, all_contracts

FILES = sorted(Path(ingestion.contracts.__file__).parent.glob("*/*.json"))

TABLE_KEYWORDS = {
    *("$schema", "$id", "title", "description", "type", "properties", "required"),
    *("x-source", "x-table", "x-version", "x-carrier", "x-key", "x-event-time", "x-union"),
    *("x-max-bytes", "x-one-of", "x-files"),
}
FIELD_KEYWORDS = {
    *("type", "description", "format", "enum", "minimum", "maximum", "minLength"),
    *("properties", "required", "x-column", "x-pii", "x-pseudonym", "x-consent", "x-scale"),
    *("x-length", "x-minimum", "x-maximum", "x-flatten", "items", "minItems", "x-personal"),
}


def each_field(contract: Contract) -> Iterator[tuple[Field, tuple[Field, ...]]]:
    """Every declared field, with its siblings."""

    def walk(fields: tuple[Field, ...]) -> Iterator[tuple[Field, tuple[Field, ...]]]:
        for field in fields:
            yield field, fields
            yield from walk(field.fields)
            if field.items is not None:
                yield from walk((field.items,))

    yield from walk(contract.fields)


def each_property(node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, prop in node.get("properties", {}).items():
        yield name, prop
        yield from each_property(prop)
        if "items" in prop:
            yield from each_property({"properties": {f"{name}[]": prop["items"]}})


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_contract_is_a_valid_json_schema(path: Path) -> None:
    Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_contract_uses_only_keywords_that_the_landing_knows(path: Path) -> None:
    """A keyword that nothing reads would be a rule that nothing keeps."""
    node = json.loads(path.read_text(encoding="utf-8"))
    assert set(node) <= TABLE_KEYWORDS
    for name, prop in each_property(node):
        assert set(prop) <= FIELD_KEYWORDS, name


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_contract_lies_where_its_name_says(path: Path) -> None:
    node = json.loads(path.read_text(encoding="utf-8"))
    assert path.parent.name == node["x-source"]
    assert path.name == f"{node['x-table']}.v{node['x-version']}.json"
    assert node["$id"] == f"advertisex:{node['title']}.v{node['x-version']}"
    assert node["title"] == f"{node['x-source']}.{node['x-table']}"


def test_every_table_of_dropped_files_says_how_they_are_named_and_no_other_does() -> None:
    for contract in all_contracts():
        assert bool(contract.files) == (contract.carrier in {"jsonl", "csv", "avro"}), contract.name


@pytest.mark.parametrize("contract", all_contracts(), ids=lambda contract: contract.name)
def test_names_that_a_contract_refers_to_exist(contract: Contract) -> None:
    names = {field.name: field for field in contract.fields}
    assert set(contract.key) <= set(names)
    assert all(names[key].required for key in contract.key)
    if contract.event_time is not None:
        assert names[contract.event_time].type == "ts"
        assert names[contract.event_time].required
    if contract.union is not None:
        assert names[contract.union.discriminator].values == contract.union.members
        for member in contract.union.members:
            assert names[member].type == "struct"
            assert not names[member].required
    for name in contract.one_of:
        assert names[name].type == "struct"
        assert not names[name].required


@pytest.mark.parametrize("contract", all_contracts(), ids=lambda contract: contract.name)
def test_every_field_is_described(contract: Contract) -> None:
    assert [field.name for field, _ in each_field(contract) if not field.description] == [
        "element"
    ] * sum(field.items is not None for field, _ in each_field(contract))


def test_elements_are_not_personal() -> None:
    """The landing replaces personal values of columns and members, not of elements."""
    items = {"type": "string", "description": "An address.", "x-pii": "ip"}
    with pytest.raises(ValueError, match="field addresses"):
        Field.parse("addresses", {"type": "array", "description": "d", "items": items}, True)


@pytest.mark.parametrize("contract", all_contracts(), ids=lambda contract: contract.name)
def test_a_consent_is_a_boolean_of_the_same_object(contract: Contract) -> None:
    for field, siblings in each_field(contract):
        if field.consent is None:
            continue
        found: Field | None = None
        inside = siblings
        for name in field.consent.split("."):
            found = next(other for other in inside if other.name == name)
            inside = found.fields
        assert found is not None
        assert found.type == "bool"


@pytest.mark.parametrize("contract", all_contracts(), ids=lambda contract: contract.name)
def test_personal_data_is_text(contract: Contract) -> None:
    for field, _ in each_field(contract):
        if field.pii is not None or field.pseudonym is not None:
            assert field.type == "str", field.name


@pytest.mark.parametrize("contract", all_contracts(), ids=lambda contract: contract.name)
def test_the_kinds_of_personal_data_that_names_promise_are_declared(contract: Contract) -> None:
    """A field whose name says that it is personal may not be declared as anything else."""
    for field, _ in each_field(contract):
        if re.fullmatch(r"ip|user_id|email|(page|landing)_url", field.name):
            assert field.pii is not None, field.name
