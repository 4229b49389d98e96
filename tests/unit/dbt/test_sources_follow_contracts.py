"""The dbt sources declare exactly the raw tables and columns that the contracts make."""

from functools import cache
from typing import Any

import pytest
import yaml

from ingestion.contracts import Contract, all_contracts, raw_schema
from ingestion.settings import PROJECT_ROOT

STAGING = PROJECT_ROOT / "dbt_project" / "models" / "staging"


@cache
def declared_tables() -> dict[str, dict[str, Any]]:
    return {
        f"{source['name']}.{table['name']}": table
        for path in sorted(STAGING.glob("*/_*__sources.yml"))
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]
        for table in source["tables"]
        if source["name"] != "ops"
    }


def test_the_sources_are_the_contracts() -> None:
    assert sorted(declared_tables()) == sorted(
        f"{contract.namespace}.{contract.table}" for contract in all_contracts()
    )


@pytest.mark.parametrize("contract", all_contracts(), ids=lambda contract: contract.name)
def test_columns_are_the_raw_tables(contract: Contract) -> None:
    table = declared_tables()[f"{contract.namespace}.{contract.table}"]
    assert [column["name"] for column in table["columns"]] == raw_schema(contract).names


@pytest.mark.parametrize("contract", all_contracts(), ids=lambda contract: contract.name)
def test_descriptions_start_as_the_contracts_do(contract: Contract) -> None:
    table = declared_tables()[f"{contract.namespace}.{contract.table}"]
    described = {column["name"]: column["description"] for column in table["columns"]}
    assert table["description"] == " ".join(contract.description.split())
    assert {
        field.column
        for field in contract.column_fields()
        if not described[field.column].startswith(" ".join(field.description.split()))
    } == set()
