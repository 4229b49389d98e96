"""The reference parser: what a contract means, decided for one record in plain Python.

It is the only definition of a verdict. The vectorised path may accept a record sooner, but only
one that this parser accepts with the same values; whatever it doubts ends here.

The JSON module of Python is the base because it can be made exact: every duplicate key is seen
(`object_pairs_hook`), numbers keep their text, NaN is refused. orjson is faster, but keeps the
last of two equal keys without a word.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, cast

from ingestion.contracts import Contract, Field
from ingestion.landing.json_text import MAX_DEPTH, Number
from ingestion.landing.values import (
    check_json_type,
    convert,
    describe,
    missing,
    read_text,
    wrong_value,
)
from ingestion.landing.verdict import Verdict, Violation

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SAFE_CAUSE = re.compile(r"[A-Za-z' ,]+")

Reader = Callable[[Field, str, Any], Any]
"""Turns what a carrier brought into a value of the declared JSON type, or raises a Violation."""


class _DuplicateKeyError(ValueError):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def judge_json(contract: Contract, value: bytes | None, event_id: bytes | None = None) -> Verdict:
    """The verdict on one JSON record.

    Args:
        contract: The contract of its table.
        value: The record as it came; None for a tombstone.
        event_id: `event_id` of the record's header, used where the value has none; empty is none.
    """
    try:
        return _judge(contract, _parse(contract, value), read_json, event_id)
    except Violation as violation:
        return Verdict(failure=violation.failure)


def judge_texts(contract: Contract, texts: list[str]) -> Verdict:
    """The verdict on the fields of one CSV record, in the contract's order; empty means null."""
    record = {field.name: text or None for field, text in zip(contract.fields, texts, strict=True)}
    try:
        return _judge(contract, record, read_text, None)
    except Violation as violation:
        return Verdict(failure=violation.failure)


def judge_record(
    contract: Contract, record: Mapping[str, Any], reader: Reader, size: int
) -> Verdict:
    """The verdict on one record of a carrier with types of its own: Avro, a SQL driver.

    Args:
        contract: The contract of its table.
        record: Its values by wire name, structs as dictionaries and arrays as lists.
        reader: Knows the types of the carrier.
        size: Its length as JSON, in bytes.
    """
    try:
        _check_size(contract, size)
        _check_characters(dict(record))
        return _judge(contract, dict(record), reader, None)
    except Violation as violation:
        return Verdict(failure=violation.failure)


def read_json(field: Field, path: str, found: Any) -> Any:
    """A JSON value of exactly the declared type, as it is."""
    check_json_type(field, path, found)
    return found


def read_document(contract: Contract, value: bytes) -> dict[str, Any] | None:
    """A JSON record of any length as it came, before any declared field is looked at.

    Returns:
        Its members, numbers as they were written; None if it is no clean JSON object.
    """
    try:
        return _document(contract, value)
    except Violation:
        return None


def drift(contract: Contract, value: bytes | None) -> dict[str, Any] | None:
    """The unknown fields of a JSON record whose declared values are known to be right.

    It costs a fourth of a verdict, and a new field comes with every record of its producer.

    Returns:
        Dotted path to JSON value; None if the record needs a verdict, because it is no clean
        document, or something else stands where the contract has an object.
    """
    try:
        record = _parse(contract, value)
    except Violation:
        return None
    if not _has_objects(contract.fields, record):
        return None
    extras: dict[str, Any] = {}
    _find_extras(contract.fields, record, "", extras)
    return extras


def unknown_fields(
    contract: Contract, record: Mapping[str, Any], size: int
) -> dict[str, Any] | None:
    """The unknown fields of a nested record whose declared values are known to be right.

    Returns:
        Dotted path to value; None if the record needs a verdict, because it is too long or a text
        in it is none of ours.
    """
    try:
        _check_size(contract, size)
        _check_characters(dict(record))
    except Violation:
        return None
    extras: dict[str, Any] = {}
    _find_extras(contract.fields, dict(record), "", extras)
    return extras


def _has_objects(fields: tuple[Field, ...], record: dict[str, Any]) -> bool:
    return all(_has_object(field, record.get(field.name)) for field in fields)


def _has_object(field: Field, value: Any) -> bool:
    if value is None:
        return True
    if field.items is not None:
        return isinstance(value, list) and all(_has_object(field.items, item) for item in value)
    return field.type != "struct" or (isinstance(value, dict) and _has_objects(field.fields, value))


def _judge(
    contract: Contract, record: dict[str, Any], reader: Reader, event_id: bytes | None
) -> Verdict:
    fields = contract.fields
    typed = _check_types(fields, record, "", reader)
    if event_id:
        for field in fields:
            if field.column == "_event_id" and typed[field.name] is None:
                typed[field.name] = _header_text(field, event_id)
    values = _check_values(fields, typed, "")
    if contract.union is not None:
        _check_union(contract, values)
    if contract.one_of:
        _check_one_of(contract, values)
    extras: dict[str, Any] = {}
    _find_extras(fields, record, "", extras)
    return Verdict(values, extras)


def _check_types(
    fields: tuple[Field, ...], record: dict[str, Any], prefix: str, reader: Reader
) -> dict[str, Any]:
    """Types and required fields of an object; every declared field gets an entry."""
    return {
        field.name: _check_type(field, prefix + field.name, record.get(field.name), reader)
        for field in fields
    }


def _check_type(field: Field, path: str, found: Any, reader: Reader) -> Any:
    if found is None:
        if field.required:
            raise missing(path)
        return None
    value = reader(field, path, found)
    if field.type == "struct":
        return _check_types(field.fields, found, f"{path}.", reader)
    if field.items is not None:
        return [_check_type(field.items, path, element, reader) for element in found]
    return value


def _find_extras(
    fields: tuple[Field, ...], record: dict[str, Any], prefix: str, extras: dict[str, Any]
) -> None:
    """Collect what an object holds beside its declared fields."""
    declared = set()
    for field in fields:
        declared.add(field.name)
        found, path = record.get(field.name), f"{prefix}{field.name}."
        if found is None:
            continue
        if field.type == "struct":
            _find_extras(field.fields, found, path, extras)
        elif field.items is not None and field.items.type == "struct":
            for place, element in enumerate(found):
                _find_extras(field.items.fields, element, f"{path}{place}.", extras)
    for key, value in record.items():
        if key not in declared:
            extras[prefix + key.replace("\\", "\\\\").replace(".", "\\.")] = value


def _check_values(fields: tuple[Field, ...], typed: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Values of an object whose types are right."""
    return {
        field.name: _check_value(field, prefix + field.name, typed[field.name]) for field in fields
    }


def _check_value(field: Field, path: str, value: Any) -> Any:
    if value is None:
        return None
    if field.type == "struct":
        return _check_values(field.fields, value, f"{path}.")
    if field.items is not None:
        if len(value) < field.min_items:
            raise wrong_value(field, path, value)
        return [_check_value(field.items, path, element) for element in value]
    return convert(field, path, value)


def _check_one_of(contract: Contract, values: dict[str, Any]) -> None:
    filled = [name for name in contract.one_of if values[name] is not None]
    if len(filled) != 1:
        names = " and ".join(contract.one_of)
        raise Violation(
            "contract",
            contract.one_of[0],
            f"{len(filled)} of {names} are filled; the contract allows exactly one.",
        )


def _check_union(contract: Contract, values: dict[str, Any]) -> None:
    union = contract.union
    if union is None:
        return
    chosen = values[union.discriminator]
    for member in union.members:
        if (values[member] is not None) != (member == chosen):
            state = "missing or null" if member == chosen else "filled"
            raise Violation(
                "contract",
                member,
                f"{member} is {state}, but {union.discriminator} says {chosen}; "
                "exactly the payload of that name must be filled.",
            )


def _header_text(field: Field, header: bytes) -> str:
    try:
        text = header.decode()
    except UnicodeDecodeError as error:
        raise Violation("parse", field.name, f"The header {field.name} is not UTF-8.") from error
    _check_text(text)
    return text


def _parse(contract: Contract, value: bytes | None) -> dict[str, Any]:
    if not value:
        raise Violation("parse", None, "The record is empty (a tombstone or a blank line).")
    _check_size(contract, len(value))
    return _document(contract, value)


def _document(contract: Contract, value: bytes) -> dict[str, Any]:
    """A record of any length as one clean JSON object."""
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise Violation(
            "parse", None, f"The record is not UTF-8 (first at byte {error.start})."
        ) from error
    if value.startswith(_BYTE_ORDER_MARK):
        raise Violation("parse", None, "The record begins with a byte order mark.")
    try:
        document = json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=Number,
            parse_int=_integer,
            parse_constant=_constant,
        )
    except _DuplicateKeyError as error:
        known = error.key in _names(contract)
        raise Violation(
            "parse",
            error.key if known else None,
            f"The key {error.key} occurs twice in one object."
            if known
            else "An undeclared key occurs twice in one object.",
        ) from error
    except json.JSONDecodeError as error:
        cause = _SAFE_CAUSE.match(error.msg)
        raise Violation(
            "parse",
            None,
            "The record is not exactly one JSON document (RFC 8259): "
            f"{cause.group().strip() if cause else 'invalid'} at character {error.pos + 1}.",
        ) from error
    except RecursionError as error:
        raise _too_deep() from error
    if text.count("{") + text.count("[") > MAX_DEPTH:
        _check_nesting(document)
    if "\\u" in text:
        _check_characters(document)
    if not isinstance(document, dict):
        raise Violation(
            "schema", None, f"The record is {describe(document)}; the contract allows an object."
        )
    return document


def _check_size(contract: Contract, size: int) -> None:
    if size > contract.max_record_bytes:
        raise Violation("oversize", None, oversize_message(size, contract.max_record_bytes))


def oversize_message(size: int, allowed: int) -> str:
    """What an oversize record is told."""
    return f"The record has {size} bytes; at most {allowed} are allowed."


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _DuplicateKeyError(key)
            seen.add(key)
    return record


def _integer(text: str) -> int | Number:
    # 20 characters hold every 64-bit integer; Python refuses to convert thousands of digits.
    return int(text) if len(text) <= 20 else Number(text)


def _constant(text: str) -> Any:
    raise json.JSONDecodeError(f"{text.lstrip('-')} is no JSON number", "", 0)


@cache
def _names(contract: Contract) -> frozenset[str]:
    def walk(fields: tuple[Field, ...]) -> Iterator[str]:
        for field in fields:
            yield field.name
            yield from walk(field.fields if field.items is None else field.items.fields)

    return frozenset(walk(contract.fields))


def _too_deep() -> Violation:
    return Violation("parse", None, f"The record is nested more than {MAX_DEPTH} levels deep.")


def _check_nesting(document: Any) -> None:
    level, depth = [document], 0
    while level := [node for node in level if isinstance(node, dict | list)]:
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_deep()
        level = [
            child for node in level for child in (node.values() if isinstance(node, dict) else node)
        ]


def _check_characters(document: Any) -> None:
    """Refuse what JSON can escape but no text of ours may hold: NUL and lone surrogates."""
    pending: list[Any] = [document]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            pending.extend(node)
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
        elif isinstance(node, str):
            _check_text(node)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise Violation("parse", None, "A text holds the character NUL.")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise Violation("parse", None, "A text holds half a surrogate pair.")


def dump_json(value: Any) -> str:
    """JSON text of a parsed value, numbers exactly as they were written."""
    match value:
        case dict():
            members = (f"{json.dumps(key)}:{dump_json(item)}" for key, item in value.items())
            return "{" + ",".join(members) + "}"
        case list():
            return "[" + ",".join(dump_json(item) for item in value) + "]"
        case Number():
            return value.text
        case None | bool() | int() | str():
            return json.dumps(value)
        case float() if math.isfinite(value):
            return json.dumps(value)
        case _:
            return json.dumps(cast("object", str(value)))
