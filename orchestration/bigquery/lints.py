"""What BigQuery runs, but with other rows than DuckDB, or with an error that depends on the data.

Each rule looks at the resolved form of a statement, where types are known and macros are gone.
"""

from collections.abc import Callable, Iterator
from typing import Any

from orchestration.bigquery.googlesql import type_name, unwrap
from orchestration.bigquery.predicates import walk
from orchestration.bigquery.statements import base_of

_FOREIGN = {
    "upper": "upper makes 'SS' of 'ß' on BigQuery only: use lower",
    "avg": "avg of numerics has other digits on each engine: use rate() of sum and count",
    "current_timestamp": "the time of a build must not be in its rows: they would not come again",
    "current_date": "the date of a build must not be in its rows: they would not come again",
    "rand": "a random number does not come again",
    "generate_uuid": "a random key does not come again",
    "approx_count_distinct": "an approximate count differs by engine and run",
    "farm_fingerprint": "DuckDB has no farm_fingerprint: use md5_hash",
}
"""Functions that no macro may lead to."""

_DIFFERENCES = {"timestamp_diff", "datetime_diff", "date_diff", "time_diff"}
_ORDER_SENSITIVE = {"row_number", "first_value", "last_value", "nth_value", "lag", "lead"}
_WHOLE = {"round", "floor", "ceil", "trunc"}
_MICROSECOND = 11  # of GoogleSQL's DateTimestampPart
_DAY = 3

LOOSE_ORDERS = {
    (
        "bv_clicks",
        ("event_at",),
    ): "impressions of one id: equal times would be one impression",
}
"""Windows that may end their order on a time, by model and order, each with its reason."""


def problems(node: str, resolved: Any) -> Iterator[str]:
    """What is wrong with a statement of this node."""
    for message in walk(resolved):
        rule = _RULES.get(message.DESCRIPTOR.name)
        if rule is not None:
            yield from rule(node, message)


def _type(expression: Any) -> str:
    return type_name(base_of(expression, "type").type)


def _is_literal(expression: Any) -> bool:
    return bool(expression.DESCRIPTOR.name == "ResolvedLiteralProto")


def _cast(_: str, cast: Any) -> Iterator[str]:
    source = unwrap(cast.expr)
    if _is_literal(source):
        return
    before, after = _type(source), type_name(base_of(cast, "type").type)
    if before == "STRING" and after != "BYTES" and not cast.return_null_on_error:
        yield f"a cast of text to {after} fails on other text: use safe_integer, safe_decimal"
    if before == "FLOAT64" and after == "STRING":
        yield "the text of a float differs by engine: make it a decimal first"
    elif before == "FLOAT64" and after != "FLOAT64" and _function(source) not in _WHOLE:
        yield f"a cast of a float to {after} rounds differently by engine: round it first"


def _output(_: str, output: Any) -> Iterator[str]:
    """Within a row floats may be; their last digits must not reach a table."""
    if type_name(output.column.type) == "FLOAT64":
        yield f"{output.name} is a float: its last digits differ by engine, round it to an integer"


def _function(expression: Any) -> str:
    if expression.DESCRIPTOR.name != "ResolvedFunctionCallProto":
        return ""
    name: str = base_of(expression, "function").function.name
    return name.removeprefix("ZetaSQL:")


def _call(_: str, call: Any) -> Iterator[str]:
    name = call.function.name.removeprefix("ZetaSQL:")
    arguments = [unwrap(argument) for argument in call.argument_list]
    if name in _FOREIGN:
        yield _FOREIGN[name]
    if name in ("md5", "sha256", "sha512") and _type(arguments[0]) != "STRING":
        yield f"{name} of {_type(arguments[0])}: hash text that text_of has made"
    if name in _DIFFERENCES:
        part = arguments[-1].value.value.enum_value if _is_literal(arguments[-1]) else None
        if part != (_DAY if name == "date_diff" else _MICROSECOND):
            yield f"{name} by a unit that DuckDB counts by its boundaries: use micros_between"
    if name in ("$divide", "div", "mod"):
        divisor = arguments[1]
        if divisor.DESCRIPTOR.name == "ResolvedCastProto":
            divisor = unwrap(divisor.expr)
        if _function(divisor) != "nullif" and not _is_literal(divisor):
            yield "a division that fails on 0: divide by nullif(…, 0)"
    if name == "sum" and _type(arguments[0]) == "FLOAT64":
        yield "a sum of floats depends on the order of rows: make them decimals"


def _window(node: str, group: Any) -> Iterator[str]:
    computed = (base_of(unwrap(column), "expr") for column in group.analytic_function_list)
    functions = {
        base_of(unwrap(column.expr), "function").function.name.removeprefix("ZetaSQL:")
        for column in computed
    }
    items = group.order_by.order_by_item_list
    order = tuple(item.column_ref.column.name for item in items)
    if (node, order) in LOOSE_ORDERS:
        return
    sensitive = sorted(functions & _ORDER_SENSITIVE)
    # The date of a version is told apart by its key; that of an event or a load is not.
    loose = not order or order[-1].endswith(("_at", "_datetime", "event_date"))
    if sensitive and loose:
        ordered = ", ".join(order) or "nothing"
        yield f"{', '.join(sensitive)} over an order that is not total: {ordered}"
    if node.startswith(("sat_", "masat_", "rtsat_")) and order and order[0] != "load_pin":
        yield f"versions follow load order, not {', '.join(order)}"


_RULES: dict[str, Callable[[str, Any], Iterator[str]]] = {
    "ResolvedCastProto": _cast,
    "ResolvedFunctionCallBaseProto": _call,
    "ResolvedOutputColumnProto": _output,
    "ResolvedAnalyticFunctionGroupProto": _window,
}
