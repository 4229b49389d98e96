"""A BigQuery that analyzes instead of executing: it knows what tables there are, but no row.

Each statement goes to GoogleSQL's analyzer with the tables that the statements before it made; what
it would make, change or drop is made, changed or dropped in the catalog. So a series of statements
is judged as BigQuery would judge it before it reads a byte.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from sqlglot import TokenType, tokenize

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
    "ResolvedDropStmtProto": "DROP",
    "ResolvedMergeStmtProto": "MERGE",
    "ResolvedInsertStmtProto": "INSERT",
    "ResolvedUpdateStmtProto": "UPDATE",
    "ResolvedDeleteStmtProto": "DELETE",
    "ResolvedTruncateStmtProto": "TRUNCATE_TABLE",
    "ResolvedGrantStmtProto": "GRANT",
    "ResolvedRevokeStmtProto": "REVOKE",
    "ResolvedCreateRowAccessPolicyStmtProto": "ROW_ACCESS_POLICY",
    "ResolvedBeginStmtProto": "BEGIN_TRANSACTION",
    "ResolvedCommitStmtProto": "COMMIT_TRANSACTION",
    "ResolvedRollbackStmtProto": "ROLLBACK_TRANSACTION",
}


_COMMENT = re.compile(r"/\* (\{.*\}) \*/")
"""dbt's query comment: one line, before everything else."""


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
        rows: The rows of a query, where the warehouse has any.
    """

    node: str
    kind: str
    sql: str
    resolved: Any
    target: Key | None
    columns: dict[str, Any]
    rows: list[dict[str, Any]] | None = None


@dataclass(frozen=True)
class Rejection:
    """A statement that BigQuery would not take, and why."""

    node: str
    sql: str
    message: str


class NotFoundError(Exception):
    """There is no such dataset or table."""


class Warehouse:
    """The catalog and the record of all statements.

    Attributes:
        tables: All tables and views.
        datasets: Project and name of each dataset.
        files: Columns of what lies outside, by its address, for external tables.
        statements: What was taken.
        rejections: What was not.
    """

    def __init__(self, googlesql: GoogleSql) -> None:
        self.googlesql = googlesql
        self.tables: dict[Key, Table] = {}
        self.datasets: set[tuple[str, str]] = set()
        self.files: dict[str, dict[str, Any]] = {}
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

    def copy(self, source: Key, target: Key) -> None:
        """Make a table the copy of another one.

        Raises:
            NotFoundError: There is no such table.
        """
        self.put(target, self.get(source))

    def load(self, key: Key, table: Table, csv_text: str) -> None:  # noqa: ARG002 - no rows
        """Make a table and load a file with a header into it."""
        self.put(key, table)

    def run(self, sql: str) -> Statement:
        """Judge a statement, or a script's statements, and keep what it does to the catalog.

        Of a script the analyzer knows the statements, not what stands around them: BEGIN, EXCEPTION
        WHEN ERROR THEN, RAISE and END are left out. Nor does it know CREATE TABLE … CLONE; COPY has
        the same form and meaning.

        Raises:
            QueryRejectedError: BigQuery would not take it.
        """
        node = node_of(sql)
        try:
            for part in _parts(_COMMENT.sub("", sql)):
                statement = self._take(node, part, self.googlesql.analyze(part))
                self.statements.append(statement)
        except (QueryRejectedError, NotFoundError) as problem:
            self.rejections.append(Rejection(node, sql, str(problem)))
            raise QueryRejectedError(str(problem)) from problem
        return statement

    def _take(self, node: str, sql: str, resolved: Any) -> Statement:
        name = resolved.DESCRIPTOR.name
        if name not in _KINDS:
            raise QueryRejectedError(f"{name} is no kind of statement that this check knows")
        kind = _KINDS[name]
        if kind == "DROP":
            kind = f"DROP_{resolved.object_type}"
        target = self._change(kind, resolved)
        columns = _outputs(resolved) if kind == "SELECT" else {}
        return Statement(node, kind, sql, resolved, target, columns)

    def _change(self, kind: str, resolved: Any) -> Key | None:
        """Do to the catalog what the statement does; gives the table that it is about."""
        if kind in ("MERGE", "INSERT", "UPDATE", "DELETE", "TRUNCATE_TABLE"):
            return _key(resolved.table_scan.table.full_name.split("."))
        if kind.startswith(("CREATE_", "ALTER_", "DROP_")):
            named = base_of(resolved, "name_path")
            if kind == "CREATE_SCHEMA":
                self.datasets.add((named.name_path[0], named.name_path[-1]))
                return None
            target = _key(named.name_path)
            if kind.startswith("CREATE_"):
                self._create(target, kind, resolved)
            elif kind.startswith("ALTER_"):
                self._alter(target, named)
            elif target in self.tables or not named.is_if_exists:
                self.drop(target)
            return target
        return None

    def _create(self, target: Key, kind: str, resolved: Any) -> None:
        if target[:2] not in self.datasets:
            raise NotFoundError(f"Not found: Dataset {target[0]}:{target[1]}")
        if kind == "CREATE_TABLE" and resolved.HasField("copy_from"):
            source = unwrap(resolved.copy_from).table.full_name.split(".")
            self.put(target, replace(self.get(_key(source))))
        else:
            table = _created(kind, resolved)
            if table.kind == "EXTERNAL" and not table.columns:
                (address,) = options_of(base_of(resolved, "option_list").option_list)["uris"]
                if address not in self.files:
                    raise NotFoundError(f"Not found: URI {address}")
                table.columns = self.files[address]
            self.put(target, table)

    def _alter(self, key: Key, change: Any) -> None:
        table = self.get(key)
        if "option_list" in change.DESCRIPTOR.fields_by_name:
            _set_options(table, options_of(change.option_list))
            return
        for action in map(unwrap, change.alter_action_list):
            if action.DESCRIPTOR.name == "ResolvedSetOptionsActionProto":
                _set_options(table, options_of(action.option_list))
            elif action.DESCRIPTOR.name == "ResolvedDropColumnActionProto":
                table.columns.pop(action.name)
            elif action.DESCRIPTOR.name == "ResolvedAddColumnActionProto":
                definition = action.column_definition
                table.columns[definition.name] = definition.type
        self.put(key, table)


_AROUND = re.compile(r"(?i)^(\s*(begin(?!\s+transaction)|exception\s+when\s+error\s+then)\b)+")
_ALONE = re.compile(r"(?i)^\s*(raise|end)?\s*$")
_CLONE = re.compile(r"(?i)^(\s*create\s+(?:or\s+replace\s+)?table\s+\S+\s+)clone\b")


def _parts(sql: str) -> list[str]:
    """The statements of a script; line breaks stay, so that lines are counted from the whole."""
    ends = [
        token.start
        for token in tokenize(sql, read="bigquery")
        if token.token_type == TokenType.SEMICOLON
    ]
    if not ends or _ALONE.match(sql[ends[0] + 1 :]):
        return [_CLONE.sub(r"\1copy", sql)]
    parts = [sql[first + 1 : last] for first, last in pairwise([-1, *ends, len(sql)])]
    around = [_AROUND.sub("", part) for part in parts]
    return [_CLONE.sub(r"\1copy", part) for part in around if not _ALONE.match(part)]


def node_of(sql: str) -> str:
    """The dbt node that the query comment names."""
    comment = _COMMENT.match(sql)
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
        elif expression.DESCRIPTOR.name == "ResolvedFunctionCallProto":
            yield from _names(base_of(expression, "argument_list").argument_list)


def _set_options(table: Table, options: Mapping[str, Any]) -> None:
    table.description = options.get("description", table.description)
    table.needs_filter = options.get("require_partition_filter", table.needs_filter)
    if "labels" in options:
        table.labels = dict(options["labels"] or [])
