"""Texts of JSON inside a record: whether they hold one object, and the personal values in them.

A text is kept as it came, to the byte, unless a personal value in it has to be replaced; then it
is written anew, with every number and every repeated key as it was.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from json.encoder import encode_basestring as _quoted
from operator import is_
from typing import Any

import orjson

from ingestion.landing.keys import hmac_hex

MAX_DEPTH = 32


class Number:
    """A JSON number that is no 64-bit integer, kept as it was written."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


class _Members(list[tuple[str, Any]]):
    """The members of an object in their order, repeated keys included."""


def is_json_object(text: str) -> bool:
    """Whether a text is exactly one JSON object (RFC 8259), of our depth and without NUL."""
    if "\\" not in text and text.count("{") + text.count("[") <= MAX_DEPTH:
        try:
            return isinstance(orjson.loads(text), dict)
        except orjson.JSONDecodeError:
            pass  # also for numbers that are too big for a float, which are good JSON
    return _parse(text) is not None


def without_personal(text: str, paths: Sequence[str], key: bytes) -> str:
    """A JSON text with every value under some paths replaced by its keyed pseudonym.

    Args:
        text: One JSON object.
        paths: Dotted paths of members; a path goes through the elements of an array. All texts
            and numbers below such a member are replaced, so that its structure stays.
        key: The pseudonym key.

    Returns:
        The very text it was given, if it has no such member.
    """
    tree = _tree(tuple(paths))
    if "\\" not in text and not tree.names.search(text):
        return text
    document = _parse(text)
    if document is None:
        return text
    replaced = _replaced(document, tree, key)
    return text if replaced is document else _dump(replaced)


@dataclass(frozen=True)
class _Tree:
    """Paths by their first names; an end has no members.

    Attributes:
        members: What follows each name.
        names: Finds what every text with one of the paths must hold: the last name, in quotes.
    """

    members: Mapping[str, "_Tree"]
    names: re.Pattern[str]


@cache
def _tree(paths: tuple[str, ...]) -> _Tree:
    below: dict[str, list[str]] = {}
    for path in paths:
        name, _, rest = path.partition(".")
        below.setdefault(name, []).append(rest)
    names = sorted({re.escape(path.rpartition(".")[2]) for path in paths})
    return _Tree(
        # a path that ends here takes all that is below, whatever a longer one names in it
        {name: _tree(() if "" in rest else tuple(rest)) for name, rest in below.items()},
        re.compile(f'"(?:{"|".join(names)})"'),
    )


def _parse(text: str) -> _Members | None:
    try:
        document = json.loads(
            text,
            object_pairs_hook=_Members,
            parse_float=Number,
            parse_int=Number,
            parse_constant=_refuse,
        )
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, _Members):
        return None
    is_plain = "\\u" not in text and text.count("{") + text.count("[") <= MAX_DEPTH
    return document if is_plain or _is_clean(document) else None


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


def _is_clean(document: _Members) -> bool:
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        texts = [node for node in level if isinstance(node, str)]
        texts += [key for node in level if isinstance(node, _Members) for key, _ in node]
        if any(re.search("[\\0\\ud800-\\udfff]", text) for text in texts):
            return False
        level = [child for node in level for child in _children(node)]
    return not level


def _children(node: Any) -> Iterable[Any]:
    if isinstance(node, _Members):
        return (value for _, value in node)
    return node if isinstance(node, list) else ()


def _replaced(node: Any, tree: _Tree, key: bytes) -> Any:
    """The node with its personal values replaced; the very node, if it has none."""
    if isinstance(node, list) and not isinstance(node, _Members):
        elements = [_replaced(child, tree, key) for child in node]
        return node if all(map(is_, elements, node)) else elements
    if not isinstance(node, _Members):
        return node
    changed = False
    made = _Members()
    for name, value in node:
        below, new = tree.members.get(name), value
        if below is not None:
            new = _replaced(value, below, key) if below.members else _pseudonyms(value, key)
            changed |= new is not value
        made.append((name, new))
    return made if changed else node


def _pseudonyms(node: Any, key: bytes) -> Any:
    match node:
        case _Members():
            return _Members((name, _pseudonyms(value, key)) for name, value in node)
        case list():
            return [_pseudonyms(value, key) for value in node]
        case str():
            return hmac_hex(key, node)
        case Number():
            return hmac_hex(key, node.text)
        case _:
            return node


def _dump(node: Any) -> str:
    match node:
        case str():
            return _quoted(node)
        case _Members():
            return "{" + ",".join([f"{_quoted(name)}:{_dump(value)}" for name, value in node]) + "}"
        case list():
            return "[" + ",".join([_dump(value) for value in node]) + "]"
        case Number():
            return node.text
        case _:
            return json.dumps(node)
