"""The project built by dbt on Google's reference executor."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from ingestion.lake import Pin
from ingestion.settings import PROJECT_ROOT
from orchestration.bigquery.dbt_runs import PROJECT, DbtRuns
from orchestration.bigquery.executing import ExecutingWarehouse
from orchestration.bigquery.googlesql import GoogleSql, parse_type
from orchestration.bigquery.service import serve
from orchestration.bigquery.statements import Key
from orchestration.bigquery.statements import Table as KnownTable
from tests.parity.canonical import Table
from tests.parity.macro_judges import Verdict, judge_cases, on_googlesql
from tests.parity.world import BUILT_SCHEMAS, LandedWorld


@dataclass
class ExecutorBuild:
    """A warehouse in the reference executor, and dbt's runs for it."""

    world: LandedWorld
    warehouse: ExecutingWarehouse
    runs: DbtRuns

    def build(self, pin: Pin, *, first: bool, is_tested: bool = True) -> list[str]:
        """Build a pin, from the raw tables as DuckDB sees them; what failed.

        Args:
            pin: The pin, which DuckDB has built.
            first: Whether it is built from nothing.
            is_tested: Whether data tests and unit tests run as well.
        """
        for name, rows in self.world.built(pin).sources():
            dataset, table = name.split(".")
            key = (PROJECT, dataset, table)
            kinds = {field.name: parse_type(_type(field.type)) for field in rows.schema}
            self.warehouse.put(key, KnownTable("EXTERNAL", kinds))
            self.warehouse.fill(key, rows.to_pylist())
        command = ["build"]
        if not is_tested:
            command += ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
        nodes = self.runs.run(command, self.world.window(pin, first=first))
        return [
            f"{node.name} ({node.path}): {node.status}, {' '.join(node.message.split())[:400]}"
            for node in nodes
            if node.status not in ("success", "pass")
        ]

    def tables(self) -> dict[str, Table]:
        """All that dbt built, by schema and name as on DuckDB."""
        found = {}
        for key, table in self.warehouse.tables.items():
            layer = _layer(key)
            if layer is not None and table.kind != "EXTERNAL":
                lists = [n for n, kind in table.columns.items() if kind.HasField("array_type")]
                rows = self.warehouse.rows(key)
                found[f"{layer}.{key[2]}"] = Table.of(list(table.columns), rows, lists)
        return dict(sorted(found.items()))

    def verdicts(self, expressions: Mapping[str, str]) -> list[Verdict]:
        """What the executor says of the macros' cases."""
        return judge_cases(expressions, on_googlesql(self.warehouse.googlesql))


def _layer(key: Key) -> str | None:
    """The schema on DuckDB of what a dataset holds, whatever stands before its name."""
    return next(
        (name for name in BUILT_SCHEMAS if key[1] == name or key[1].endswith(f"_{name}")), None
    )


def _type(kind: pa.DataType) -> str:
    """BigQuery's type for one of Arrow's."""
    if pa.types.is_struct(kind):
        return f"struct<{', '.join(f'`{child.name}` {_type(child.type)}' for child in kind)}>"
    if pa.types.is_list(kind):
        return f"array<{_type(kind.value_type)}>"
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


@contextmanager
def in_executor(world: LandedWorld, googlesql: GoogleSql) -> Iterator[ExecutorBuild]:
    """An empty warehouse in the reference executor, over the lake of a world."""
    warehouse = ExecutingWarehouse(googlesql)
    with TemporaryDirectory(prefix="adx-parity-") as folder, serve(warehouse) as endpoint:
        runs = DbtRuns(PROJECT_ROOT / "dbt_project", endpoint, Path(folder))
        yield ExecutorBuild(world, warehouse, runs)
