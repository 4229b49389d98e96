"""The columns of lake tables as data files carry them: field ids, and which are personal.

Kept free of pyiceberg, because Spark executors import it and only need Arrow.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pyarrow as pa

from ingestion.contracts import Contract, Field, raw_schema


def field_ids(schema: pa.Schema) -> dict[str, int]:
    """The Iceberg field id of every column and struct member, by dotted name.

    The columns of the table are numbered first, then the members of each struct and the element
    of each list, column by column: the order in which a catalog numbers them when it creates the
    table.
    """
    ids: dict[str, int] = {}

    def number(prefix: str, columns: Sequence[pa.Field]) -> None:
        for column in columns:
            ids[f"{prefix}{column.name}"] = len(ids) + 1
        for column in columns:
            if inner := members(column.type):
                number(f"{prefix}{column.name}.", inner)

    number("", list(schema))
    return ids


def members(kind: pa.DataType) -> list[pa.Field]:
    """The members of a struct, the element of a list; nothing for a plain type."""
    if pa.types.is_struct(kind):
        return list(kind)
    return [kind.value_field] if pa.types.is_list(kind) else []


@cache
def raw_field_ids(contract: Contract) -> dict[str, int]:
    """The Iceberg field id of every column of a raw table, by dotted name.

    Those of version 1 are numbered as its table was created; those that a later version added
    come after all earlier ones, in the order in which `added_columns` gives them to the catalog.
    Spark's executors know no catalog, so the versions of the contract alone decide.
    """
    if contract.before is None:
        return field_ids(raw_schema(contract))
    ids = dict(raw_field_ids(contract.before))
    for path, column in added_columns(contract):
        name = ".".join(path)
        inner = field_ids(pa.schema([column]))
        first = len(ids)
        ids |= {
            f"{name}{inside.removeprefix(column.name)}": first + number
            for inside, number in inner.items()
        }
    return ids


def added_columns(contract: Contract) -> list[tuple[tuple[str, ...], pa.Field]]:
    """The columns and struct members that a version adds, with their paths; a new one as a whole.

    Args:
        contract: A version that has one before it.
    """
    assert contract.before is not None  # noqa: S101 - version 1 adds nothing to anything
    known = field_ids(raw_schema(contract.before))

    def added(path: tuple[str, ...], columns: Sequence[pa.Field]) -> list[Any]:
        found = []
        for column in columns:
            inside = (*path, column.name)
            if ".".join(inside) not in known:
                found.append((inside, column))
            else:
                found += added(inside, members(column.type))
        return found

    return added((), list(raw_schema(contract)))


def with_field_ids(schema: pa.Schema, ids: Mapping[str, int] | None = None) -> pa.Schema:
    """The same schema with its field id on every column and struct member.

    A file without ids, or with other ones, is accepted by a commit and read as nulls.

    Args:
        schema: The schema.
        ids: The ids by dotted name; by default those of a table that is created with the schema.
    """
    ids = field_ids(schema) if ids is None else ids

    def tagged(prefix: str, column: pa.Field) -> pa.Field:
        name = f"{prefix}{column.name}"
        kind = column.type
        inner = [tagged(f"{name}.", child) for child in members(kind)]
        if pa.types.is_struct(kind):
            kind = pa.struct(inner)
        elif pa.types.is_list(kind):
            kind = pa.list_(*inner)
        return pa.field(column.name, kind, metadata={"PARQUET:field_id": str(ids[name])})

    return pa.schema([tagged("", column) for column in schema])


@cache
def raw_file_schema(contract: Contract) -> pa.Schema:
    """The raw schema of a contract with field ids."""
    return with_field_ids(raw_schema(contract), raw_field_ids(contract))


def _personal_members(prefix: str, field: Field) -> list[str]:
    if field.type == "struct":
        inner = f"{prefix}{field.column}."
        return [name for child in field.fields for name in _personal_members(inner, child)]
    names = [field.pseudonym] if field.pseudonym is not None else []
    if field.pii is not None or field.pseudonym is not None or field.personal:
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


def leaf_names(schema: pa.Schema, hidden: frozenset[str]) -> list[str]:
    """Dotted names of the leaf columns of a schema, less the hidden ones and those in lists.

    No reader prunes by the values in a list.
    """

    def leaves(prefix: str, column: pa.Field) -> list[str]:
        name = f"{prefix}{column.name}"
        if pa.types.is_list(column.type):
            return []
        if pa.types.is_struct(column.type):
            return [leaf for child in column.type for leaf in leaves(f"{name}.", child)]
        return [name]

    names = [leaf for column in schema for leaf in leaves("", column)]
    return [name for name in names if name not in hidden]
