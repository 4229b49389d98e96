"""Small dbt projects of their own, which install the macros as another project would."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

ROOT = Path(__file__).resolve().parents[2]

PROJECT = """
name: borrower
version: "1.0.0"
config-version: 2
profile: borrower
model-paths: [models]
macro-paths: {macro_paths}
flags: {{send_anonymous_usage_stats: false}}
models: {{borrower: {{+incremental_strategy: append, +on_schema_change: fail}}}}
"""

PROFILE = """
borrower:
  target: here
  outputs:
    here:
      type: duckdb
      path: "{path}"
      threads: 2
      settings: {{TimeZone: UTC, threads: "1", ieee_floating_point_ops: "false"}}
    cloud:
      type: bigquery
      method: oauth-secrets
      token: none
      project: nowhere
      dataset: main
      location: EU
"""

OFFLINE = ("--no-populate-cache", "--no-introspect")
"""Compile without a connection."""


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@dataclass
class BorrowerProject:
    """A dbt project in a temporary folder, with its own DuckDB file."""

    folder: Path
    macro_folders: tuple[str, ...] = ("cross_db", "data_vault")

    @property
    def database(self) -> Path:
        return self.folder / "borrower.duckdb"

    def write(self, models: dict[str, str]) -> None:
        paths = [str(ROOT / "macros" / name) for name in self.macro_folders]
        (self.folder / "models").mkdir(parents=True, exist_ok=True)
        (self.folder / "dbt_project.yml").write_text(PROJECT.format(macro_paths=paths))
        (self.folder / "profiles.yml").write_text(PROFILE.format(path=self.database))
        for name, sql in models.items():
            file = name if name.endswith(".yml") else f"{name}.sql"
            (self.folder / "models" / file).write_text(sql)

    def dbt(self, *arguments: str, **variables: str) -> list[Any]:
        """Run dbt in this process; the results, or the first error as AssertionError."""
        place = str(self.folder)
        command = [*arguments, "--project-dir", place, "--profiles-dir", place]
        command += ["--log-path", f"{place}/logs", "--target-path", f"{place}/target"]
        command += ["--log-level", "none"]
        with environment({"DO_NOT_TRACK": "1", **variables}):
            try:
                answer = dbtRunner().invoke(command)
            finally:
                DuckDBConnectionManager.close_all_connections()
        if answer.exception is not None:
            raise AssertionError(str(answer.exception))
        results = list(getattr(answer.result, "results", None) or [])
        broken = [
            f"{r.node.name}: {r.message}" for r in results if r.status not in ("success", "pass")
        ]
        assert not broken, "\n".join(broken)
        return results

    def compiled(
        self, *arguments: str, engine: str = "bigquery", **variables: str
    ) -> dict[str, str]:
        """The SQL of each model for an engine, made without a connection."""
        target = {"bigquery": "cloud", "duckdb": "here"}[engine]
        results = self.dbt("compile", "--target", target, *OFFLINE, *arguments, **variables)
        return {result.node.name: result.node.compiled_code for result in results}

    def execute(self, *statements: str) -> None:
        with duckdb.connect(str(self.database)) as connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(sql).fetchall()
