"""A home of its own for each test of contracts that move."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestion.contracts import load_contract
from ingestion.lake import Lake
from ingestion.lake.duckdb import connect
from ingestion.settings import Settings

Ask = Callable[[str, str], list[tuple[Any, ...]]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", drop_quiet_seconds=0)


@pytest.fixture
def ask(settings: Settings) -> Ask:
    """`ask("fx.rates", "select ...")` over all rows that a raw table has now."""

    def run(name: str, select: str) -> list[tuple[Any, ...]]:
        contract, lake = load_contract(*name.split(".")), Lake.open(settings)
        relation = lake.duckdb_relation_sql(contract, lake.head(contract).metadata_location)
        with connect(settings) as connection:
            return connection.execute(f"from ({relation}) {select}").fetchall()

    return run
