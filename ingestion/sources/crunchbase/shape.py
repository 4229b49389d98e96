"""From an entity of the API to a record of its contract.

The API sends money as numbers and several things as lists of identifiers; contracts know decimals
as text, texts and objects. So:

- a number where the contract has a decimal becomes its text, exactly;
- a list of identifiers where it has a text becomes their permalinks (of `..._identifiers`: their
  uuids), sorted, separated by a vertical bar;
- a list of places where it has an object becomes that object, one permalink per kind of place.

Members that are null are left out, since a search leaves them out and a card does not. Nothing else
is touched: what does not have the documented shape stays as it came, so that the landing refuses it
with a reason.
"""

from decimal import Decimal
from typing import Any, Final

from ingestion.contracts import Contract, Field
from ingestion.landing.json_text import Number
from ingestion.landing.strict import dump_json

SEPARATOR: Final = "|"
_MAX_EXPONENT: Final = 40


def field_ids(contract: Contract) -> list[str]:
    """The fields that a search or a lookup asks for."""
    return [field.name for field in contract.fields if field.name != "uuid"]


def record_of(contract: Contract, entity: Any) -> bytes:
    """The record of an entity of a search, `{"uuid", "properties"}`."""
    if not isinstance(entity, dict) or set(entity) != {"uuid", "properties"}:
        return _bytes(entity)
    properties = entity["properties"]
    if not isinstance(properties, dict) or properties.get("uuid", entity["uuid"]) != entity["uuid"]:
        return _bytes(entity)
    return flat_record_of(contract, {**properties, "uuid": entity["uuid"]})


def card_record_of(contract: Contract, properties: Any) -> bytes:
    """The record of an entity of a card or a lookup, which come with more fields than asked for."""
    if not isinstance(properties, dict):
        return _bytes(properties)
    asked = {field.name for field in contract.fields}
    kept = {name: value for name, value in properties.items() if name in asked}
    if "uuid" not in kept and isinstance(kept.get("identifier"), dict):
        kept["uuid"] = kept["identifier"].get("uuid")
    return flat_record_of(contract, kept)


def flat_record_of(contract: Contract, properties: Any) -> bytes:
    """The record of an entity whose fields are its own, as those of `deleted_entities` are."""
    if not isinstance(properties, dict):
        return _bytes(properties)
    known = {name: value for name, value in properties.items() if value is not None}
    return _bytes(_shaped(contract.fields, known))


def _shaped(fields: tuple[Field, ...], found: dict[str, Any]) -> dict[str, Any]:
    shaped = dict(found)
    for field in fields:
        if shaped.get(field.name) is not None:
            shaped[field.name] = _value(field, shaped[field.name])
    return shaped


def _value(field: Field, value: Any) -> Any:
    if field.type == "dec" and isinstance(value, Number):
        return _decimal_text(value)
    if field.type == "dec" and type(value) is int:
        return str(value)
    if field.type == "struct" and isinstance(value, dict):
        return _shaped(field.fields, value)
    if field.type == "struct" and isinstance(value, list):
        return _places(value)
    if field.type == "str" and isinstance(value, list):
        return _joined(value, "uuid" if field.name.endswith("_identifiers") else "permalink")
    return value


def _decimal_text(number: Number) -> Any:
    """Without an exponent; one that no amount needs stays, and is refused."""
    value = Decimal(number.text)
    return format(value, "f") if abs(value.adjusted()) <= _MAX_EXPONENT else number


def _joined(identifiers: list[Any], member: str) -> Any:
    """An identifier without a permalink is named by its uuid."""
    names = []
    for identifier in identifiers:
        known = identifier if isinstance(identifier, dict) else {}
        name = known.get(member) or known.get("uuid")
        if not isinstance(name, str) or SEPARATOR in name:
            return identifiers
        names.append(name)
    return SEPARATOR.join(sorted(names)) if names else None


def _places(identifiers: list[Any]) -> Any:
    places: dict[str, Any] = {}
    for identifier in identifiers:
        kind = identifier.get("location_type") if isinstance(identifier, dict) else None
        if not isinstance(kind, str) or kind in places:
            return identifiers
        places[kind] = identifier.get("permalink") or identifier.get("uuid")
    return places or None


def _bytes(value: Any) -> bytes:
    """The same bytes for the same record, whatever the order in which its members came."""
    return dump_json(_ordered(value)).encode()


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value
