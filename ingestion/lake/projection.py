"""The columns of a SELECT over a state of a table that may be older than the code that reads it.

A pin names the metadata file of its day, and views over it must still have every column that the
models of today ask for: what the table did not have then is null.
"""

from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa

from ingestion.contracts.model import ELEMENT

Columns = Mapping[str, "Columns"]
"""What a table has, by name: the members of a struct, the element of a list, nothing else."""

_TYPES: Final = {
    pa.string(): "varchar",
    pa.int64(): "bigint",
    pa.int32(): "integer",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.timestamp("us", tz="UTC"): "timestamp with time zone",
}


def columns_of(metadata: Mapping[str, Any]) -> Columns:
    """The columns of a table, from its Iceberg metadata."""
    current = metadata["current-schema-id"]
    return _fields(next(item for item in metadata["schemas"] if item["schema-id"] == current))


def _fields(struct: Mapping[str, Any]) -> Columns:
    return {field["name"]: _inside(field["type"]) for field in struct["fields"]}


def _inside(kind: str | Mapping[str, Any]) -> Columns:
    if isinstance(kind, str):
        return {}
    if kind["type"] == "struct":
        return _fields(kind)
    return {ELEMENT: _inside(kind["element"])}


def projection(schema: pa.Schema, present: Columns) -> str:
    """The select list that gives the columns of a schema, nulls for those that are not present."""
    selected = []
    for column in schema:
        name = _name(column.name)
        value = _value(name, column, present)
        selected.append(name if value == name else f"{value} as {name}")
    return ", ".join(selected)


def _value(source: str, column: pa.Field, present: Columns) -> str:
    """An expression for a column that is called `source`; `source` itself where nothing lacks."""
    if column.name not in present:
        return f"cast(null as {_type(column.type)})"
    kind, inside = column.type, present[column.name]
    if pa.types.is_struct(kind):
        values = {child.name: (f"{source}.{_name(child.name)}", child) for child in kind}
        filled = {name: _value(*value, inside) for name, value in values.items()}
        if all(filled[name] == before for name, (before, _) in values.items()):
            return source
        members = ", ".join(f"{_name(name)} := {value}" for name, value in filled.items())
        return f"case when {source} is not null then struct_pack({members}) end"
    if pa.types.is_list(kind):
        element = f"{ELEMENT}_{source.count(ELEMENT)}"
        value = _value(element, kind.value_field, inside)
        return (
            source if value == element else f"list_transform({source}, lambda {element}: {value})"
        )
    return source


def _type(kind: pa.DataType) -> str:
    if pa.types.is_struct(kind):
        members = ", ".join(f"{_name(child.name)} {_type(child.type)}" for child in kind)
        return f"struct({members})"
    if pa.types.is_list(kind):
        return f"{_type(kind.value_type)}[]"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    return _TYPES[kind]


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
