"""A BigQuery of rows: each statement of dbt runs in Google's reference executor.

The executor evaluates queries and nothing else, so what a statement does beside its query is done
here, in the few forms that dbt's adapter sends: `create table as`, views, `insert into … select`
and three kinds of MERGE (insert what is new; replace partitions; update by a key). Every expression
in them, conditions of a MERGE included, is evaluated by the executor.
"""

import csv
import datetime as dt
import decimal
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlglot
from sqlglot import TokenType
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service

from orchestration.bigquery.googlesql import GoogleSql, QueryRejectedError, parse_type
from orchestration.bigquery.statements import Key, Statement, Table, Warehouse
from orchestration.bigquery.values import decoded, encoded, kind_name

_NAME = re.compile(r"`([^`]+)`\.`([^`]+)`\.`([^`]+)`")
_NO_ALIAS = re.compile(
    r"\s*(?:$|[),;]|(?:where|group|order|having|qualify|window|limit|union|intersect|except|join|"
    r"inner|left|right|full|cross|on|using|when|select|for)\b)",
    re.IGNORECASE,
)
_NO_ROW = re.compile(r"\blimit\s+0[\s;]*$", re.IGNORECASE)
"""The end of what dbt sends to learn the columns of a query."""


class ExecutingWarehouse(Warehouse):
    """A warehouse whose tables have rows; small ones, since the executor is made to be right."""

    def __init__(self, googlesql: GoogleSql) -> None:
        super().__init__(googlesql)
        self._contents: dict[Key, Any] = {}
        self._views: dict[Key, Any] = {}

    def fill(self, key: Key, rows: Iterable[Mapping[str, Any]]) -> None:
        """Give a known table its rows: values by column; a missing list is an empty one."""
        self._keep(key, encoded(self.get(key).columns, rows))

    def load(self, key: Key, table: Table, csv_text: str) -> None:
        """Make a table and load a CSV file with a header into it."""
        super().load(key, table, csv_text)
        columns = table.columns
        self.fill(
            key,
            (
                {name: _from_text(value, columns[name]) for name, value in row.items()}
                for row in csv.DictReader(io.StringIO(csv_text))
            ),
        )

    def copy(self, source: Key, target: Key) -> None:
        """Make a table the copy of another one."""
        super().copy(source, target)
        self._keep(target, self._content(source))

    def rows(self, key: Key) -> list[dict[str, Any]]:
        """The rows of a table or view."""
        columns = self.get(key).columns
        return list(decoded(columns, self._content(key)))

    def drop(self, key: Key) -> None:
        """Drop a table and its rows."""
        super().drop(key)
        self._contents.pop(key, None)
        self._views.clear()

    def _take(self, node: str, sql: str, resolved: Any) -> Statement:
        before = dict(self.tables)
        statement = super()._take(node, sql, resolved)
        if statement.kind == "SELECT" and _NO_ROW.search(sql):
            return replace(statement, rows=[])
        if statement.kind == "SELECT":
            content = self._evaluate(sql, statement.columns)
            return replace(statement, rows=list(decoded(statement.columns, content)))
        target = statement.target
        if target is not None:
            try:
                self._do(target, statement.kind, sql, is_new=target not in before)
            except QueryRejectedError:
                if target in before:
                    self.put(target, before[target])
                else:
                    self.drop(target)
                raise
        self._views.clear()
        return statement

    def _do(self, target: Key, kind: str, sql: str, *, is_new: bool) -> None:
        if kind == "CREATE_TABLE_AS_SELECT":
            self._fill_as(target, sql)
        elif kind == "CREATE_TABLE":
            if is_new or "if not exists" not in sql.lower():
                self._keep(target, service.TableData())
        elif kind == "INSERT":
            self._insert(target, sql)
        elif kind == "MERGE":
            self._merge(target, sql)
        elif kind in ("UPDATE", "DELETE", "TRUNCATE_TABLE"):
            raise QueryRejectedError(f"the executing warehouse does no {kind}")

    # What a statement does beside its query

    def _fill_as(self, key: Key, sql: str) -> None:
        self._keep(key, self._evaluate(query_of(sql), self.get(key).columns))

    def _insert(self, key: Key, sql: str) -> None:
        text = _Text(sql)
        names = text.names_in_parentheses(text.index("into"))
        query = text.after_parentheses(text.index("into"))
        self._append(key, names, query)

    def _append(self, key: Key, names: Sequence[str], query: str) -> None:
        columns = self.get(key).columns
        given = {name: columns[name] for name in names}
        added = decoded(given, self._evaluate(query, given))
        content = service.TableData()
        content.CopyFrom(self._contents[key])
        content.MergeFrom(encoded(columns, ({**dict.fromkeys(columns), **row} for row in added)))
        self._keep(key, content)

    def _merge(self, key: Key, sql: str) -> None:
        merge = _Merge.of(sql)
        columns = self.get(key).columns
        listed = ", ".join(f"`{name}`" for name in columns)
        target = f"select {{}} from {_spelled(key)} as {merge.target_alias}"
        source = f"select {listed} from ({merge.source}) as {merge.source_alias}"
        kept = self._contents[key]
        if merge.deletes is not None:
            # A condition that is null deletes nothing.
            query = target.format(listed) + f" where ({merge.deletes}) is not true"
            kept = self._evaluate(query, columns)
        if merge.is_update:
            matches = (
                f"(select count(*) from ({merge.source}) as {merge.source_alias} where {merge.on})"
            )
            found = self._evaluate(
                target.format(f"max({matches})"), {"matches": parse_type("int64")}
            )
            if found.row and found.row[0].cell[0].int64_value > 1:
                raise QueryRejectedError(
                    "UPDATE/MERGE must match at most one source row for each target row"
                )
            query = target.format(listed) + f" where {matches} = 0"
            kept = self._evaluate(query, columns)
        elif merge.on.strip("() \n").lower() != "false":
            source += (
                f" where not exists (select 1 from {_spelled(key)} as {merge.target_alias} "
                f"where {merge.on})"
            )
        content = service.TableData()
        content.CopyFrom(kept)
        content.MergeFrom(self._evaluate(source, columns))
        self._keep(key, content)

    # Content

    def _keep(self, key: Key, content: Any) -> None:
        for number, kind in enumerate(self.get(key).columns.values()):
            if kind.HasField("array_type"):  # BigQuery stores no missing list
                for row in content.row:
                    row.cell[number].array_value.SetInParent()
        self._contents[key] = content
        self._views.clear()

    def _content(self, key: Key) -> Any:
        table = self.get(key)
        if table.query is None:
            return self._contents.setdefault(key, service.TableData())
        if key not in self._views:
            self._views[key] = self._evaluate(table.query, table.columns)
        return self._views[key]

    def _evaluate(self, sql: str, columns: Mapping[str, Any]) -> Any:
        """The rows that a query gives, in the order and the types of some columns."""
        used: dict[str, Key] = {}

        def flat(found: re.Match[str]) -> str:
            key = (found[1], found[2], found[3])
            if key not in self.tables:
                return found[0]
            name = f"{key[1]}__{key[2]}"
            used[name] = key
            bare = _NO_ALIAS.match(sql, found.end())
            return f"`{name}` as `{key[2]}`" if bare else f"`{name}`"

        text = _NAME.sub(flat, sql)
        tables = {name: (self.get(key).columns, self._content(key)) for name, key in used.items()}
        given, content = self.googlesql.evaluate(text, tables)
        kinds = [column.type for column in given]
        if kinds == list(columns.values()):
            return content
        # Assigned to the declared types, as BigQuery does it: by position.
        values = decoded({str(number): kind for number, kind in enumerate(kinds)}, content)
        return encoded(columns, (dict(zip(columns, row.values(), strict=True)) for row in values))


def query_of(sql: str) -> str:
    """The query of a `create table as`."""
    return _Text(sql).after_top_level("as")


@dataclass(frozen=True)
class _Merge:
    """The parts of a MERGE, as text."""

    target_alias: str
    source: str
    source_alias: str
    on: str
    deletes: str | None
    is_update: bool

    @classmethod
    def of(cls, sql: str) -> "_Merge":
        text = _Text(sql)
        using = text.index("using")
        opened = using + 1
        closed = text.closing(opened)
        on = text.index("on", closed)
        clauses = [n for n in range(on, len(text.tokens)) if text.is_word(n, "when", at=on)]
        by_source = [n for n in clauses if text.words(n, 5) == "when not matched by source"]
        updates = [n for n in clauses if text.words(n, 2) == "when matched"]
        return cls(
            target_alias=text.tokens[using - 1].text,
            source=text.between(opened, closed),
            source_alias=text.tokens[on - 1].text,
            on=text.slice(on + 1, clauses[0]),
            deletes=_condition(text, by_source[0]) if by_source else None,
            is_update=bool(updates),
        )


def _condition(text: "_Text", clause: int) -> str:
    """What stands between `and` and `then` of a WHEN clause; everything, if nothing does."""
    then = text.index("then", clause)
    after = clause + 5
    return text.slice(after + 1, then) if text.is_word(after, "and") else "true"


class _Text:
    """A statement and its tokens, to cut it where it has to be cut."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.tokens = sqlglot.tokenize(sql, read="bigquery")
        self._depth: list[int] = []
        depth = 0
        for token in self.tokens:
            depth -= token.token_type == TokenType.R_PAREN
            self._depth.append(depth)
            depth += token.token_type == TokenType.L_PAREN

    def is_word(self, number: int, word: str, at: int | None = None) -> bool:
        """Whether a token is this word, and as deep in parentheses as another one."""
        same = at is None or self._depth[number] == self._depth[at]
        return same and self.sql[self._start(number) : self._end(number)].lower() == word

    def index(self, word: str, start: int = 0) -> int:
        """The first such word outside parentheses.

        Raises:
            QueryRejectedError: There is none.
        """
        for number in range(start, len(self.tokens)):
            if self._depth[number] == 0 and self.is_word(number, word):
                return number
        raise QueryRejectedError(f"no {word} in: {self.sql[:200]}")

    def words(self, number: int, count: int) -> str:
        parts = range(number, min(number + count, len(self.tokens)))
        found = (self.sql[self._start(n) : self._end(n)].lower() for n in parts)
        return " ".join(found)

    def closing(self, opened: int) -> int:
        """The parenthesis that closes one."""
        return next(
            number
            for number in range(opened + 1, len(self.tokens))
            if self._depth[number] == self._depth[opened]
            and self.tokens[number].token_type == TokenType.R_PAREN
        )

    def slice(self, start: int, end: int) -> str:
        """The text from one token up to another."""
        return self.sql[self._start(start) : self._start(end)]

    def between(self, opened: int, closed: int) -> str:
        """The text inside parentheses."""
        return self.sql[self._end(opened) : self._start(closed)]

    def after_top_level(self, word: str) -> str:
        """What follows the first such word outside parentheses."""
        return self.sql[self._end(self.index(word)) :].strip().rstrip(";")

    def _opening(self, start: int) -> int:
        return next(
            number
            for number in range(start, len(self.tokens))
            if self.tokens[number].token_type == TokenType.L_PAREN
        )

    def names_in_parentheses(self, start: int) -> list[str]:
        """The names in the first parentheses from a token on."""
        opened = self._opening(start)
        inside = self.tokens[opened + 1 : self.closing(opened)]
        return [token.text for token in inside if token.token_type != TokenType.COMMA]

    def after_parentheses(self, start: int) -> str:
        """What follows the first parentheses from a token on."""
        return self.sql[self._end(self.closing(self._opening(start))) :].strip().rstrip(";")

    def _start(self, number: int) -> int:
        return self.tokens[number].start

    def _end(self, number: int) -> int:
        return self.tokens[number].end + 1


def _spelled(key: Key) -> str:
    return ".".join(f"`{part}`" for part in key)


def _from_text(text: str, kind: Any) -> Any:
    """A value of a CSV file."""
    if text == "":
        return None
    readers: dict[str, Any] = {
        "INT64": int,
        "STRING": str,
        "BOOL": lambda value: value.lower() == "true",
        "DOUBLE": float,
        "NUMERIC": decimal.Decimal,
        "DATE": dt.date.fromisoformat,
    }
    return readers[kind_name(kind)](text)
