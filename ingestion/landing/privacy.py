"""What becomes of personal data before a row is written, one record at a time."""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ingestion.contracts import Field
from ingestion.landing.json_text import without_personal
from ingestion.landing.keys import hmac_hex
from ingestion.landing.values import parse_ip

_BEFORE_QUERY = re.compile(r"[^?#]*")


def to_columns(fields: Iterable[Field], values: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """The raw columns of an object: renamed, flattened, personal data replaced.

    Args:
        fields: The declared fields of the object.
        values: Its typed values by wire name.
        key: The pseudonym key.
    """
    columns: dict[str, Any] = {}
    for field in fields:
        value = values.get(field.name)
        if field.type == "struct":
            if field.flatten:
                columns |= to_columns(field.fields, value or {}, key)
            else:
                columns[field.column] = (
                    None if value is None else to_columns(field.fields, value, key)
                )
            continue
        if field.items is not None:
            columns[field.column] = None if value is None else _elements(field.items, value, key)
            continue
        if field.consent is not None and not _has_consent(values, field.consent):
            value = None
        columns |= _protect(field, value, key)
    return columns


def _elements(items: Field, values: Sequence[Any], key: bytes) -> list[Any]:
    if items.type != "struct":
        return list(values)
    return [to_columns(items.fields, value, key) for value in values]


def _protect(field: Field, value: Any, key: bytes) -> dict[str, Any]:
    columns: dict[str, Any] = {field.column: value}
    if field.pii == "ip":
        columns[f"{field.column}_prefix"] = None
    if field.pseudonym is not None:
        columns[field.pseudonym] = None
    if value is None:
        return columns
    if field.pseudonym is not None:
        columns[field.pseudonym] = hmac_hex(key, value)
    if field.personal:
        columns[field.column] = without_personal(value, field.personal, key)
    if field.pii == "id":
        columns[field.column] = hmac_hex(key, value)
    elif field.pii == "url":
        columns[field.column] = strip_query(value)
    elif field.pii == "ip" and (address := parse_ip(value)) is not None:
        # Two spellings of one IPv6 address are one pseudonym.
        columns[field.column] = hmac_hex(key, str(address))
        columns[f"{field.column}_prefix"] = ip_prefix(address)
    return columns


def _has_consent(values: Mapping[str, Any], path: str) -> bool:
    found: Any = values
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found is True


def ip_prefix(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """The network that is coarse enough to keep: /24 of IPv4, /48 of IPv6."""
    length = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network((address, length), strict=False))


def strip_query(url: str) -> str:
    """A URL without its query and its fragment."""
    match = _BEFORE_QUERY.match(url)
    return match.group() if match else ""
