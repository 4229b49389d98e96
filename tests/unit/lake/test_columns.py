"""Field ids, types and privacy of lake columns."""

import pyarrow as pa
import pytest
from pyiceberg.io.pyarrow import MetricModeTypes, compute_statistics_plan
from pyiceberg.schema import assign_fresh_schema_ids

from ingestion.contracts import Contract, all_contracts, load_contract, raw_schema
from ingestion.contracts.schema import partition_column
from ingestion.lake.columns import (
    field_ids,
    leaf_names,
    members,
    personal_columns,
    raw_file_schema,
)
from ingestion.lake.ops import OPS_TABLES
from ingestion.lake.schema import raw_iceberg_schema, raw_partition_spec, raw_table_properties

TEXT = pa.string()
ELEMENT = pa.field("element", TEXT)
CONTRACTS = pytest.mark.parametrize("contract", all_contracts(), ids=lambda contract: contract.name)


@CONTRACTS
def test_ids_are_those_the_catalog_assigns(contract: Contract) -> None:
    """A catalog numbers the columns anew when it creates a table, whatever it was given."""
    schema = raw_iceberg_schema(contract.versions()[0])
    assert assign_fresh_schema_ids(schema) == schema


@CONTRACTS
def test_files_carry_the_ids_of_the_table(contract: Contract) -> None:
    table, files = raw_iceberg_schema(contract), raw_file_schema(contract)
    assert files.equals(raw_schema(contract))

    def compare(prefix: str, columns: list[pa.Field]) -> None:
        for column in columns:
            name = f"{prefix}{column.name}"
            written = int(column.metadata[b"PARQUET:field_id"])
            assert written == table.find_field(name).field_id
            compare(f"{name}.", members(column.type))

    compare("", list(files))


def test_ops_tables_number_their_columns_alike() -> None:
    for ops in OPS_TABLES.values():
        assert assign_fresh_schema_ids(ops.iceberg_schema) == ops.iceberg_schema


def test_members_are_numbered_after_all_columns() -> None:
    inner = pa.struct([pa.field("x", pa.int64()), pa.field("y", pa.string())])
    schema = pa.schema([pa.field("a", inner), pa.field("b", pa.string()), pa.field("c", inner)])
    assert field_ids(schema) == {
        "a": 1,
        "b": 2,
        "c": 3,
        "a.x": 4,
        "a.y": 5,
        "c.x": 6,
        "c.y": 7,
    }


def test_the_element_of_a_list_is_numbered_before_its_members() -> None:
    inner = pa.struct([pa.field("x", pa.int64()), pa.field("y", pa.list_(ELEMENT))])
    schema = pa.schema([pa.field("a", pa.list_(pa.field("element", inner))), pa.field("b", TEXT)])
    assert field_ids(schema) == {
        "a": 1,
        "b": 2,
        "a.element": 3,
        "a.element.x": 4,
        "a.element.y": 5,
        "a.element.y.element": 6,
    }


def test_what_may_speak_of_a_person_is_known() -> None:
    assert set(personal_columns(load_contract("ad_events", "events"))) == {
        "impression.user_id",
        "impression.ip",
        "impression.ip_prefix",
        "impression.page_url",
        "click.user_id",
        "click.ip",
        "click.ip_prefix",
        "click.landing_url",
        "_extras",
        "_error.message",
        "_error.payload",
    }
    assert {"user_id", "user_pseudonym"} <= set(
        personal_columns(load_contract("user_events", "events"))
    )
    assert {"user_id", "email"} <= set(
        personal_columns(load_contract("campaigns", "user_profiles"))
    )


@CONTRACTS
def test_every_personal_column_exists_and_has_no_metrics(contract: Contract) -> None:
    leaves = leaf_names(raw_schema(contract), frozenset())
    assert set(personal_columns(contract)) <= set(leaves)
    properties = raw_table_properties(contract)
    plan = compute_statistics_plan(raw_iceberg_schema(contract), properties).values()
    measured = {item.column_name for item in plan if item.mode.type != MetricModeTypes.NONE}
    assert measured == {
        name for name in leaves if "." not in name and name not in personal_columns(contract)
    }
    assert {"_ingest_seq", "_loaded_at", partition_column(contract)} <= measured


@CONTRACTS
def test_tables_are_partitioned_by_their_date_and_never_retry(contract: Contract) -> None:
    spec = raw_partition_spec(contract)
    expected = "event_date" if contract.is_event else "_load_date"
    assert [(field.name, str(field.transform)) for field in spec.fields] == [(expected, "identity")]
    properties = raw_table_properties(contract)
    assert properties["commit.retry.num-retries"] == "0"
    assert properties["write.metadata.delete-after-commit.enabled"] == "false"
