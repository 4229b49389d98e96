"""The Iceberg table that a contract makes: schema, partitions, properties."""

from collections.abc import Mapping
from functools import cache
from typing import Final

import pyarrow as pa
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
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
from ingestion.lake.columns import field_ids, members, personal_columns

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


def _nested_field(ids: Mapping[str, int], prefix: str, column: pa.Field) -> NestedField:
    name = f"{prefix}{column.name}"
    kind = _iceberg_type(ids, f"{name}.", column.type)
    return NestedField(ids[name], column.name, kind, required=False)


def _iceberg_type(ids: Mapping[str, int], prefix: str, kind: pa.DataType) -> IcebergType:
    if pa.types.is_struct(kind):
        return StructType(*(_nested_field(ids, prefix, child) for child in kind))
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


def iceberg_schema(schema: pa.Schema) -> Schema:
    """The Iceberg schema of an Arrow schema, every column optional."""
    ids = field_ids(schema)
    return Schema(*(_nested_field(ids, "", column) for column in schema))


@cache
def raw_iceberg_schema(contract: Contract) -> Schema:
    """The Iceberg schema of a raw table."""
    return iceberg_schema(raw_schema(contract))


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
def raw_table_properties(contract: Contract) -> dict[str, str]:
    """Properties a raw table is created with.

    Manifests keep metrics of the plain columns that are not personal, and of nothing else: bounds
    inside structs and lists prune nothing, and their counts made up two thirds of a manifest.
    """
    personal = personal_columns(contract)
    metrics = {
        f"{_METRICS}.column.{column.name}": "truncate(16)"
        for column in raw_schema(contract)
        if column.name not in personal and not members(column.type)
    }
    return {
        **TABLE_PROPERTIES,
        "adx.contract-version": str(contract.version),
        f"{_METRICS}.default": "none",
        **metrics,
    }
