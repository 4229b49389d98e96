"""The meaning of a declared value, one value at a time: the single definition.

The vectorised path (`fast.py`) accepts a part of what is accepted here, with the same results.
"""

import ipaddress
import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from ingestion.contracts import Field
from ingestion.landing.json_text import Number, is_json_object
from ingestion.landing.verdict import Violation

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,28})(\.[0-9]{1,9})?")
_TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_ALLOWED = {
    "str": "text",
    "uuid": "a UUID as text",
    "enum": "text",
    "int": "a whole number of 64 bits",
    "bool": "true or false",
    "dec": "a decimal as text, with at most 29 digits before and 9 after the point",
    "ts": "an RFC 3339 timestamp with a zone, at most 6 decimals, from 2000 to 2099",
    "date": "a calendar date as YYYY-MM-DD",
    "json": "the JSON text of an object",
    "struct": "an object",
    "array": "an array",
}


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (type(None), "null"),
    (bool, "a boolean"),
    (int, "a whole number"),
    (dict, "an object"),
    (list, "an array"),
    (bytes, "bytes"),
    (datetime, "a timestamp"),
    (date, "a date"),
    ((Number, float, Decimal), "a number"),
)


def describe(value: object) -> str:
    """The kind of a value, in words that give nothing of it away."""
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "another type")


def allowed(field: Field) -> str:
    """What the contract allows for a field, in words."""
    words = "one of " + ", ".join(field.values) if field.values else _ALLOWED[field.type]
    if field.pii == "ip":
        words = "an IPv4 or IPv6 address"
    if field.length is not None:
        words += f" of {field.length} characters"
    elif field.min_length:
        words += f" of at least {field.min_length} characters"
    if field.scale is not None:
        words += f", at most {field.scale} decimals"
    if field.minimum is not None:
        words += f", at least {field.minimum}"
    if field.maximum is not None:
        words += f", at most {field.maximum}"
    if field.min_items:
        words += f" of at least {field.min_items} elements"
    return words if field.required else f"{words}, or null"


def wrong_type(field: Field, path: str, found: object) -> Violation:
    """The `schema` failure of a value of another type than declared."""
    message = f"{path} is {describe(found)}; the contract allows {allowed(field)}."
    return Violation("schema", path, message)


def missing(path: str) -> Violation:
    """The `schema` failure of a required field that is missing or null."""
    return Violation("schema", path, f"{path} is missing or null; the contract requires it.")


def wrong_value(field: Field, path: str, found: object) -> Violation:
    """The `contract` failure of a value of the right type that the contract does not allow."""
    message = (
        f"{path} is {describe(found)} that breaks the contract, which allows {allowed(field)}."
    )
    return Violation("contract", path, message)


def not_replaceable(field: Field, path: str, found: object) -> Violation:
    """The `privacy` failure of a personal value for which no stand-in can be made."""
    message = (
        f"{path} is {describe(found)} that cannot be replaced as personal data are; "
        f"the contract allows {allowed(field)}."
    )
    return Violation("privacy", path, message)


def check_json_type(field: Field, path: str, found: object) -> None:
    """Demand the JSON type that the contract declares; nothing is coerced.

    Raises:
        Violation: With the reason `schema`.
    """
    match field.type:
        case "int":
            fits = type(found) is int and INT64_MIN <= found <= INT64_MAX
        case "bool":
            fits = isinstance(found, bool)
        case "struct":
            fits = isinstance(found, dict)
        case "array":
            fits = isinstance(found, list)
        case _:
            fits = isinstance(found, str)
    if not fits:
        raise wrong_type(field, path, found)


def read_text(field: Field, path: str, text: str) -> object:
    """The typed form of a CSV field: numbers and booleans as JSON would write them.

    Raises:
        Violation: With the reason `schema`, if a number or boolean is something else.
    """
    if field.type == "int":
        # 20 characters hold every 64-bit integer; longer ones are not worth a big number.
        if _INTEGER.fullmatch(text) and len(text) <= 20 and INT64_MIN <= int(text) <= INT64_MAX:
            return int(text)
        raise wrong_type(field, path, text)
    if field.type == "bool":
        if text in {"true", "false"}:
            return text == "true"
        raise wrong_type(field, path, text)
    return text


def convert(field: Field, path: str, value: Any) -> Any:
    """The value as the lake keeps it, before privacy is applied.

    Args:
        field: The declared field; not a struct or an array.
        path: Its dotted path, for the message.
        value: A value of the declared JSON type.

    Raises:
        Violation: With the reason `contract`; or `privacy`, if it is a personal value that cannot
            be replaced as the contract says.
    """
    if field.pii == "ip" and parse_ip(value) is None:
        raise not_replaceable(field, path, value)
    match field.type:
        case "ts":
            result: Any = parse_timestamp(value)
        case "date":
            result = parse_date(value)
        case "dec":
            result = parse_decimal(value, field.scale)
        case "uuid":
            result = value if _UUID.fullmatch(value) else None
        case "enum":
            result = value if value in field.values else None
        case "json":
            result = value if is_json_object(value) else None
        case _:
            result = value
    if result is None or not _in_bounds(field, result):
        raise wrong_value(field, path, value)
    return result


def _in_bounds(field: Field, value: Any) -> bool:
    if field.minimum is not None and value < field.minimum:
        return False
    if field.maximum is not None and value > field.maximum:
        return False
    if isinstance(value, str):
        if field.length is not None and len(value) != field.length:
            return False
        if len(value) < field.min_length:
            return False
    return True


def parse_timestamp(text: str) -> datetime | None:
    """RFC 3339 with a zone, in UTC; None for anything else, a leap second, a strange year."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = match.groups()
    try:
        offset = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0))
        if int(zone_minutes or 0) > 59:
            return None
        moment = datetime.combine(
            date.fromisoformat(day),
            datetime.min.time().replace(
                int(hour), int(minute), int(second), int((fraction or "0").ljust(6, "0"))
            ),
            timezone(-offset if sign == "-" else offset),
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return in_range(moment)


def in_range(moment: datetime) -> datetime | None:
    """The moment, or None if no source of ours could mean it."""
    return moment if EARLIEST <= moment < LATEST else None


def parse_date(text: str) -> date | None:
    """A calendar date, or None."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def parse_decimal(text: str, scale: int | None) -> Decimal | None:
    """Decimal text with at most `scale` decimals, or None; never through a float."""
    if not _DECIMAL.fullmatch(text):
        return None
    if scale is not None and len(text.partition(".")[2]) > scale:
        return None
    value = Decimal(text)
    return abs(value) if value.is_zero() else value


def parse_ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IP address without a scope, or None."""
    if "%" in text:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
