"""The Iceberg table that a contract makes: field ids, partitions, properties."""

from functools import cache
from typing import Final

import pyarrow as pa
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema, assign_fresh_schema_ids
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    IcebergType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    StructType,
    TimestamptzType,
)

from ingestion.contracts import Contract, Field, raw_schema
from ingestion.contracts.schema import partition_column

_METRICS: Final = "write.metadata.metrics.column"

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


def _iceberg_type(kind: pa.DataType) -> IcebergType:
    if pa.types.is_struct(kind):
        # The ids given here are placeholders: fresh ones are assigned to the whole schema.
        return StructType(
            *(
                NestedField(0, child.name, _iceberg_type(child.type), required=False)
                for child in kind
            )
        )
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
    """The Iceberg schema of an Arrow schema, every column optional.

    Field ids are assigned level by level in column order, exactly as the catalog assigns them
    when it creates the table, so that an executor without a catalog writes the right ones.
    """
    columns = [
        NestedField(number, column.name, _iceberg_type(column.type), required=False)
        for number, column in enumerate(schema, start=1)
    ]
    return assign_fresh_schema_ids(Schema(*columns))


@cache
def raw_iceberg_schema(contract: Contract) -> Schema:
    """The Iceberg schema of a raw table."""
    return iceberg_schema(raw_schema(contract))


def with_field_ids(schema: pa.Schema, iceberg: Schema) -> pa.Schema:
    """The same Arrow schema with the Iceberg field id on every column and every struct member."""

    def tagged(prefix: str, column: pa.Field) -> pa.Field:
        name = f"{prefix}{column.name}"
        kind = column.type
        if pa.types.is_struct(kind):
            kind = pa.struct([tagged(f"{name}.", child) for child in kind])
        field_id = iceberg.find_field(name).field_id
        return pa.field(column.name, kind, metadata={"PARQUET:field_id": str(field_id)})

    return pa.schema([tagged("", column) for column in schema])


@cache
def raw_file_schema(contract: Contract) -> pa.Schema:
    """The raw schema as data files carry it: Parquet columns are found by field id alone."""
    return with_field_ids(raw_schema(contract), raw_iceberg_schema(contract))


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


def _personal_members(prefix: str, field: Field) -> list[str]:
    if field.type == "struct":
        inner = f"{prefix}{field.column}."
        return [name for child in field.fields for name in _personal_members(inner, child)]
    names = [field.pseudonym] if field.pseudonym is not None else []
    if field.pii is not None or field.pseudonym is not None:
        names.append(field.column)
    if field.pii == "ip":
        names.append(f"{field.column}_prefix")
    return [f"{prefix}{name}" for name in names]


@cache
def personal_columns(contract: Contract) -> tuple[str, ...]:
    """Dotted names of the columns that may speak of a person.

    Column bounds are kept in clear text in Parquet footers and in manifests that outlive an
    erasure, so these columns have none: pseudonyms and what they were made from, IP prefixes,
    unknown fields, payloads of failed records.
    """
    names = [name for field in contract.column_fields() for name in _personal_members("", field)]
    return (*names, "_extras", "_error.message", "_error.payload")


@cache
def raw_table_properties(contract: Contract) -> dict[str, str]:
    """Properties a raw table is created with."""
    metrics = {f"{_METRICS}.{name}": "none" for name in personal_columns(contract)}
    return {**TABLE_PROPERTIES, "adx.contract-version": str(contract.version), **metrics}


def leaf_names(schema: pa.Schema, hidden: frozenset[str]) -> list[str]:
    """Dotted names of the leaf columns of a schema, less the hidden ones."""

    def leaves(prefix: str, column: pa.Field) -> list[str]:
        name = f"{prefix}{column.name}"
        if pa.types.is_struct(column.type):
            return [leaf for child in column.type for leaf in leaves(f"{name}.", child)]
        return [name]

    names = [leaf for column in schema for leaf in leaves("", column)]
    return [name for name in names if name not in hidden]
