"""Starts the BigQuery emulator; what it gets wrong and dbt needs is mended here.

Run by the Python of its own environment (`make bigquery-emulator`), never imported by the platform:
`python start.py --rest-port 9050 --grpc-port 9060 --data-dir <folder> …`, the options of
`bqemulator start`. Each repair names its reason; those of a newer release go when it has them.
"""

import importlib.util
import os
import sys
from pathlib import Path
from typing import ClassVar

import duckdb
import sqlglot
from bqemulator.catalog.models import TableFieldSchema
from bqemulator.catalog.repository import CatalogRepository
from bqemulator.cli import main
from bqemulator.domain.errors import InvalidQueryError
from bqemulator.jobs import executor
from bqemulator.scripting.ast import RaiseStmt
from bqemulator.scripting.exceptions import ScriptRaise
from bqemulator.scripting.interpreter import ScriptInterpreter, ScriptResult
from bqemulator.sql import catalog_schema, inner_query, rules
from bqemulator.sql.rewriter import create_table_schema_ctas, row_access_filter
from bqemulator.sql.rules import TranslationRule
from bqemulator.sql.translator import SQLTranslator
from bqemulator.storage.engine import DuckDBEngine
from sqlglot import exp


def _load_spatial(engine: DuckDBEngine) -> None:
    """Take DuckDB's spatial extension from its Python package.

    The emulator installs it from a server of DuckDB's, and does not start without a network.
    """
    spec = importlib.util.find_spec("duckdb_extension_spatial")
    (folder,) = spec.submodule_search_locations
    name = f"extensions/v{duckdb.__version__}/spatial.duckdb_extension"
    engine.connection.execute(f"load '{Path(folder) / name}'")


def _accept_contracts() -> None:
    """Let `create table t (a int64, …) as (select …)` give the declared types.

    dbt writes the body of a model with a contract in parentheses; the emulator looks for its
    `select` without them, leaves the schema where it is, and DuckDB refuses the statement.
    """
    first_select = create_table_schema_ctas._first_select

    def unwrapped(body: exp.Expression | None) -> exp.Select | None:
        is_wrapped = isinstance(body, exp.Subquery | exp.Paren)
        return first_select(body.unnest() if is_wrapped else body)

    create_table_schema_ctas._first_select = unwrapped


def _know_structs_and_arrays() -> None:
    """Tell sqlglot the whole type of a column.

    The emulator leaves columns out that are structs, and calls an array by the type of what is in
    it. Where a rule needs types, `t.*` then lacks columns, and text functions meet arrays.
    """

    def type_of(field: TableFieldSchema) -> str:
        kind = catalog_schema._safe_bq_to_duckdb(field.type) or "VARCHAR"
        if field.fields:
            members = ", ".join(f'"{child.name}" {type_of(child)}' for child in field.fields)
            kind = f"STRUCT({members})"
        return f"{kind}[]" if field.mode == "REPEATED" else kind

    def schema_of(
        bq_sql: str, *, project_id: str, catalog: CatalogRepository
    ) -> dict[str, dict[str, str]]:
        try:
            tree = sqlglot.parse_one(bq_sql, read="bigquery")
        except sqlglot.errors.ParseError:
            return {}
        schema = {}
        for table in tree.find_all(exp.Table):
            reference = catalog_schema._resolve_table_ref(table, project_id=project_id)
            stored = catalog.get_table(*reference) if reference is not None else None
            if stored is not None and stored.schema_.fields:
                schema[stored.table_id] = {f.name: type_of(f) for f in stored.schema_.fields}
        return schema

    inner_query.build_catalog_schema = schema_of


_EXACT = """
create or replace macro exact_nanos(a) as
    cast(cast(a as decimal(38, 9)) * 1000000000 as hugeint);
create or replace macro exact_amount(n) as
    cast(cast(n as decimal(38, 0)) * 0.000000001 as decimal(38, 9));
create or replace macro exact_product(a, b) as exact_amount(
    sign(exact_nanos(a)) * sign(exact_nanos(b))
    * ((abs(exact_nanos(a) * exact_nanos(b)) + 500000000) // 1000000000)
);
create or replace macro exact_quotient(a, b) as case
    when exact_nanos(b) = 0 then error('Division by zero')
    else exact_amount(
        sign(exact_nanos(a)) * sign(exact_nanos(b))
        * ((2000000000 * abs(exact_nanos(a)) + abs(exact_nanos(b)))
            // nullif(2 * abs(exact_nanos(b)), 0))
    )
end;
"""


def _reckon_with_numeric() -> None:
    """Give NUMERIC its nine decimals, and its products, quotients and texts to the last of them.

    The emulator hands a bare `numeric` on as DuckDB's `decimal`, which has three decimals; and
    DuckDB divides decimals as doubles and multiplies them with a scale of eighteen, where a
    product of more than 1e20 is an error. `format` writes a decimal as a double, too.
    """

    def is_numeric(operand: exp.Expression) -> bool:
        inner = operand.unnest()
        if isinstance(inner, exp.Nullif):
            inner = inner.this.unnest()
        return isinstance(inner, exp.Cast) and inner.to.this == exp.DataType.Type.DECIMAL

    class ExactArithmetic(TranslationRule):
        name = "EXACT_ARITHMETIC"
        functions: ClassVar = {exp.Div: "exact_quotient", exp.Mul: "exact_product"}

        def applies_to(self, node: exp.Expression) -> bool:
            return type(node) in self.functions and (
                is_numeric(node.this) or is_numeric(node.expression)
            )

        def rewrite(self, node: exp.Expression) -> exp.Expression:
            sides = [node.this.copy(), node.expression.copy()]
            return exp.Anonymous(this=self.functions[type(node)], expressions=sides)

    class ExactText(TranslationRule):
        name = "EXACT_TEXT"

        def applies_to(self, node: exp.Expression) -> bool:
            if not isinstance(node, exp.Format) or node.this != exp.Literal.string("%.9f"):
                return False
            return is_numeric(node.expressions[0])

        def rewrite(self, node: exp.Expression) -> exp.Expression:
            return exp.cast(node.expressions[0].copy(), "varchar", dialect="duckdb")

    # What sqlglot takes DuckDB's bare `decimal` for.
    bare = exp.DataType.build("decimal", dialect="duckdb")

    class NumericScale(TranslationRule):
        name = "NUMERIC_SCALE"

        def applies_to(self, node: exp.Expression) -> bool:
            return node == bare

        def rewrite(self, _: exp.Expression) -> exp.Expression:
            return exp.DataType.build("DECIMAL(38, 9)")

    rules._REGISTRY[:0] = [ExactArithmetic, ExactText, NumericScale]
    executor._translator = SQLTranslator()
    register_functions = DuckDBEngine._register_builtin_udfs

    def with_exact_functions(engine: DuckDBEngine) -> None:
        register_functions(engine)
        engine.connection.execute(_EXACT)

    DuckDBEngine._register_builtin_udfs = with_exact_functions


_MIDNIGHT = """
create or replace macro start_of_date(d, tz) as case
    when timezone(tz, timezone(tz, cast(d as timestamp)) - interval 1 hour) = cast(d as timestamp)
        then timezone(tz, cast(d as timestamp)) - interval 1 hour
    else timezone(tz, cast(d as timestamp))
end;
"""


def _know_zones_of_columns() -> None:
    """Let `timestamp(date, zone)` and `at time zone` take their zone from a column.

    sqlglot knows a zone that is written out. Otherwise it hands the first call on, and to DuckDB
    that is the name of a type; and writes the second as `datetime(timestamp, zone)`, which it then
    takes for a date and a time of day. Where clocks strike midnight twice, BigQuery takes the
    first one.
    """

    class StartOfDate(TranslationRule):
        name = "START_OF_DATE"

        def applies_to(self, node: exp.Expression) -> bool:
            zone = node.args.get("zone") if isinstance(node, exp.Timestamp) else None
            return zone is not None and not isinstance(zone, exp.Literal)

        def rewrite(self, node: exp.Expression) -> exp.Expression:
            sides = [node.this.copy(), node.args["zone"].copy()]
            return exp.Anonymous(this="start_of_date", expressions=sides)

    class LocalTime(TranslationRule):
        name = "LOCAL_TIME"

        def applies_to(self, node: exp.Expression) -> bool:
            if not isinstance(node, exp.Add) or not isinstance(node.expression, exp.Cast):
                return False
            zone, kind = node.expression.this, node.expression.to.this
            named = isinstance(zone, exp.Column) and zone.name.endswith("zone")
            return named and kind == exp.DataType.Type.TIME

        def rewrite(self, node: exp.Expression) -> exp.Expression:
            moment = exp.cast(node.this.this.copy(), "timestamptz", dialect="duckdb")
            return exp.AtTimeZone(this=moment, zone=node.expression.this.copy())

    rules._REGISTRY[:0] = [StartOfDate, LocalTime]
    executor._translator = SQLTranslator()
    register_functions = DuckDBEngine._register_builtin_udfs

    def with_midnight(engine: DuckDBEngine) -> None:
        register_functions(engine)
        engine.connection.execute(_MIDNIGHT)

    DuckDBEngine._register_builtin_udfs = with_midnight


def _read_views_as_views() -> None:
    """Let a view be the view that it is in DuckDB.

    The emulator writes the body of each view into the statement, to apply row access policies,
    and mixes up the names: a struct's field in the body is then looked for in the outer query. No
    table here has such a policy.
    """
    row_access_filter._Rewriter._expand_view = lambda *_, **__: False


def _tell_errors_of_scripts() -> None:
    """Let a script that ends with `raise` fail as any statement does, with the message it caught.

    The emulator answers 500, and forgets what went wrong.
    """
    run, raise_error = ScriptInterpreter.run, ScriptInterpreter._exec_raise

    async def told(interpreter: ScriptInterpreter, source: str) -> ScriptResult:
        try:
            return await run(interpreter, source)
        except ScriptRaise as raised:
            raise raised.error from raised

    async def raise_again(interpreter: ScriptInterpreter, statement: RaiseStmt) -> None:
        caught = "__error_message__"
        if statement.message_expr is None and interpreter._frames.has(caught):
            raise ScriptRaise(InvalidQueryError(interpreter._frames.lookup(caught)))
        await raise_error(interpreter, statement)

    ScriptInterpreter.run, ScriptInterpreter._exec_raise = told, raise_again


if __name__ == "__main__":
    DuckDBEngine._load_spatial = _load_spatial
    _accept_contracts()
    _know_structs_and_arrays()
    _reckon_with_numeric()
    _know_zones_of_columns()
    _read_views_as_views()
    _tell_errors_of_scripts()
    # Only Avro files need them, and they too would be asked of a server.
    os.environ["BQEMU_ENABLE_FORMAT_EXTENSIONS"] = "false"
    # A hash of thirty columns is a concatenation so deep that sqlglot gives up at the default.
    sys.setrecursionlimit(20_000)
    sys.argv = ["bqemulator", "start", *sys.argv[1:]]
    main()
