"""A lake of its own for each test, and small sources to land into it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pytest

from ingestion.contracts import all_contracts, load_contract
from ingestion.lake import Lake, raw_tables
from ingestion.lake.duckdb import connect
from ingestion.settings import Settings

Rows = list[dict[str, Any]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose folders all lie in the test's folder."""
    return Settings(home=tmp_path / "home", drop_quiet_seconds=0.05)


@pytest.fixture(autouse=True)
def _few_tables(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake with the tables that a module names in TABLES: making all takes half a second."""
    names = getattr(request.module, "TABLES", ("",))
    chosen = tuple(
        contract for contract in all_contracts() if contract.name.startswith(tuple(names))
    )
    monkeypatch.setattr(raw_tables, "all_contracts", lambda: chosen)


@pytest.fixture(scope="session")
def _duckdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(Settings(home=tmp_path_factory.mktemp("duckdb"))) as connection:
        yield connection


@pytest.fixture
def raw(settings: Settings, _duckdb: duckdb.DuckDBPyConnection) -> Callable[..., Rows]:
    """Rows of a raw table as dicts: `raw("campaigns.line_items", rows="failed")`."""

    def read(name: str, rows: str = "all", order: str = "_ingest_seq, _source_line") -> Rows:
        contract = load_contract(*name.split("."))
        lake = Lake.open(settings)
        lake.ensure_tables()
        location = lake.head(contract).metadata_location
        relation = lake.duckdb_relation_sql(contract, location, rows)  # type: ignore[arg-type]
        table: duckdb.DuckDBPyRelation = _duckdb.sql(f"select * from ({relation}) order by {order}")
        return table.to_arrow_table().to_pylist()

    return read


class CampaignsDatabase:
    """A SQLite database with the tables of the contracts."""

    SAMPLES: ClassVar = {"int": 7, "ts": "2026-03-01T00:00:00.000000Z", "date": "2026-03-01"}

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        for contract in all_contracts():
            if contract.source != "campaigns":
                continue
            columns = ", ".join(
                f"{field.name} {'integer' if field.type == 'int' else 'text'}"
                for field in contract.fields
            )
            key = ", ".join(contract.key)
            self.execute(f"create table {contract.table} ({columns}, primary key ({key}))")

    def execute(self, sql: str, *parameters: Any) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(sql, parameters)

    def put(self, table: str, updated_at: str, **values: Any) -> None:
        """Insert or replace a row; columns that are left out get a value that fits."""
        contract = load_contract("campaigns", table)
        row = {}
        for field in contract.fields:
            sample: Any = self.SAMPLES.get(field.type, f"{field.name}-1")
            if field.values:
                sample = field.values[0]
            elif field.length is not None:
                sample = "EUR"[: field.length]
            row[field.name] = values.get(field.name, sample if field.required else None)
        row["updated_at"] = updated_at
        marks = ", ".join("?" for _ in row)
        self.execute(f"insert or replace into {table} values ({marks})", *row.values())


@pytest.fixture
def database(settings: Settings) -> CampaignsDatabase:
    """The campaigns database where the ad world would have it."""
    return CampaignsDatabase(settings.world / "campaigns.db")
