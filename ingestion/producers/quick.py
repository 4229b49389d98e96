"""Accepts the plain events of a contract at once; whatever it doubts is for the strict parser.

It must accept nothing that the strict parser refuses. So it takes only events that are, to the
byte, what orjson would write of what it read (no key twice, no blank, no needless escape), that
hold declared fields alone, and whose values have the usual form. It takes about a sixth of the
strict parser's time.
"""

import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import orjson

from ingestion.contracts import Contract, Field
from ingestion.landing.values import INT64_MAX, INT64_MIN, convert, parse_decimal
from ingestion.landing.verdict import Violation

Rule = Callable[[Any], bool]

_MOMENT: Final = re.compile(
    r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3}|\.[0-9]{6})?Z"
)
_BYTE: Final = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4: Final = re.compile(rf"{_BYTE}(\.{_BYTE}){{3}}")


class QuickCheck:
    """The plain events of one contract.

    Args:
        contract: The contract.
        minted: Fields that the producer adds, and the event may not have.
    """

    def __init__(self, contract: Contract, minted: frozenset[str]) -> None:
        fields = [field for field in contract.fields if field.name not in minted]
        self._fits = _object(fields)
        self._union = contract.union
        self._takes_any = not contract.one_of

    def __call__(self, text: bytes) -> Mapping[str, Any] | None:
        """The event, if it is a plain one; its length is not looked at."""
        # an escaped NUL is good JSON, but no text of ours
        if not self._takes_any or b"\\u" in text:
            return None
        try:
            event = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
        if not self._fits(event) or orjson.dumps(event) != text:
            return None
        if self._union is not None:
            chosen = event[self._union.discriminator]
            for member in self._union.members:
                if (event.get(member) is not None) != (member == chosen):
                    return None
        found: dict[str, Any] = event
        return found


def _object(fields: list[Field]) -> Rule:
    rules = {field.name: _rule(field) for field in fields}
    required = {field.name for field in fields if field.required}

    def fits(value: Any) -> bool:
        if type(value) is not dict:
            return False
        missing = len(required)
        for name, member in value.items():
            rule = rules.get(name)
            if rule is None:
                return False
            if name in required:
                missing -= 1
            elif member is None:
                continue
            if not rule(member):
                return False
        return missing == 0

    return fits


def _rule(field: Field) -> Rule:  # noqa: PLR0911 - one for each type
    """Whether a value that is not null is plainly good."""
    if field.items is not None:
        return lambda _: False
    match field.type:
        case "struct":
            return _object(list(field.fields))
        case "bool":
            return lambda value: value is True or value is False
        case "int":
            least = INT64_MIN if field.minimum is None else int(field.minimum)
            most = INT64_MAX if field.maximum is None else int(field.maximum)
            return lambda value: type(value) is int and least <= value <= most
        case "enum":
            values = frozenset(field.values)
            return lambda value: type(value) is str and value in values
        case "ts":
            return _is_moment
        case "str" if field.pii == "ip":
            return lambda value: type(value) is str and _IPV4.fullmatch(value) is not None
        case "str":
            shortest = max(field.min_length, field.length or 0)
            longest = sys.maxsize if field.length is None else field.length
            if (shortest, longest) == (0, sys.maxsize):
                return lambda value: type(value) is str
            return lambda value: type(value) is str and shortest <= len(value) <= longest
        case "dec":
            return _decimal(field)
        case _:
            return lambda value: type(value) is str and _converts(field, value)


def _decimal(field: Field) -> Rule:
    least = Decimal("-Infinity") if field.minimum is None else field.minimum
    most = Decimal("Infinity") if field.maximum is None else field.maximum
    scale = field.scale

    def fits(value: Any) -> bool:
        if type(value) is not str:
            return False
        found = parse_decimal(value, scale)
        return found is not None and least <= found <= most

    return fits


def _is_moment(value: Any) -> bool:
    if type(value) is not str or _MOMENT.fullmatch(value) is None:
        return False
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _converts(field: Field, value: str) -> bool:
    try:
        convert(field, field.name, value)
    except Violation:
        return False
    return True
