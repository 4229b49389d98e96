"""Every model, test and seed of the project compiles for BigQuery, and GoogleSQL accepts it.

No account and no network: dbt compiles for the target where nobody signs in, as a first build and
as an increment; Google's own analyzer then reads each statement in the order of the graph, with the
columns that the statements before it give. What only DuckDB understands fails here.
"""

import csv
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlglot
from dbt.cli.main import dbtRunner

from ingestion.contracts import all_contracts, raw_schema
from ingestion.lake.ops import OPS_TABLES
from ingestion.settings import Settings
from orchestration.warehouse.dbt import bigquery_variables

ROOT = Path(__file__).resolve().parents[3]
PROJECT = "nowhere"

REGISTERED = {
    "source_loads": {
        "source": "string",
        "table_name": "string",
        "ingest_seq": "int64",
        "loaded_at": "timestamp",
        "read_count": "int64",
        "loaded_count": "int64",
        "failed_count": "int64",
        "drift_count": "int64",
    },
    "failed_events": {
        "source": "string",
        "table_name": "string",
        "reason": "string",
        "field": "string",
        "message": "string",
        "contract_version": "int64",
        "payload": "string",
        "position": "string",
        "_loaded_at": "timestamp",
        "_ingest_seq": "int64",
    },
}
"""What the pin registers beside the lake's own tables."""

SAME_TYPE = {"bigint": "INT64", "string": "STRING", "boolean": "BOOL", "date": "DATE"}

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("bigquery")]


def _arrow_type(kind: pa.DataType) -> str:
    if pa.types.is_struct(kind):
        return f"struct<{', '.join(f'{child.name} {_arrow_type(child.type)}' for child in kind)}>"
    if pa.types.is_list(kind):
        return f"array<{_arrow_type(kind.value_type)}>"
    for matches, name in (
        (pa.types.is_string, "string"),
        (pa.types.is_integer, "int64"),
        (pa.types.is_boolean, "bool"),
        (pa.types.is_decimal, "numeric"),
        (pa.types.is_timestamp, "timestamp"),
        (pa.types.is_date, "date"),
    ):
        if matches(kind):
            return name
    raise TypeError(str(kind))


def _columns(schema: pa.Schema) -> dict[str, str]:
    return {column.name: _arrow_type(column.type) for column in schema}


def _seed_columns(path: Path) -> dict[str, str]:
    """Types as dbt infers them when it loads the file."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))

    def kind(values: list[str]) -> str:
        if all(value in ("true", "false", "") for value in values):
            return "bool"
        return "int64" if all(v.lstrip("-").isdigit() for v in values if v) else "string"

    return {name: kind([row[name] for row in rows]) for name in rows[0]}


def _window(previous_pin: int | None) -> str:
    tables = {}
    for contract in all_contracts():
        tables[f"{contract.source}.{contract.table}"] = {
            "from_seq": 4 if previous_pin else 0,
            "to_seq": 9,
            "touched_dates": ["2026-03-28", "2026-03-30"] if contract.is_event else [],
            "min_effective_date": None if contract.is_event else "2026-03-29",
        }
    return json.dumps({"pin": 3, "previous_pin": previous_pin, "tables": tables})


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _compile(form: str, target: Path) -> list[Any]:
    command = ["compile", "--target", "bigquery_emulated", "--no-populate-cache", "--no-introspect"]
    command += ["--project-dir", str(ROOT / "dbt_project"), "--profiles-dir", str(ROOT)]
    command += ["--target-path", str(target), "--log-path", str(target / "logs")]
    command += ["--log-level", "none", "--exclude", "resource_type:unit_test"]
    settings = Settings(
        environment="bigquery_emulated", warehouse_engine="bigquery", bigquery_project=PROJECT
    )
    values = {
        **bigquery_variables(settings),
        "ADX_COMPILE_AS": form,
        "ADX_WINDOW": _window(2 if form == "incremental" else None),
        "DO_NOT_TRACK": "1",
    }
    with _environment(values):
        answer = dbtRunner().invoke(command)
    assert answer.exception is None, str(answer.exception)
    failed = [f"{r.node.name}: {r.message}" for r in answer.result.results if r.status != "success"]
    assert not failed, "\n".join(failed)
    return [result.node for result in answer.result.results]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    target = tmp_path_factory.mktemp("bigquery")
    return {form: _compile(form, target) for form in ("full", "incremental")}


def _levels(nodes: list[Any]) -> list[list[Any]]:
    """Nodes by their distance from the sources: each level needs only the levels before it."""
    known = {node.unique_id: node for node in nodes}
    depths: dict[str, int] = {}

    def depth(node: Any) -> int:
        if node.unique_id not in depths:
            parents = (known[name] for name in node.depends_on.nodes if name in known)
            depths[node.unique_id] = 1 + max(map(depth, parents), default=-1)
        return depths[node.unique_id]

    levels: list[list[Any]] = [[] for _ in range(1 + max(map(depth, nodes)))]
    for node in nodes:
        levels[depth(node)].append(node)
    return levels


@pytest.fixture(scope="session")
def catalog(googlesql: Any) -> Any:
    """The analyzer, knowing the sources and the seeds."""
    for contract in all_contracts():
        columns = _columns(raw_schema(contract))
        googlesql.add_table(PROJECT, f"raw_{contract.source}", contract.table, columns)
    for name, table in OPS_TABLES.items():
        googlesql.add_table(PROJECT, "ops", name, _columns(table.schema))
    for name, columns in REGISTERED.items():
        googlesql.add_table(PROJECT, "ops", name, columns)
    for path in sorted((ROOT / "seeds").rglob("*.csv")):
        googlesql.add_table(PROJECT, "utilities", path.stem, _seed_columns(path))
    return googlesql


def _judge(node: Any, catalog: Any) -> dict[str, str] | str:
    try:
        columns = catalog.columns_of(node.compiled_code)
    except catalog.Rejected as problem:
        return str(problem)
    return {name: catalog.type_name(kind) for name, kind in columns.items()}


@pytest.fixture(scope="session")
def analyzed(
    compiled: dict[str, list[Any]], catalog: Any
) -> dict[str, dict[str, dict[str, str] | str]]:
    """Per form and node: the columns of its query, or what GoogleSQL says against it.

    A data test is the same statement in both forms, so it is read once. What depends on a rejected
    statement is left out: the first cause is what a person needs.
    """
    full: dict[str, dict[str, str] | str] = {}
    blocked: set[str] = set()
    for level in _levels([node for node in compiled["full"] if node.resource_type != "seed"]):
        for node in level:
            if blocked.isdisjoint(node.depends_on.nodes):
                full[node.unique_id] = _judge(node, catalog)
            if isinstance(full.get(node.unique_id, ""), str):
                blocked.add(node.unique_id)
        for node in level:
            if node.resource_type == "model" and node.unique_id not in blocked:
                catalog.add_table(PROJECT, node.schema, node.alias, full[node.unique_id])
    models = [
        node
        for node in compiled["incremental"]
        if node.resource_type == "model" and node.unique_id in full
    ]
    return {
        "full": full,
        "incremental": {node.unique_id: _judge(node, catalog) for node in models},
    }


@pytest.mark.parametrize("form", ["full", "incremental"])
def test_googlesql_accepts_every_statement(form: str, analyzed: Any) -> None:
    rejected = {name: v for name, v in analyzed[form].items() if isinstance(v, str)}
    assert analyzed[form]
    assert not rejected, "\n".join(f"{name}: {verdict}" for name, verdict in rejected.items())


def test_an_increment_has_the_columns_of_the_first_build(analyzed: Any) -> None:
    full = analyzed["full"]
    assert analyzed["incremental"] == {name: full[name] for name in analyzed["incremental"]}


def test_contracts_hold_on_bigquery(compiled: dict[str, list[Any]], analyzed: Any) -> None:
    differing = {}
    for node in compiled["full"]:
        if node.resource_type != "model" or not node.config.contract.enforced:
            continue
        declared = {
            column.name: SAME_TYPE.get(column.data_type, column.data_type.split("(")[0].upper())
            for column in node.columns.values()
        }
        if declared != analyzed["full"].get(node.unique_id):
            differing[node.name] = declared
    assert not differing


@pytest.mark.parametrize("form", ["full", "incremental"])
def test_sqlglot_reads_every_statement(form: str, compiled: dict[str, list[Any]]) -> None:
    for node in compiled[form]:
        if node.resource_type != "seed":
            assert sqlglot.parse(node.compiled_code, read="bigquery"), node.name


def test_increments_read_and_replace_by_literal_dates(compiled: dict[str, list[Any]]) -> None:
    by_date = [
        node
        for node in compiled["incremental"]
        if node.resource_type == "model" and node.config.meta.get("date_effects") is not None
    ]
    assert by_date
    for node in by_date:
        assert "date '2026-03-2" in node.compiled_code, node.name


@pytest.mark.parametrize(
    "sql",
    [
        "select strftime(timestamp '2026-03-28 00:00:00', '%Y')",
        "select '1'::int64",
        "select 7 // 2",
        "select list_aggregate([1], 'sum')",
        "select epoch_us(timestamp '2026-03-28 00:00:00')",
        "select date '2026-03-28' = '2026-03-28T00:00:00'",
        "select no_such_column from `nowhere`.`ops`.`pins`",
    ],
)
def test_the_gate_has_teeth(sql: str, catalog: Any) -> None:
    with pytest.raises(catalog.Rejected):
        catalog.columns_of(sql)
