"""dbt's own runs for BigQuery, against a warehouse that analyzes and has no rows."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import yaml

from ingestion.contracts import all_contracts, raw_schema
from ingestion.lake.ops import OPS_TABLES
from ingestion.settings import PROJECT_ROOT
from orchestration.bigquery.googlesql import parse_type
from orchestration.bigquery.service import serve
from orchestration.bigquery.statements import Table, Warehouse
from orchestration.warehouse.dbt import environment

PROJECT = "advertisex"
"""The project in Google's cloud that the statements name; there is none of that name."""

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

TOUCHED_DATES = ("2026-03-28", "2026-03-30")
"""The event dates that the increment's new rows lie on: two that are not neighbours."""

_SETTINGS = {
    "ADX_BIGQUERY_PROJECT": PROJECT,
    "ADX_BIGQUERY_DATASET": "main",
    "ADX_BIGQUERY_LOCATION": "EU",
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DBT_WRITE_JSON": "false",
}


@dataclass(frozen=True)
class Node:
    """What became of one node of the project.

    Attributes:
        unique_id: dbt's name of it.
        name: Its own name.
        path: Its file, from the root of the repository.
        status: dbt's word: `success`, `pass`, `error`, `fail`, `skipped`.
        message: What the adapter said.
        source: Its text as it is written.
        compiled: Its query as it was compiled.
        manifest: dbt's own node.
    """

    unique_id: str
    name: str
    path: str
    status: str
    message: str
    source: str
    compiled: str
    manifest: Any


def window(*, first: bool) -> str:
    """A pin's window: the first of all, or an increment."""
    tables = {
        f"{contract.source}.{contract.table}": {
            "from_seq": 0 if first else 4,
            "to_seq": 9,
            "touched_dates": list(TOUCHED_DATES) if contract.is_event else [],
            "min_effective_date": None if contract.is_event else TOUCHED_DATES[0],
        }
        for contract in all_contracts()
    }
    return json.dumps({"pin": 3, "previous_pin": None if first else 2, "tables": tables})


def register_sources(warehouse: Warehouse) -> None:
    """Make the tables known that a pin registers."""
    for contract in all_contracts():
        key = (PROJECT, f"raw_{contract.source}", contract.table)
        warehouse.put(key, Table("EXTERNAL", _columns(raw_schema(contract))))
    for name, table in OPS_TABLES.items():
        warehouse.put((PROJECT, "ops", name), Table("EXTERNAL", _columns(table.schema)))
    for name, columns in REGISTERED.items():
        types = {column: parse_type(kind) for column, kind in columns.items()}
        warehouse.put((PROJECT, "ops", name), Table("EXTERNAL", types))


def _columns(schema: pa.Schema) -> dict[str, Any]:
    return {column.name: parse_type(_arrow_type(column.type)) for column in schema}


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


class DbtRuns:
    """Runs of one dbt project against one warehouse; the project is parsed once."""

    def __init__(self, project: Path, endpoint: str, folder: Path) -> None:
        self._project = project
        self._folder = folder
        profiles = yaml.safe_load((PROJECT_ROOT / "profiles.yml").read_text(encoding="utf-8"))
        production = profiles["advertisex"]["outputs"]["production"]
        production |= {
            "method": "oauth-secrets",
            "token": "none",
            "api_endpoint": endpoint,
            "job_retries": 0,
            "threads": 1,
        }
        outputs = {"target": "production", "outputs": {"production": production}}
        profile = yaml.safe_dump({"advertisex": outputs})
        (folder / "profiles.yml").write_text(profile, encoding="utf-8")

    def run(self, command: Sequence[str], pin: str) -> list[Node]:
        """Run one dbt command with a pin's window.

        Raises:
            RuntimeError: dbt could not start.
        """
        from dbt.cli.main import dbtRunner

        arguments = [*command, "--project-dir", str(self._project)]
        arguments += ["--profiles-dir", str(self._folder)]
        arguments += ["--target-path", str(self._folder / "target")]
        arguments += ["--log-path", str(self._folder), "--log-level", "none", "--no-print"]
        arguments += ["--log-level-file", "error"]
        with environment(**_SETTINGS, ADX_WINDOW=pin):
            answer = dbtRunner().invoke(arguments)
        if answer.exception is not None:
            raise RuntimeError(str(answer.exception)) from answer.exception
        return [self._node(result) for result in answer.result.results]

    def _node(self, result: Any) -> Node:
        node = result.node
        path = (self._project / node.original_file_path).resolve()
        return Node(
            unique_id=node.unique_id,
            name=node.name,
            path=str(path.relative_to(self._project.parent.resolve())),
            status=str(getattr(result.status, "value", result.status)),
            message=str(result.message or ""),
            source=getattr(node, "raw_code", "") or "",
            compiled=getattr(node, "compiled_code", "") or "",
            manifest=node,
        )


@contextmanager
def dbt_runs(
    warehouse: Warehouse, project: Path = PROJECT_ROOT / "dbt_project"
) -> Iterator[DbtRuns]:
    """Runs of dbt for this warehouse, while its service answers."""
    with TemporaryDirectory(prefix="adx-bigquery-") as folder, serve(warehouse) as endpoint:
        yield DbtRuns(project, endpoint, Path(folder))
