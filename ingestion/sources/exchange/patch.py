"""The difference between two JSON documents, and how to put it on again.

It is a merge patch (RFC 7396) that can also carry nulls: what a document lacks is listed beside it
as JSON Pointers (RFC 6901). Members of objects are compared one by one, and so are the elements of
two arrays of as many objects; everything else is taken whole.
"""

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]


def difference(wanted: Json, known: Json) -> tuple[Json, list[str]]:
    """What turns one document into another.

    Args:
        wanted: The document that shall come out.
        known: The document that is there.

    Returns:
        The patch, and pointers to the members of `known` that are not wanted.
    """
    absent: list[str] = []
    return _difference(wanted, known, "", absent), absent


def patched(known: Json, patch: Json, absent: Iterable[str]) -> Json:
    """The document that `difference` was made from."""
    made = known
    for pointer in absent:
        made = _without(made, [_unescaped(token) for token in pointer.split("/")[1:]])
    return _merged(made, patch)


def _difference(wanted: Json, known: Json, pointer: str, absent: list[str]) -> Json:
    absent += [f"{pointer}/{_escaped(name)}" for name in known if name not in wanted]
    patch = {}
    for name, value in wanted.items():
        if name not in known:
            patch[name] = value
        elif value != known[name]:
            below = f"{pointer}/{_escaped(name)}"
            found = _changed(value, known[name], below, absent)
            # an empty patch of an object changes nothing; an empty object is a value like any other
            if found != {} or not isinstance(known[name], dict):
                patch[name] = found
    return patch


def _changed(wanted: Any, known: Any, pointer: str, absent: list[str]) -> Any:
    if isinstance(wanted, dict) and isinstance(known, dict):
        return _difference(wanted, known, pointer, absent)
    if _are_alike(wanted, known):
        pairs = enumerate(zip(wanted, known, strict=True))
        return [_difference(*pair, f"{pointer}/{place}", absent) for place, pair in pairs]
    return wanted


def _are_alike(one: Any, other: Any) -> bool:
    """Whether both are arrays of as many objects."""
    if not (isinstance(one, list) and isinstance(other, list) and len(one) == len(other)):
        return False
    return all(isinstance(element, dict) for element in (*one, *other))


def _merged(known: Json, patch: Json) -> Json:
    made = dict(known)
    for name, value in patch.items():
        found = made.get(name)
        if isinstance(value, dict) and isinstance(found, dict):
            made[name] = _merged(found, value)
        elif isinstance(found, list) and _are_alike(value, found):
            made[name] = [_merged(*pair) for pair in zip(found, value, strict=True)]
        else:
            made[name] = value
    return made


def _without(node: Any, tokens: list[str]) -> Any:
    first, rest = tokens[0], tokens[1:]
    if isinstance(node, list):
        place = int(first)
        return [*node[:place], _without(node[place], rest), *node[place + 1 :]]
    if not rest:
        return {name: value for name, value in node.items() if name != first}
    return node | {first: _without(node[first], rest)}


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _unescaped(token: str) -> str:
    return token.replace("~1", "/").replace("~0", "~")
