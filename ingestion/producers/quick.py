"""Accepts the plain events of a contract at once; whatever it doubts is for the strict parser.

It must accept nothing that the strict parser refuses. So it takes only events that hold declared
fields alone, no key twice, and values of the usual form. A batch is looked at column by column: a
test that all values of a field pass together costs a fifth of one for each of them. If a batch does
not pass, its halves are looked at, and so on down to the events at fault.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

import orjson

from ingestion.contracts import Contract, Field, Union
from ingestion.landing.values import (
    INT64_MAX,
    INT64_MIN,
    convert,
    parse_decimal,
    parse_ip,
    parse_timestamp,
)
from ingestion.landing.verdict import Violation

Event = Mapping[str, Any]
Values = Sequence[Any]
Rule = Callable[[Values], int | None]
"""How many texts some values hold, names of members included; None if one is not plainly good."""

_MOMENT: Final = re.compile(
    r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{3}|\.[0-9]{6})?Z"
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
        self._rule = _object([field for field in contract.fields if field.name not in minted])
        self._union = contract.union
        self._takes_any = not contract.one_of

    def __call__(self, text: bytes) -> Event | None:
        """The event, if it is a plain one; its length is not looked at."""
        return self.batch([text])[0]

    def batch(self, texts: Sequence[bytes]) -> list[Event | None]:
        """Each event, if it is a plain one."""
        if not self._takes_any:
            return [None] * len(texts)
        return self._sift(texts, [_loaded(text) for text in texts])

    def _sift(self, texts: Sequence[bytes], events: list[Any]) -> list[Event | None]:
        if self._are_plain(texts, events):
            return events
        if len(texts) == 1:
            return [None]
        middle = len(texts) // 2
        return [
            *self._sift(texts[:middle], events[:middle]),
            *self._sift(texts[middle:], events[middle:]),
        ]

    def _are_plain(self, texts: Sequence[bytes], events: list[Any]) -> bool:
        if not events:
            return True
        whole = b"".join(texts)
        quotes = _quotes(whole)
        # of a key that comes twice one value is left, so the text has more quotes than the event
        if quotes is None or self._rule(events) != quotes / 2:
            return False
        return self._union is None or _have_one_payload(self._union, events)


def _loaded(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _quotes(text: bytes) -> int | None:
    """How many quotes begin or end a text in some JSON; None if that is not plain to see."""
    if b"\\" not in text:
        return text.count(b'"')
    # an escaped NUL is good JSON, but no text of ours
    if b"\\\\" in text or b"\\u0000" in text:
        return None
    return text.count(b'"') - text.count(b'\\"')


def _have_one_payload(union: Union, events: list[Any]) -> bool:
    """Whether each has the payload that its discriminator names, and no other."""
    members = union.members
    missing = sum([[event.get(member) for event in events].count(None) for member in members])
    chosen = [event[union.discriminator] for event in events]
    payloads = [event.get(member) for event, member in zip(events, chosen, strict=True)]
    return (
        missing == len(events) * (len(members) - 1)
        and None not in payloads
        and set(chosen) <= set(members)
    )


def _object(fields: list[Field]) -> Rule:
    rules = {field.name: _rule(field) for field in fields}
    required = {field.name for field in fields if field.required}

    def texts_of(values: Values) -> int | None:
        if set(map(type, values)) != {dict}:
            return None
        shapes = defaultdict(list)
        for value in values:
            shapes[tuple(value)].append(value.values())
        found = 0
        for names, alike in shapes.items():
            if not required <= set(names) <= rules.keys():
                return None
            found += len(names) * len(alike)
            for name, column in zip(names, zip(*alike, strict=True), strict=True):
                filled = (
                    column if name in required else [each for each in column if each is not None]
                )
                texts = rules[name](filled) if filled else 0
                if texts is None:
                    return None
                found += texts
        return found

    return texts_of


def _rule(field: Field) -> Rule:  # noqa: PLR0911 - one for each type
    """Whether values that are not null are plainly good."""
    if field.items is not None:
        return lambda _: None
    match field.type:
        case "struct":
            return _object(list(field.fields))
        case "bool":
            return lambda values: 0 if set(map(type, values)) == {bool} else None
        case "int":
            least = INT64_MIN if field.minimum is None else int(field.minimum)
            most = INT64_MAX if field.maximum is None else int(field.maximum)
            return lambda values: (
                0
                if set(map(type, values)) == {int} and least <= min(values) <= max(values) <= most
                else None
            )
        case "enum":
            allowed = frozenset(field.values)
            return _texts(allowed.issuperset)
        case "ts":
            return _texts(_are_moments)
        case "str" if field.pii == "ip":
            return _texts(_are_addresses)
        case "str":
            shortest = max(field.min_length, field.length or 0)
            longest = sys.maxsize if field.length is None else field.length
            if (shortest, longest) == (0, sys.maxsize):
                return _texts(lambda _: True)
            return _texts(
                lambda values: (
                    shortest <= min(map(len, values)) and max(map(len, values)) <= longest
                )
            )
        case "dec":
            return _texts(_decimals(field))
        case _:
            return _texts(lambda values: all(_converts(field, value) for value in values))


def _texts(are_good: Callable[[Values], bool]) -> Rule:
    return lambda values: (
        len(values) if set(map(type, values)) == {str} and are_good(values) else None
    )


def _decimals(field: Field) -> Callable[[Values], bool]:
    least = Decimal("-Infinity") if field.minimum is None else field.minimum
    most = Decimal("Infinity") if field.maximum is None else field.maximum
    scale = field.scale

    def are_good(values: Values) -> bool:
        found = [parse_decimal(value, scale) for value in set(values)]
        return all(each is not None and least <= each <= most for each in found)

    return are_good


def _are_moments(values: Values) -> bool:
    try:
        for day in {value[:10] for value in values}:
            date.fromisoformat(day)  # whether there is such a day
    except ValueError:
        return False
    odd = [value for value in values if not _MOMENT.fullmatch(value)]
    return all(parse_timestamp(value) for value in odd)


def _are_addresses(values: Values) -> bool:
    return all(_IPV4.fullmatch(value) or parse_ip(value) for value in values)


def _converts(field: Field, value: str) -> bool:
    try:
        convert(field, field.name, value)
    except Violation:
        return False
    return True
