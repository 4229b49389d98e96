"""The collector's OpenAPI document, made from the contracts."""

from collections.abc import Iterable
from typing import Any, Final

from ingestion.contracts import Contract, Field

IGNORED_PARAMETER: Final = "cb"
"""A parameter of pixels that makes their addresses differ, so that no cache answers."""

FROM_THE_REQUEST: Final = ("ip", "user_agent")
"""Fields of a payload that the request itself has."""

_TYPES: Final = {"int": "integer", "bool": "boolean", "struct": "object", "array": "array"}
_FORMATS: Final = {"ts": "date-time", "date": "date", "uuid": "uuid", "dec": "decimal"}
_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string"},
        "reason": {"enum": ["parse", "schema", "contract", "privacy", "oversize"]},
        "field": {"type": ["string", "null"], "description": "Dotted path of the field at fault."},
        "index": {"type": "integer", "description": "Place of the event in the batch, from 0."},
    },
}


def openapi(
    streams: Iterable[tuple[str, Contract, frozenset[str]]], *, most_bytes: int, most_events: int
) -> dict[str, Any]:
    """The document.

    Args:
        streams: Logical topic, contract and minted fields of what is collected.
        most_bytes: Longest body.
        most_events: Most events of a body.
    """
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Error": _ERROR}
    for topic, contract, reserved in streams:
        name = contract.name
        schemas[name] = _event(contract, reserved)
        reference = {"$ref": f"#/components/schemas/{name}"}
        batch = {"type": "array", "minItems": 1, "maxItems": most_events, "items": reference}
        paths[f"/v1/events/{topic}"] = {
            "post": {
                "summary": f"Take events of {topic}, all or none; answered when they are on disk",
                "description": f"At most {most_bytes} bytes and {most_events} events.",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"oneOf": [reference, batch]}}},
                },
                "responses": _responses("202", "They are on disk and will be in Kafka."),
            }
        }
        if contract.union is not None:
            for field in contract.fields:
                if field.name in contract.union.members:
                    paths[f"/v1/pixel/{field.name}"] = {"get": _pixel(field)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "AdvertiseX collector", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def pixel_fields(field: Field, prefix: str = "") -> dict[str, Field]:
    """The parameters of a pixel: the leaves of its payload by dotted path."""
    found: dict[str, Field] = {}
    for each in field.fields:
        if each.type == "struct":
            found |= pixel_fields(each, f"{prefix}{each.name}.")
        elif prefix or each.name not in FROM_THE_REQUEST:
            found[prefix + each.name] = each
    return found


def _pixel(field: Field) -> dict[str, Any]:
    parameters = [
        {
            "name": path,
            "in": "query",
            "required": leaf.required,
            "description": leaf.description,
            "schema": _schema(leaf, nullable=False),
        }
        for path, leaf in pixel_fields(field).items()
    ]
    cache = {"name": IGNORED_PARAMETER, "in": "query", "schema": {"type": "string"}}
    return {
        "summary": f"Take one {field.name}: {field.description}",
        "parameters": [*parameters, cache],
        "responses": _responses("200", "A transparent GIF; the event is on disk."),
    }


def _responses(good: str, meaning: str) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    retry = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return {
        good: {"description": meaning},
        "400": {"description": "No record of the contract.", "content": error},
        "413": {"description": "Too long, or too many events.", "content": error},
        "503": {"description": "Cannot be taken now.", "headers": retry, "content": error},
    }


def _event(contract: Contract, reserved: frozenset[str]) -> dict[str, Any]:
    fields = [field for field in contract.fields if field.name not in reserved]
    return {"description": contract.description, **_object(fields)}


def _object(fields: Iterable[Field]) -> dict[str, Any]:
    fields = list(fields)
    return {
        "type": "object",
        "properties": {field.name: _schema(field) for field in fields},
        "required": [field.name for field in fields if field.required],
    }


def _schema(field: Field, *, nullable: bool = True) -> dict[str, Any]:
    kind = _TYPES.get(field.type, "string")
    optional = nullable and not field.required
    made: dict[str, Any] = {"type": [kind, "null"] if optional else kind}
    if field.type == "struct":
        made |= _object(field.fields)
        made["type"] = [kind, "null"] if optional else kind
    if field.items is not None:
        made |= {"items": _schema(field.items), "minItems": field.min_items}
    if field.values:
        made["enum"] = [*field.values, None] if optional else [*field.values]
    if field.type in _FORMATS:
        made["format"] = _FORMATS[field.type]
    if field.pii == "ip":
        made["description"] = "An IPv4 or IPv6 address."
    if field.type == "int":
        made |= {
            name: int(bound)
            for name, bound in (("minimum", field.minimum), ("maximum", field.maximum))
            if bound is not None
        }
    if field.length is not None:
        made |= {"minLength": field.length, "maxLength": field.length}
    elif field.min_length:
        made["minLength"] = field.min_length
    return made
