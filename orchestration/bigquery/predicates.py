"""What each scan of a statement reads: columns, and the literal bounds on them.

BigQuery reads only the partitions that a predicate on the partition column leaves, if it can tell
before it runs: the other side must be a constant. This follows GoogleSQL's resolved tree, in which
a column keeps its number on its way up from the scan, so a predicate counts wherever it stands as
long as it may be moved down to the scan: through projections, joins, unions, CTEs and views, but
not through aggregates (unless it is grouped by), windows or limits.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from zetasql.wasi._pb2.zetasql.resolved_ast import resolved_ast_enums_pb2 as enums

from orchestration.bigquery.googlesql import unwrap
from orchestration.bigquery.statements import Key, base_of

Interval = tuple[float, float]
"""First and last value, both included; dates as days since 1970."""

Bounds = dict[int, tuple[Interval, ...]]
"""By column number, the values that a literal predicate leaves."""

ALL: tuple[Interval, ...] = ((float("-inf"), float("inf")),)
_JOINS = enums.ResolvedJoinScanEnums
_EPOCH = dt.date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Scan:
    """One table that a statement reads.

    Attributes:
        table: Project, dataset and name.
        columns: What it reads of it.
        bounds: By column, the values that literal predicates leave. No interval: it reads nothing.
        is_target: It is the table that a MERGE, UPDATE or DELETE changes.
    """

    table: Key
    columns: tuple[str, ...]
    bounds: Mapping[str, tuple[Interval, ...]]
    is_target: bool = False

    @property
    def is_empty(self) -> bool:
        """A literal predicate leaves nothing to read."""
        return any(not intervals for intervals in self.bounds.values())


def day(number: float) -> str:
    """A bound on a date column as text."""
    return dt.date.fromordinal(_EPOCH + int(number)).isoformat()


def days_since_epoch(text: str) -> int:
    """An ISO date as the number that bounds on date columns have."""
    return dt.date.fromisoformat(text).toordinal() - _EPOCH


def both(left: Bounds, right: Bounds) -> Bounds:
    """What two predicates that both hold leave."""
    bounds = dict(left)
    for column, intervals in right.items():
        bounds[column] = _intersection(bounds.get(column, ALL), intervals)
    return bounds


def either(left: Bounds, right: Bounds) -> Bounds:
    """What two predicates of which one holds leave."""
    return {
        column: tuple(sorted({*left[column], *right[column]})) for column in left.keys() & right
    }


def _intersection(left: tuple[Interval, ...], right: tuple[Interval, ...]) -> tuple[Interval, ...]:
    pairs = [(max(a[0], b[0]), min(a[1], b[1])) for a in left for b in right]
    return tuple(sorted({pair for pair in pairs if pair[0] <= pair[1]}))


_NULL: Interval = (-1e18, -1e18)
"""The values of `is null`: the null partition, and no day."""

_NOTHING = -1
"""The number of no column: bounds on it are those of `where false`."""

_MIRRORED = {
    "$less": "$greater",
    "$greater": "$less",
    "$less_or_equal": "$greater_or_equal",
    "$greater_or_equal": "$less_or_equal",
    "$equal": "$equal",
}


def literal_bounds(expression: Any) -> Bounds:
    """The bounds that a condition puts on columns by literals alone."""
    name = expression.DESCRIPTOR.name
    if name == "ResolvedLiteralProto":
        value = expression.value.value
        is_false = value.WhichOneof("value") == "bool_value" and not value.bool_value
        return {_NOTHING: ()} if is_false else {}
    if name != "ResolvedFunctionCallProto":
        return {}
    call = base_of(expression, "argument_list")
    arguments = [unwrap(argument) for argument in call.argument_list]
    function = call.function.name.removeprefix("ZetaSQL:")
    if function in ("$and", "$or"):
        return reduce(both if function == "$and" else either, map(literal_bounds, arguments))
    if function == "$is_null":
        column = _column(arguments[0])
        return {} if column is None else {column: (_NULL,)}
    if function in ("$in", "$between"):
        return _values(function, *arguments)
    return _comparison(function, *arguments) if function in _MIRRORED else {}


def _values(function: str, tested: Any, *constants: Any) -> Bounds:
    column = _column(tested)
    values = [value for value in map(_number, constants) if value is not None]
    if column is None or len(values) < len(constants):
        return {}
    if function == "$in":
        return {column: tuple(sorted((value, value) for value in values))}
    return {column: ((values[0], values[1]),) if values[0] <= values[1] else ()}


def _comparison(function: str, left: Any, right: Any) -> Bounds:
    column, value = _column(left), _number(right)
    if column is None:
        column, value, function = _column(right), _number(left), _MIRRORED[function]
    if column is None or value is None:
        return {}
    low, high = {
        "$equal": (value, value),
        "$less": (float("-inf"), value - 1),
        "$less_or_equal": (float("-inf"), value),
        "$greater": (value + 1, float("inf")),
        "$greater_or_equal": (value, float("inf")),
    }[function]
    return {column: ((low, high),)}


def _column(expression: Any) -> int | None:
    if expression.DESCRIPTOR.name == "ResolvedColumnRefProto" and not expression.is_correlated:
        return int(expression.column.column_id)
    return None


def _number(expression: Any) -> float | None:
    """A literal date or whole number."""
    if expression.DESCRIPTOR.name != "ResolvedLiteralProto":
        return None
    value = expression.value.value
    filled = value.WhichOneof("value")
    return getattr(value, filled) if filled in ("date_value", "int64_value") else None


Views = Callable[[Key, tuple[str, ...]], Any]
"""Gives the resolved query of these columns of a view; None for a table."""


def scans(resolved: Any, views: Views) -> list[Scan]:
    """Every scan of a statement, MERGE targets included, views expanded."""
    return list(_Walk(views, resolved).statement(resolved))


def _needed(resolved: Any) -> set[int]:
    """The columns that a statement needs: what it gives, and what an expression refers to.

    A projection, as of `select *`, passes columns under their numbers; a CTE's name and a union
    give them new ones.
    """
    needed: set[int] = set()
    sources: dict[int, list[int]] = {}
    ctes: dict[str, Any] = {}
    for message in walk(resolved):
        name = message.DESCRIPTOR.name
        if name in ("ResolvedColumnRefProto", "ResolvedOutputColumnProto"):
            needed.add(message.column.column_id)
        elif name == "ResolvedWithEntryProto":
            ctes[message.with_query_name] = unwrap(message.with_subquery)
        elif name == "ResolvedWithRefScanProto":
            below = base_of(ctes[message.with_query_name], "column_list").column_list
            for column, source in zip(message.parent.column_list, below, strict=True):
                sources.setdefault(column.column_id, []).append(source.column_id)
        elif name == "ResolvedSetOperationScanProto":
            for item in message.input_item_list:
                names = zip(message.parent.column_list, item.output_column_list, strict=True)
                for column, source in names:
                    sources.setdefault(column.column_id, []).append(source.column_id)
    waiting = list(needed)
    while waiting:
        fresh = [source for source in sources.get(waiting.pop(), []) if source not in needed]
        needed.update(fresh)
        waiting.extend(fresh)
    return needed


def walk(message: Any) -> Iterator[Any]:
    """A part of a resolved tree and all that is below it, but types, names and options."""
    yield message
    for descriptor, value in message.ListFields():
        if descriptor.type == descriptor.TYPE_MESSAGE and descriptor.name not in _PLAIN:
            for part in value if descriptor.is_repeated else (value,):
                yield from walk(part)


class _Walk:
    def __init__(self, views: Views, resolved: Any) -> None:
        self._views = views
        self._needed = _needed(resolved)
        self._ctes: dict[str, Any] = {}

    def statement(self, resolved: Any) -> Iterator[Scan]:
        name = resolved.DESCRIPTOR.name
        if name == "ResolvedMergeStmtProto":
            yield from self._merge(resolved)
        elif name in ("ResolvedDeleteStmtProto", "ResolvedUpdateStmtProto"):
            bounds = literal_bounds(unwrap(resolved.where_expr))
            yield from self._table(resolved.table_scan, bounds, is_target=True)
            yield from self._subqueries(resolved.where_expr)
        elif name == "ResolvedInsertStmtProto":
            if resolved.HasField("query"):
                yield from self._scan(unwrap(resolved.query), {})
        else:
            while "query" not in resolved.DESCRIPTOR.fields_by_name:
                if "parent" not in resolved.DESCRIPTOR.fields_by_name:
                    return
                resolved = resolved.parent
            if resolved.HasField("query"):
                yield from self._scan(unwrap(resolved.query), {})

    def _merge(self, merge: Any) -> Iterator[Scan]:
        """The target is read where the condition and the clauses on its unmatched rows leave it."""
        condition = literal_bounds(unwrap(merge.merge_expr))
        left = condition
        for clause in merge.when_clause_list:
            if clause.match_type == enums.ResolvedMergeWhenEnums.NOT_MATCHED_BY_SOURCE:
                wanted = (
                    literal_bounds(unwrap(clause.match_expr))
                    if clause.HasField("match_expr")
                    else {}
                )
                left = wanted if _NOTHING in left else either(left, wanted)
        yield from self._table(merge.table_scan, left, is_target=True)
        yield from self._scan(unwrap(merge.from_scan), {})
        yield from self._subqueries(merge.merge_expr)
        for clause in merge.when_clause_list:
            yield from self._subqueries(clause)

    def _scan(self, scan: Any, bounds: Bounds) -> Iterator[Scan]:
        handler = getattr(self, f"_{scan.DESCRIPTOR.name}", None)
        if handler is None:
            handler = self._any
        yield from handler(scan, bounds)

    def _any(self, scan: Any, _: Bounds) -> Iterator[Scan]:
        """A scan through which nothing is moved down: limits, windows, samples."""
        yield from self._inputs(scan, {})

    def _inputs(self, scan: Any, bounds: Bounds) -> Iterator[Scan]:
        while scan is not None:
            for descriptor, value in scan.ListFields():
                if descriptor.name == "input_scan":
                    yield from self._scan(unwrap(value), bounds)
                elif descriptor.name not in ("parent", "column_list"):
                    yield from self._subqueries_in(descriptor, value)
            scan = scan.parent if "parent" in scan.DESCRIPTOR.fields_by_name else None

    def _ResolvedFilterScanProto(self, scan: Any, bounds: Bounds) -> Iterator[Scan]:  # noqa: N802
        yield from self._inputs(scan, both(bounds, literal_bounds(unwrap(scan.filter_expr))))

    def _ResolvedProjectScanProto(self, scan: Any, bounds: Bounds) -> Iterator[Scan]:  # noqa: N802
        yield from self._inputs(scan, _renamed(bounds, scan.expr_list))

    def _ResolvedOrderByScanProto(self, scan: Any, bounds: Bounds) -> Iterator[Scan]:  # noqa: N802
        yield from self._inputs(scan, bounds)

    def _ResolvedArrayScanProto(self, scan: Any, bounds: Bounds) -> Iterator[Scan]:  # noqa: N802
        yield from self._inputs(scan, bounds)

    def _ResolvedAggregateScanProto(  # noqa: N802
        self, scan: Any, bounds: Bounds
    ) -> Iterator[Scan]:
        base = base_of(scan, "group_by_list")
        grouped = {column.column.column_id for column in base.group_by_list} | {_NOTHING}
        kept = {column: values for column, values in bounds.items() if column in grouped}
        yield from self._inputs(base, _renamed(kept, base.group_by_list))

    def _ResolvedJoinScanProto(self, scan: Any, bounds: Bounds) -> Iterator[Scan]:  # noqa: N802
        condition = literal_bounds(unwrap(scan.join_expr)) if scan.HasField("join_expr") else {}
        narrowed = both(bounds, condition)
        # A side that may be missing is null there: `is null` above asks for what is not found.
        asked = {c: values for c, values in bounds.items() if _NULL not in values}
        left, right = {
            _JOINS.INNER: (narrowed, narrowed),
            _JOINS.LEFT: (bounds, both(asked, condition)),
            _JOINS.RIGHT: (both(asked, condition), bounds),
            _JOINS.FULL: (asked, asked),
        }[scan.join_type]
        yield from self._scan(unwrap(scan.left_scan), left)
        yield from self._scan(unwrap(scan.right_scan), right)
        yield from self._subqueries(scan.join_expr)

    def _ResolvedSetOperationScanProto(  # noqa: N802
        self, scan: Any, bounds: Bounds
    ) -> Iterator[Scan]:
        for item in scan.input_item_list:
            names = zip(scan.parent.column_list, item.output_column_list, strict=True)
            yield from self._scan(unwrap(item.scan), _moved(bounds, names))

    def _ResolvedWithScanProto(self, scan: Any, bounds: Bounds) -> Iterator[Scan]:  # noqa: N802
        for entry in scan.with_entry_list:
            self._ctes[entry.with_query_name] = unwrap(entry.with_subquery)
        yield from self._scan(unwrap(scan.query), bounds)

    def _ResolvedWithRefScanProto(self, scan: Any, bounds: Bounds) -> Iterator[Scan]:  # noqa: N802
        query = self._ctes[scan.with_query_name]
        names = zip(scan.parent.column_list, base_of(query, "column_list").column_list, strict=True)
        yield from self._scan(query, _moved(bounds, names))

    def _ResolvedTableScanProto(self, scan: Any, bounds: Bounds) -> Iterator[Scan]:  # noqa: N802
        yield from self._table(scan, bounds, is_target=False)

    def _table(self, scan: Any, bounds: Bounds, *, is_target: bool) -> Iterator[Scan]:
        project, dataset, name = scan.table.full_name.split(".")
        key = (project, dataset, name)
        columns = [c for c in scan.parent.column_list if c.column_id in self._needed]
        names = tuple(column.name for column in columns)
        view = self._views(key, names)
        if view is not None:
            outputs = base_of(view, "output_column_list").output_column_list
            moved = _moved(bounds, zip(columns, (o.column for o in outputs), strict=True))
            yield from _Walk(self._views, view)._scan(unwrap(view.query), moved)
            return
        by_name = {c.name: bounds[c.column_id] for c in columns if c.column_id in bounds}
        if _NOTHING in bounds:
            by_name[""] = ()
        yield Scan(key, names, by_name, is_target)

    def _subqueries(self, message: Any) -> Iterator[Scan]:
        if message.DESCRIPTOR.name == "ResolvedSubqueryExprProto":
            yield from self._scan(unwrap(message.subquery), {})
        for descriptor, value in message.ListFields():
            if descriptor.name != "subquery":
                yield from self._subqueries_in(descriptor, value)

    def _subqueries_in(self, descriptor: Any, value: Any) -> Iterator[Scan]:
        if descriptor.type != descriptor.TYPE_MESSAGE or descriptor.name in _PLAIN:
            return
        for part in value if descriptor.is_repeated else (value,):
            yield from self._subqueries(part)


_PLAIN = {
    "column",
    "column_list",
    "function",
    "option_list",
    "signature",
    "type",
    "type_annotation_map",
    "value",
}
"""Fields that hold no expression of the query, and are many."""


def _renamed(bounds: Bounds, computed: Any) -> Bounds:
    """The bounds below a projection: a computed column that is another one's name passes them."""
    if not bounds:
        return bounds
    moved = dict(bounds)
    for column in computed:
        number = column.column.column_id
        if number in moved:
            values = moved.pop(number)
            source = _column(unwrap(column.expr))
            if source is not None:
                moved = both(moved, {source: values})
    return moved


def _moved(bounds: Bounds, names: Iterator[tuple[Any, Any]]) -> Bounds:
    """The bounds on columns under the numbers that they have further down."""
    if not bounds:
        return bounds
    moved = {b.column_id: bounds[a.column_id] for a, b in names if a.column_id in bounds}
    if _NOTHING in bounds:
        moved[_NOTHING] = ()
    return moved
