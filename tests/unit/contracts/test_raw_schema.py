"""Raw tables: names that every engine allows, and the columns that each carrier needs."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pytest

from ingestion.contracts import Contract, all_contracts, load_contract, raw_schema
from ingestion.contracts.schema import partition_column
from ingestion.lake.columns import members

CONTRACTS = pytest.mark.parametrize("contract", all_contracts(), ids=lambda found: found.name)

RESERVED_BY_BIGQUERY = (
    *("_PARTITION", "_TABLE_", "_FILE_", "_ROW_TIMESTAMP", "__ROOT__", "_COLIDENTIFIER"),
    *("_CHANGE_SEQUENCE_NUMBER", "_CHANGE_TYPE", "_CHANGE_TIMESTAMP"),
)


def each_name(fields: Iterable[pa.Field]) -> Iterator[str]:
    for field in fields:
        yield field.name
        yield from each_name(members(field.type))


@CONTRACTS
def test_no_name_is_reserved(contract: Contract) -> None:
    for name in each_name(raw_schema(contract)):
        assert not name.upper().startswith(RESERVED_BY_BIGQUERY), name
        assert name.isascii()
        assert name.replace("_", "a").isalnum()


@CONTRACTS
def test_names_differ_also_without_case(contract: Contract) -> None:
    """Engines do not tell `SKU` from `sku`."""
    names = [name.lower() for name in raw_schema(contract).names]
    assert len(names) == len(set(names))


@CONTRACTS
def test_every_column_can_be_null(contract: Contract) -> None:
    assert all(field.nullable for field in raw_schema(contract))


@CONTRACTS
def test_the_partition_date_is_a_date(contract: Contract) -> None:
    expected = "event_date" if contract.is_event else "_load_date"
    assert partition_column(contract) == expected
    assert raw_schema(contract).field(expected).type == pa.date32()


@CONTRACTS
def test_every_row_says_where_it_came_from(contract: Contract) -> None:
    names = raw_schema(contract).names
    positions = {
        "kafka": ["_kafka_topic", "_kafka_topic_id", "_kafka_partition", "_kafka_offset"],
        "sql": ["_source_file", "_source_line", "_is_deleted"],
    }.get(contract.carrier, ["_source_file", "_source_line"])
    lineage = [*positions, "_contract_version", "_loaded_at", "_ingest_seq"]
    assert names[-len(lineage) - 2 :] == ["_extras", "_error", *lineage]


@CONTRACTS
def test_no_floats(contract: Contract) -> None:
    def types(fields: Iterable[pa.Field]) -> Iterator[pa.DataType]:
        for field in fields:
            yield field.type
            yield from types(members(field.type))

    assert not any(pa.types.is_floating(kind) for kind in types(raw_schema(contract)))


def test_user_events_have_the_columns_of_the_letter() -> None:
    names = raw_schema(load_contract("user_events", "events")).names
    letter = (
        *("event_datetime", "event_date", "event_name", "user_id", "platform"),
        *("product_name", "SKU"),
    )
    assert [name for name in names if name in letter] == list(letter)
    assert {"user_pseudonym", "_event_id"} < set(names)


def test_ad_events_have_one_struct_a_payload() -> None:
    schema = raw_schema(load_contract("ad_events", "events"))
    for member in ("impression", "viewability", "video", "click"):
        assert pa.types.is_struct(schema.field(member).type)
    impression = [field.name for field in schema.field("impression").type]
    assert impression[impression.index("ip") + 1] == "ip_prefix"
