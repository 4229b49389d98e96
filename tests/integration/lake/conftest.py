from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ingestion.contracts import Contract, load_contract, raw_schema
from ingestion.lake import DataFile, Lake, raw_tables, write_data_files
from ingestion.settings import Settings

LOADED_AT = datetime(2026, 3, 28, 12, 0, 0, 123456, tzinfo=UTC)
FIRST_DAY = date(2026, 3, 28)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def lake(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    events: Contract,
    clicks: Contract,
    rates: Contract,
) -> Lake:
    """A lake with one table of each kind; all of them would take a second a test."""
    monkeypatch.setattr(raw_tables, "all_contracts", lambda: (events, clicks, rates))
    opened = Lake.open(settings)
    opened.ensure_tables()
    return opened


@pytest.fixture(scope="session")
def events() -> Contract:
    return load_contract("ad_events", "events")


@pytest.fixture(scope="session")
def clicks() -> Contract:
    return load_contract("adserver", "clicks")


@pytest.fixture(scope="session")
def rates() -> Contract:
    return load_contract("fx", "rates")


def value(kind: pa.DataType, number: int) -> Any:
    if pa.types.is_struct(kind):
        return {child.name: value(child.type, number) for child in kind}
    if pa.types.is_list(kind):
        return [value(kind.value_type, number + item) for item in range(number % 3)]
    plain: dict[Callable[[pa.DataType], bool], Any] = {
        pa.types.is_decimal: Decimal(number) / 8 - 1,
        pa.types.is_integer: number,
        pa.types.is_boolean: number % 2 == 0,
        pa.types.is_date: FIRST_DAY + timedelta(days=number % 3),
        pa.types.is_timestamp: LOADED_AT + timedelta(microseconds=number),
        pa.types.is_string: f"text {number} 'quoted' é",
    }
    return next(made for matches, made in plain.items() if matches(kind))


def row(contract: Contract, number: int, seq: int, *, failed: bool) -> dict[str, Any]:
    """A raw row; events have one of their payload structs filled, the others null."""
    schema = raw_schema(contract)
    lineage = [name for name in schema.names if name.startswith("_") and name != "_error"]
    members = list(contract.union.members) if contract.union is not None else []
    empty = {*members} - {members[number % len(members)]} if members else set()
    filled = set(lineage) if failed else set(schema.names) - {"_error"} - empty
    values = dict.fromkeys(schema.names)
    values |= {name: value(schema.field(name).type, number) for name in filled}
    values |= {"_ingest_seq": seq, "_loaded_at": LOADED_AT}
    if failed:
        values["_error"] = {
            "reason": "parse",
            "field": None,
            "message": "not JSON",
            "contract_version": 1,
            "payload": "v1.2026-03-28.secret",
        }
    return values


MakeRows = Callable[..., pa.Table]


@pytest.fixture(scope="session")
def make_rows() -> MakeRows:
    def make(
        contract: Contract, count: int, *, seq: int = 1, start: int = 0, file: str | None = None
    ) -> pa.Table:
        """Rows numbered from `start`, every tenth of them failed."""
        rows = [
            row(contract, number, seq, failed=number % 10 == 9)
            for number in range(start, start + count)
        ]
        for item in rows:
            if file is not None:
                item["_source_file"] = file
        return pa.Table.from_pylist(rows, schema=raw_schema(contract))

    return make


@pytest.fixture
def write(lake: Lake, make_rows: MakeRows) -> Callable[..., list[DataFile]]:
    def files(contract: Contract, count: int, *, seq: int, start: int = 0) -> list[DataFile]:
        rows = make_rows(contract, count, seq=seq, start=start)
        return write_data_files(rows, contract, lake.location(contract))

    return files
