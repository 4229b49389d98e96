"""The Iceberg table that a contract makes: schema, partitions, properties."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Final

import pyarrow as pa
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.update.schema import UpdateSchema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    NestedField,
    StringType,
    StructType,
    TimestamptzType,
)

from ingestion.contracts import Contract, raw_schema
from ingestion.contracts.schema import partition_column
from ingestion.lake.columns import (
    added_columns,
    field_ids,
    members,
    personal_columns,
    raw_field_ids,
)

CONTRACT_VERSION: Final = "adx.contract-version"
AddColumns = Callable[[UpdateSchema], None]
_METRICS: Final = "write.metadata.metrics"

TABLE_PROPERTIES: Final = {
    "format-version": "2",
    # With the default of 4, pyiceberg 0.12 rebases a lost race by itself and both writers of one
    # range succeed. A conflict must come back to the fence.
    "commit.retry.num-retries": "0",
    # A pin names an exact metadata file, so no commit may delete one; the log of earlier files
    # inside the metadata is bounded all the same.
    "write.metadata.delete-after-commit.enabled": "false",
    "write.metadata.previous-versions-max": "20",
    # One manifest a commit would make every later commit and every scan slower.
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "50",
    "commit.manifest.target-size-bytes": str(1024 * 1024),
    "write.parquet.compression-codec": "zstd",
}
"""Properties of every table of the lake."""


def _nested_fields(
    ids: Mapping[str, int], prefix: str, columns: Sequence[pa.Field]
) -> list[NestedField]:
    """The columns in the order of their ids: a table keeps its columns and adds new ones last."""
    fields = [_nested_field(ids, prefix, column) for column in columns]
    return sorted(fields, key=lambda field: field.field_id)


def _nested_field(ids: Mapping[str, int], prefix: str, column: pa.Field) -> NestedField:
    name = f"{prefix}{column.name}"
    kind = _iceberg_type(ids, f"{name}.", column.type)
    return NestedField(ids[name], column.name, kind, required=False)


def _iceberg_type(ids: Mapping[str, int], prefix: str, kind: pa.DataType) -> IcebergType:
    if pa.types.is_struct(kind):
        return StructType(*_nested_fields(ids, prefix, list(kind)))
    if pa.types.is_list(kind):
        element = _nested_field(ids, prefix, kind.value_field)
        return ListType(element.field_id, element.field_type, element_required=False)
    if pa.types.is_decimal(kind):
        return DecimalType(kind.precision, kind.scale)
    plain: dict[pa.DataType, IcebergType] = {
        pa.string(): StringType(),
        pa.int64(): LongType(),
        pa.int32(): IntegerType(),
        pa.bool_(): BooleanType(),
        pa.date32(): DateType(),
        pa.timestamp("us", tz="UTC"): TimestamptzType(),
    }
    return plain[kind]


def iceberg_schema(schema: pa.Schema, ids: Mapping[str, int] | None = None) -> Schema:
    """The Iceberg schema of an Arrow schema, every column optional.

    Args:
        schema: The Arrow schema.
        ids: The field ids by dotted name; by default those of a table that is created with it.
    """
    ids = field_ids(schema) if ids is None else ids
    return Schema(*_nested_fields(ids, "", list(schema)))


@cache
def raw_iceberg_schema(contract: Contract) -> Schema:
    """The Iceberg schema of a raw table at the version of a contract."""
    return iceberg_schema(raw_schema(contract), raw_field_ids(contract))


def add_columns(update: UpdateSchema, contract: Contract) -> None:
    """Add to a table what the version of a contract adds to the version before it."""
    for path, column in added_columns(contract):
        # The catalog numbers them itself, as `raw_field_ids` does.
        kind = iceberg_schema(pa.schema([column])).fields[0].field_type
        update.add_column(path, kind)


@cache
def raw_partition_spec(contract: Contract) -> PartitionSpec:
    """Identity partition by the table's date."""
    return date_partition(raw_iceberg_schema(contract), partition_column(contract))


def date_partition(schema: Schema, column: str) -> PartitionSpec:
    """Identity partition by one date column."""
    return PartitionSpec(
        PartitionField(
            source_id=schema.find_field(column).field_id,
            field_id=1000,
            transform=IdentityTransform(),
            name=column,
        )
    )


@cache
def contract_properties(contract: Contract) -> dict[str, str]:
    """The properties of a raw table that follow from the version of its contract.

    Manifests keep metrics of the plain columns that are not personal, and of nothing else: bounds
    inside structs and lists prune nothing, and their counts made up two thirds of a manifest.
    """
    personal = personal_columns(contract)
    metrics = {
        f"{_METRICS}.column.{column.name}": "truncate(16)"
        for column in raw_schema(contract)
        if column.name not in personal and not members(column.type)
    }
    return {CONTRACT_VERSION: str(contract.version), f"{_METRICS}.default": "none", **metrics}


def raw_table_properties(contract: Contract) -> dict[str, str]:
    """Properties a raw table is created with."""
    return {**TABLE_PROPERTIES, **contract_properties(contract)}
