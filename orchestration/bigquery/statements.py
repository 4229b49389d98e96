"""A BigQuery that analyzes instead of executing: it knows what tables there are, but no row.

Each statement goes to GoogleSQL's analyzer with the tables that the statements before it made; what
it would make, change or drop is made, changed or dropped in the catalog. So a series of statements
is judged as BigQuery would judge it before it reads a byte.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestration.bigquery.googlesql import GoogleSql, QueryRejectedError, unwrap

Key = tuple[str, str, str]
"""Project, dataset and name."""

_KINDS = {
    "ResolvedQueryStmtProto": "SELECT",
    "ResolvedCreateSchemaStmtProto": "CREATE_SCHEMA",
    "ResolvedCreateTableStmtProto": "CREATE_TABLE",
    "ResolvedCreateTableAsSelectStmtProto": "CREATE_TABLE_AS_SELECT",
    "ResolvedCreateViewStmtProto": "CREATE_VIEW",
    "ResolvedCreateExternalTableStmtProto": "CREATE_EXTERNAL_TABLE",
    "ResolvedAlterTableStmtProto": "ALTER_TABLE",
    "ResolvedAlterTableSetOptionsStmtProto": "ALTER_TABLE",
    "ResolvedAlterViewStmtProto": "ALTER_VIEW",
    "ResolvedDropStmtProto": "DROP_TABLE",
    "ResolvedMergeStmtProto": "MERGE",
    "ResolvedInsertStmtProto": "INSERT",
    "ResolvedUpdateStmtProto": "UPDATE",
    "ResolvedDeleteStmtProto": "DELETE",
    "ResolvedTruncateStmtProto": "TRUNCATE_TABLE",
    "ResolvedGrantStmtProto": "GRANT",
    "ResolvedRevokeStmtProto": "REVOKE",
    "ResolvedBeginStmtProto": "BEGIN_TRANSACTION",
    "ResolvedCommitStmtProto": "COMMIT_TRANSACTION",
    "ResolvedRollbackStmtProto": "ROLLBACK_TRANSACTION",
}


@dataclass
class Table:
    """What the catalog knows of a table or view.

    Attributes:
        kind: `TABLE`, `VIEW` or `EXTERNAL`.
        columns: Types by name, in order.
        partition: The column that it is partitioned by.
        clustering: The columns that it is clustered by.
        needs_filter: Whether a query must have a predicate on the partition column.
        description: What it is, for people.
        labels: Its labels.
        descriptions: What its columns are.
        query: A view's SQL.
    """

    kind: str
    columns: dict[str, Any]
    partition: str | None = None
    clustering: tuple[str, ...] = ()
    needs_filter: bool = False
    description: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    query: str | None = None


@dataclass(frozen=True)
class Statement:
    """A statement that BigQuery would have run.

    Attributes:
        node: Who sent it, as the query comment says: dbt's unique id, or nothing.
        kind: BigQuery's word for it, such as `MERGE`.
        sql: Its text.
        resolved: GoogleSQL's resolved form.
        target: The table that it makes or changes.
        columns: What a query gives.
    """

    node: str
    kind: str
    sql: str
    resolved: Any
    target: Key | None
    columns: dict[str, Any]


@dataclass(frozen=True)
class Rejection:
    """A statement that BigQuery would not take, and why."""

    node: str
    sql: str
    message: str


class NotFoundError(Exception):
    """There is no such dataset or table."""


class Warehouse:
    """The catalog and the record of all statements."""

    def __init__(self, googlesql: GoogleSql) -> None:
        self.googlesql = googlesql
        self.tables: dict[Key, Table] = {}
        self.datasets: set[tuple[str, str]] = set()
        self.statements: list[Statement] = []
        self.rejections: list[Rejection] = []

    def put(self, key: Key, table: Table) -> None:
        """Make a table, or replace it."""
        self.datasets.add(key[:2])
        self.tables[key] = table
        self.googlesql.add_table(*key, table.columns)

    def get(self, key: Key) -> Table:
        """A table.

        Raises:
            NotFoundError: There is none.
        """
        if key not in self.tables:
            raise NotFoundError(f"Not found: Table {key[0]}:{key[1]}.{key[2]}")
        return self.tables[key]

    def drop(self, key: Key) -> None:
        """Drop a table.

        Raises:
            NotFoundError: There is none.
        """
        self.get(key)
        del self.tables[key]
        self.googlesql.drop_table(*key)

    def run(self, sql: str) -> Statement:
        """Judge one statement and keep what it does to the catalog.

        Raises:
            QueryRejectedError: BigQuery would not take it.
        """
        node = node_of(sql)
        try:
            resolved = self.googlesql.analyze(sql)
            statement = self._take(node, sql, resolved)
        except (QueryRejectedError, NotFoundError) as problem:
            self.rejections.append(Rejection(node, sql, str(problem)))
            raise QueryRejectedError(str(problem)) from problem
        self.statements.append(statement)
        return statement

    def _take(self, node: str, sql: str, resolved: Any) -> Statement:
        name = resolved.DESCRIPTOR.name
        if name not in _KINDS:
            raise QueryRejectedError(f"{name} is no kind of statement that this check knows")
        kind, target, columns = _KINDS[name], None, {}
        if kind == "SELECT":
            columns = _outputs(resolved)
        elif kind == "CREATE_SCHEMA":
            path = tuple(base_of(resolved, "name_path").name_path)
            self.datasets.add((path[0], path[-1]))
        elif kind.startswith("CREATE_"):
            target = _key(base_of(resolved, "name_path").name_path)
            if target[:2] not in self.datasets:
                raise NotFoundError(f"Not found: Dataset {target[0]}:{target[1]}")
            self.put(target, _created(kind, resolved))
        elif kind in ("ALTER_TABLE", "ALTER_VIEW"):
            changed = base_of(resolved, "name_path")
            target = _key(changed.name_path)
            if "option_list" in changed.DESCRIPTOR.fields_by_name:
                _set_options(self.get(target), options_of(changed.option_list))
            else:
                self._alter(target, changed.alter_action_list)
        elif kind == "DROP_TABLE":
            target = _key(resolved.name_path)
            if target in self.tables or not resolved.is_if_exists:
                self.drop(target)
        elif kind in ("MERGE", "INSERT", "UPDATE", "DELETE", "TRUNCATE_TABLE"):
            target = _key(resolved.table_scan.table.full_name.split("."))
        return Statement(node, kind, sql, resolved, target, columns)

    def _alter(self, key: Key, actions: Any) -> None:
        table = self.get(key)
        for action in map(unwrap, actions):
            if action.DESCRIPTOR.name == "ResolvedSetOptionsActionProto":
                _set_options(table, options_of(action.option_list))
            elif action.DESCRIPTOR.name == "ResolvedDropColumnActionProto":
                table.columns.pop(action.name)
            elif action.DESCRIPTOR.name == "ResolvedAddColumnActionProto":
                definition = action.column_definition
                table.columns[definition.name] = definition.type
        self.put(key, table)


def node_of(sql: str) -> str:
    """The dbt node that the query comment names."""
    comment = re.match(r"\s*/\*\s*(\{.*?\})\s*\*/", sql, re.DOTALL)
    return str(json.loads(comment[1]).get("node_id", "")) if comment else ""


def base_of(message: Any, name: str) -> Any:
    """The message itself, or the base of it that has a field of this name."""
    while name not in message.DESCRIPTOR.fields_by_name:
        message = message.parent
    return message


def options_of(options: Any) -> dict[str, Any]:
    """Values of an OPTIONS list: text, numbers, booleans and lists of them."""
    return {option.name: _constant(unwrap(option.value)) for option in options}


def _constant(expression: Any) -> Any:
    if expression.DESCRIPTOR.name == "ResolvedLiteralProto":
        return _plain(expression.value.value)
    arguments = getattr(expression, "argument_list", None)
    if arguments is None:
        arguments = getattr(expression, "field_list", [])
    return [_constant(unwrap(argument)) for argument in arguments]


def _plain(value: Any) -> Any:
    filled = value.WhichOneof("value")
    if filled is None:
        return None
    if filled == "array_value":
        return [_plain(element) for element in value.array_value.element]
    if filled == "struct_value":
        return [_plain(element) for element in value.struct_value.field]
    return getattr(value, filled)


def _key(path: Any) -> Key:
    project, dataset, name = path
    return (project, dataset, name)


def _outputs(resolved: Any) -> dict[str, Any]:
    outputs = base_of(resolved, "output_column_list").output_column_list
    return {output.name: output.column.type for output in outputs}


def _created(kind: str, resolved: Any) -> Table:
    if kind == "CREATE_VIEW":
        view = base_of(resolved, "sql")
        table = Table("VIEW", _outputs(view), query=view.sql)
        _set_options(table, options_of(view.option_list))
        return table
    base = base_of(resolved, "column_definition_list")
    definitions = base.column_definition_list
    table = Table(
        "EXTERNAL" if kind == "CREATE_EXTERNAL_TABLE" else "TABLE",
        {definition.name: definition.type for definition in definitions},
    )
    for definition in definitions:
        options = options_of(definition.annotations.option_list)
        if "description" in options:
            table.descriptions[definition.name] = options["description"]
    if "partition_by_list" in resolved.DESCRIPTOR.fields_by_name:
        table.partition = next(_names(resolved.partition_by_list), None)
        table.clustering = tuple(_names(resolved.cluster_by_list))
    _set_options(table, options_of(base.option_list))
    if table.needs_filter and table.partition is None:
        raise QueryRejectedError("require_partition_filter needs a partitioned table")
    return table


def _names(expressions: Any) -> Iterator[str]:
    """The column of each partitioning or clustering expression."""
    for expression in map(unwrap, expressions):
        if expression.DESCRIPTOR.name == "ResolvedColumnRefProto":
            yield expression.column.name
        else:
            yield from _names(expression.argument_list)


def _set_options(table: Table, options: Mapping[str, Any]) -> None:
    table.description = options.get("description", table.description)
    table.needs_filter = options.get("require_partition_filter", table.needs_filter)
    if "labels" in options:
        table.labels = dict(options["labels"] or [])
