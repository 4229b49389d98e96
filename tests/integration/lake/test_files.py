"""What is written comes back equal, through pyiceberg and through DuckDB."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.contracts import Contract, all_contracts, raw_schema
from ingestion.lake import BatchClaim, DataFile, Lake, StreamClaim, write_data_files
from ingestion.lake.columns import personal_columns
from ingestion.lake.duckdb import connect
from ingestion.settings import Settings

MakeRows = Callable[..., pa.Table]
LINES = ("_kafka_offset", "_source_line")


def in_order(rows: pa.Table) -> list[dict[str, Any]]:
    line = next(name for name in LINES if name in rows.schema.names)
    return rows.sort_by(line).to_pylist()


def empty_lists(contract: Contract, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as pyiceberg 0.12 reads them: where a list of structs is null, it gives an empty one."""
    lists = [
        column.name
        for column in raw_schema(contract)
        if pa.types.is_list(column.type) and pa.types.is_struct(column.type.value_type)
    ]
    return [row | {name: row[name] or [] for name in lists} for row in rows]


@pytest.fixture
def full_lake(settings: Settings) -> Lake:
    lake = Lake.open(settings)
    lake.ensure_tables()
    return lake


def test_every_table_reads_back_what_was_written(
    full_lake: Lake, settings: Settings, make_rows: MakeRows
) -> None:
    duck = connect(settings)
    for contract in all_contracts():
        rows = make_rows(contract, 40)
        if contract.carrier == "kafka":
            files = write_data_files(rows, contract, full_lake.location(contract))
            claim = StreamClaim("topic", "id", {0: 0}, {0: 40})
            full_lake.commit_files(contract, files, claim, expected_seq=0)
            expected = in_order(rows)
        else:
            full_lake.commit_rows(contract, rows, BatchClaim("pipeline", "load"))
            expected = in_order(rows)
        head = full_lake.head(contract)
        sql = full_lake.duckdb_relation_sql(contract, head.metadata_location)
        through_duckdb = in_order(duck.execute(sql).to_arrow_table())
        through_pyiceberg = in_order(full_lake._tables.load(contract).scan().to_arrow())
        stamped = {"_loaded_at", "_load_date"} if contract.carrier != "kafka" else set()
        assert empty_lists(contract, through_duckdb) == through_pyiceberg, contract.name
        assert [
            {name: value for name, value in row.items() if name not in stamped}
            for row in through_duckdb
        ] == [
            {name: value for name, value in row.items() if name not in stamped} for row in expected
        ], contract.name


def test_good_and_failed_rows_part_by_their_reason(
    lake: Lake, settings: Settings, events: Contract, make_rows: MakeRows
) -> None:
    rows = make_rows(events, 100)
    files = write_data_files(rows, events, lake.location(events))
    lake.commit_files(events, files, StreamClaim("t", "id", {0: 0}, {0: 100}), expected_seq=0)
    location = lake.head(events).metadata_location
    duck = connect(settings)

    def count(kind: Any, condition: str = "true") -> Any:
        sql = lake.duckdb_relation_sql(events, location, kind)
        return duck.execute(f"select count(*) from ({sql}) where {condition}").fetchall()[0][0]

    assert (count("all"), count("good"), count("failed")) == (100, 90, 10)
    assert count("failed", "event_date is null and impression is null and click is null") == 10
    assert count("failed", "_error.payload is not null and _kafka_offset is not null") == 10
    assert count("good", "event_date is not null") == 90


def test_an_empty_table_has_its_columns_and_types(
    lake: Lake, settings: Settings, events: Contract, make_rows: MakeRows
) -> None:
    duck = connect(settings)
    empty = duck.execute(
        lake.duckdb_relation_sql(events, lake.head(events).metadata_location)
    ).to_arrow_table()
    files = write_data_files(make_rows(events, 10), events, lake.location(events))
    lake.commit_files(events, files, StreamClaim("t", "id", {0: 0}, {0: 10}), expected_seq=0)
    filled = duck.execute(
        lake.duckdb_relation_sql(events, lake.head(events).metadata_location)
    ).to_arrow_table()
    assert empty.num_rows == 0
    assert empty.schema == filled.schema


def test_one_date_a_file(lake: Lake, events: Contract, make_rows: MakeRows) -> None:
    rows = make_rows(events, 100)
    files = write_data_files(rows, events, lake.location(events))
    assert [(file.partition_date, file.failed) for file in files] == [
        (None, 10),
        ("2026-03-28", 0),
        ("2026-03-29", 0),
        ("2026-03-30", 0),
    ]
    assert sum(file.rows for file in files) == 100
    for file in files:
        days = pq.read_table(file.path, columns=["event_date"]).column(0).unique().to_pylist()
        assert days == [date.fromisoformat(file.partition_date) if file.partition_date else None]
        assert Path(file.path).stat().st_size == file.bytes
        assert DataFile.from_dict(file.to_dict()) == file


def test_many_dates_part_as_few_do(lake: Lake, events: Contract, make_rows: MakeRows) -> None:
    rows = make_rows(events, 60)
    dates = pa.array([None if n % 10 == 9 else date(2026, 1, 1 + n % 20) for n in range(60)])
    rows = rows.set_column(rows.schema.get_field_index("event_date"), "event_date", dates)
    files = write_data_files(rows, events, lake.location(events))
    assert len(files) == 19
    read = {
        file.partition_date: pq.read_table(file.path).column("_kafka_offset").to_pylist()
        for file in files
    }
    assert read[None] == [9, 19, 29, 39, 49, 59]
    assert read["2026-01-03"] == [2, 22, 42]


def test_no_rows_make_no_file(lake: Lake, events: Contract) -> None:
    empty = raw_schema(events).empty_table()
    assert write_data_files(empty, events, lake.location(events)) == []


def test_personal_columns_have_no_bounds_anywhere(
    lake: Lake, events: Contract, make_rows: MakeRows
) -> None:
    files = write_data_files(make_rows(events, 40), events, lake.location(events))
    lake.commit_files(events, files, StreamClaim("t", "id", {0: 0}, {0: 40}), expected_seq=0)
    personal = set(personal_columns(events))
    assert {"impression.user_id", "impression.ip_prefix", "_extras", "_error.payload"} <= personal
    for file in files:
        group = pq.read_metadata(file.path).row_group(0)
        columns = [group.column(number) for number in range(group.num_columns)]
        assert {c.path_in_schema for c in columns if not c.is_stats_set} == personal
    table = lake._tables.load(events)
    ids = {table.schema().find_field(name).field_id for name in personal}
    snapshot = table.current_snapshot()
    assert snapshot is not None
    for manifest in snapshot.manifests(table.io):
        for entry in manifest.fetch_manifest_entry(table.io):
            assert not ids & {*entry.data_file.lower_bounds, *entry.data_file.upper_bounds}


def test_a_file_is_seen_whole_or_not_at_all(
    lake: Lake, events: Contract, make_rows: MakeRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    folder = Path(lake.location(events))
    monkeypatch.setattr(
        "ingestion.lake.files.failpoint",
        lambda _: seen.append([path.name for path in folder.rglob("*.parquet")]),
    )
    files = write_data_files(make_rows(events, 1), events, lake.location(events))
    assert seen == [[]]
    assert [path.name for path in folder.rglob("*") if path.is_file() and "data" in path.parts] == [
        Path(file.path).name for file in files
    ]
