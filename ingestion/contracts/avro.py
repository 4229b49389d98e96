"""The Avro schema of a contract: what a producer of Avro files writes.

A value that breaks the contract must fail its own row and not the file it stands in, so the schema
is as wide as Avro allows: enums and decimals are strings. Timestamps are UTC, in microseconds.
"""

from functools import cache
from typing import Any, Final

from ingestion.contracts.model import Contract, Field

PLAIN: Final[dict[str, Any]] = {
    "str": "string",
    "uuid": "string",
    "enum": "string",
    "json": "string",
    "dec": "string",
    "int": "long",
    "bool": "boolean",
    "ts": {"type": "long", "logicalType": "timestamp-micros"},
    "date": {"type": "int", "logicalType": "date"},
}
"""The Avro type of each declared type that has no fields or elements."""


@cache
def avro_schema(contract: Contract) -> dict[str, Any]:
    """The writer schema that files of a contract are expected to have.

    Returns:
        A record in Avro's JSON form, its fields in the order of the contract; do not change it.
    """
    return {
        **_record(contract.table, f"advertisex.{contract.source}", contract.fields),
        "doc": contract.description,
    }


def _record(name: str, namespace: str, fields: tuple[Field, ...]) -> dict[str, Any]:
    return {
        "type": "record",
        "name": name,
        "namespace": namespace,
        "fields": [_field(f"{namespace}.{name}", field) for field in fields],
    }


def _field(parent: str, field: Field) -> dict[str, Any]:
    declared = {"name": field.name, "doc": field.description}
    kind = _type(parent, field)
    if field.required:
        return {**declared, "type": kind}
    return {**declared, "type": ["null", kind], "default": None}


def _type(parent: str, field: Field, name: str | None = None) -> Any:
    """The type of a value that is not null.

    Args:
        parent: Full name of the record it stands in, which makes the names of inner ones unique.
        field: The declared field.
        name: Name of the record, where the field has none of its own.
    """
    if field.items is not None:
        return {"type": "array", "items": _type(parent, field.items, field.name)}
    if field.type == "struct":
        return _record(name or field.name, parent, field.fields)
    return PLAIN[field.type]
