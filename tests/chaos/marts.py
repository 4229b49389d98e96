"""How the published marts differ from the answer key, and from the lake below them, both ways.

`adx verify` and `adx reconcile` say which line is wrong; here every figure that differs is counted
and called by its name. A figure is a metric of one grain's one place: what one event too many does
to the marts is seen in all of them.
"""

import re
from typing import Final

from ingestion.settings import Settings
from orchestration.warehouse.published import open_published
from orchestration.warehouse.reconcile import reconcile
from orchestration.warehouse.verdict import Failure
from orchestration.warehouse.verify import (
    Dims,
    Errors,
    Pair,
    Values,
    compare,
    mart_values,
    newest_key,
    read_key,
)
from tests.chaos.books import Difference

_RECORDS: Final = frozenset({"loaded", "failed", "distinct", "duplicates", "files_loaded"})
"""Metrics that count records or files: one too few is lost, one too many is there twice."""
_ROWS: Final = re.compile(r"(\d+) rows?")


def marts_difference(settings: Settings) -> Difference:
    """Compare the published build with the newest answer key, and with the lake row by row."""
    with open_published(settings) as published:
        errors: Errors = {}
        marts = mart_values(published.ask, errors=errors)
    _, path = newest_key(settings.world)
    difference = figures_difference(read_key(path), marts, errors)
    for failure in reconcile(settings).failures:
        difference.add(kind_of(failure), failure.others + 1, str(failure))
    return difference


def figures_difference(key: Values, marts: Values, errors: Errors) -> Difference:
    """Every figure that is not what the key says, by what is wrong with it."""
    difference = Difference()
    for pair in sorted(key.keys() | marts.keys()):
        expected, found = key.get(pair, {}), marts.get(pair, {})
        if compare({pair: expected}, {pair: found}, errors).failed:
            _pair(difference, pair, expected, found, errors)
    return difference


def _pair(
    difference: Difference,
    pair: Pair,
    expected: dict[Dims, str],
    found: dict[Dims, str],
    errors: Errors,
) -> None:
    missing = {dims: expected[dims] for dims in expected.keys() - found.keys()}
    extra = {dims: found[dims] for dims in found.keys() - expected.keys()}
    kinds: dict[Dims, str] = dict.fromkeys(missing, "lost")
    for dims, value in extra.items():
        place = next((one for one in missing if missing[one] == value), None)
        kinds[dims] = "phantom" if place is None else "misrouted"
        if place is not None:
            del missing[place], kinds[place]
    for dims in expected.keys() & found.keys():
        due, is_there = expected[dims], found[dims]
        if compare({pair: {dims: due}}, {pair: {dims: is_there}}, errors).failed:
            counted = "lost" if float(is_there) < float(due) else "duplicated"
            kinds[dims] = counted if pair[0] in _RECORDS else "wrong"
    for dims, kind in kinds.items():
        where = ", ".join(f"{name} {value}" for name, value in dims)
        figures = f"{found.get(dims)}, due is {expected.get(dims)}"
        difference.add(kind, 1, f"{pair[0]} by {pair[1]} at {where}: {figures}")


def kind_of(failure: Failure) -> str:
    """What is wrong where a link of the chain from the lake to the marts does not hold."""
    due, found = _ROWS.fullmatch(failure.expected), _ROWS.fullmatch(failure.found)
    if due is None or found is None:
        return {"nothing": "phantom"}.get(failure.expected) or (
            "lost" if failure.found == "nothing" else "wrong"
        )
    rows, rows_found = int(due[1]), int(found[1])
    if rows_found < rows:
        return "lost"
    return "duplicated" if rows else "phantom"
