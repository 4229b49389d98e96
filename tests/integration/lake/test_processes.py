"""Processes side by side, and processes that die: each row once, whoever wins."""

import gc
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from ingestion.contracts import Contract
from ingestion.errors import AdxError
from ingestion.lake import (
    BatchClaim,
    DataFile,
    Lake,
    StalePlan,
    StreamClaim,
    raw_tables,
    write_data_files,
)
from ingestion.settings import Settings
from tests.integration.lake.processes import killed_at, together

pytestmark = pytest.mark.slow

MakeRows = Callable[..., pa.Table]


def offsets(lake: Lake, contract: Contract) -> list[int]:
    rows = lake._tables.load(contract).scan().to_arrow()
    line = "_kafka_offset" if contract.carrier == "kafka" else "_source_line"
    return sorted(rows.column(line).to_pylist())


def test_a_forked_process_collects_nothing_that_it_has_inherited() -> None:
    class Cycle:
        def __init__(self) -> None:
            self.itself = self

    def collect() -> None:
        mine = Cycle()
        del mine
        assert gc.collect() == 1

    gc.collect()
    gc.disable()
    try:
        Cycle()
        assert together(collect) == [0]
    finally:
        gc.enable()


def test_a_new_lake_is_opened_by_many_at_once(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    events: Contract,
    rates: Contract,
) -> None:
    monkeypatch.setattr(raw_tables, "all_contracts", lambda: (events, rates))

    def open_lake() -> None:
        Lake.open(settings).ensure_tables()

    assert together(*[open_lake] * 8) == [0] * 8
    assert Lake.open(settings).head(events).ingest_seq == 0


def test_two_streams_that_race_bring_each_row_once(
    lake: Lake, settings: Settings, events: Contract, make_rows: MakeRows
) -> None:
    """Both plan from the table, write and commit, twenty batches each, as fast as they can."""
    batches, size = 20, 7

    def stream() -> None:
        mine = Lake.open(settings)
        while True:
            head = mine.head(events)
            start = head.claims.stream.get("id", {}).get(0, 0)
            if start >= batches * size:
                return
            rows = make_rows(events, size, seq=head.ingest_seq + 1, start=start)
            files = write_data_files(rows, events, mine.location(events))
            claim = StreamClaim("topic", "id", {0: start}, {0: start + size})
            try:
                mine.commit_files(events, files, claim, expected_seq=head.ingest_seq)
            except StalePlan:
                continue

    assert together(stream, stream) == [0, 0]
    assert offsets(lake, events) == list(range(batches * size))
    assert lake.head(events).ingest_seq == batches


def test_fifty_commits_from_ten_processes_bring_each_row_once(
    lake: Lake, settings: Settings, rates: Contract, make_rows: MakeRows
) -> None:
    def worker(number: int) -> Callable[[], None]:
        def work() -> None:
            mine = Lake.open(settings)
            for batch in range(5):
                rows = make_rows(rates, 2, start=(number * 5 + batch) * 2)
                claim = BatchClaim(f"pipeline {number}", f"load {batch}")
                assert mine.commit_rows(rates, rows, claim).status == "committed"

        return work

    assert together(*[worker(number) for number in range(10)]) == [0] * 10
    assert offsets(lake, rates) == list(range(100))
    rows = lake._tables.load(rates).scan().to_arrow()
    assert sorted(set(rows.column("_ingest_seq").to_pylist())) == list(range(1, 51))
    assert len(list((Path(lake.location(rates)) / "data").rglob("*.parquet"))) == 50


def test_two_who_pin_at_once_log_one_pin(
    lake: Lake, settings: Settings, rates: Contract, make_rows: MakeRows
) -> None:
    for number in range(3):
        lake.commit_rows(rates, make_rows(rates, 1), BatchClaim("fx", f"load {number}"))
        assert together(*[lambda: Lake.open(settings).pin() and None] * 3) == [0] * 3
    ranges = [
        (pin.number, pin.tables["fx.rates"].from_seq, pin.tables["fx.rates"].to_seq)
        for pin in lake.pins()
    ]
    assert ranges == [(1, 0, 1), (2, 1, 2), (3, 2, 3)]


def test_one_row_that_many_append_is_there_once(lake: Lake, settings: Settings) -> None:
    def append(number: int) -> Callable[[], None]:
        def work() -> None:
            row = {"kind": "build", "subject": "x"}
            Lake.open(settings).append_ops(
                "run_ledger", [{"run_id": "shared", **row}, {"run_id": f"own {number}", **row}]
            )

        return work

    assert together(*[append(number) for number in range(6)]) == [0] * 6
    found = lake.read_ops("run_ledger").column("run_id").to_pylist()
    assert sorted(found) == [*(f"own {number}" for number in range(6)), "shared"]


COMMIT_POINTS = [
    "lake.before_metadata",
    "lake.before_swap",
    "lake.after_swap",
    "lake.after_pointer",
]


@pytest.mark.parametrize("point", COMMIT_POINTS)
def test_a_stream_killed_in_a_commit_can_repeat_it(
    lake: Lake,
    settings: Settings,
    events: Contract,
    make_rows: MakeRows,
    point: str,
) -> None:
    files = write_data_files(make_rows(events, 20), events, lake.location(events))
    claim = StreamClaim("topic", "id", {0: 0}, {0: 20})

    def commit() -> str:
        return Lake.open(settings).commit_files(events, files, claim, expected_seq=0).status

    killed_at(point, commit)
    landed = point in {"lake.after_swap", "lake.after_pointer"}
    assert lake.head(events).ingest_seq == (1 if landed else 0)
    assert commit() == ("already" if landed else "committed")
    assert commit() == "already"
    assert offsets(lake, events) == list(range(20))
    pointer = lake.folder / "pointers" / "raw_ad_events.events" / "000000000001.json"
    assert pointer.exists(), "the repeated commit completes what the dead one left out"


@pytest.mark.parametrize("point", ["lake.before_rename", *COMMIT_POINTS, "lake.before_register"])
def test_a_batch_killed_in_a_commit_can_repeat_it(
    lake: Lake,
    settings: Settings,
    clicks: Contract,
    make_rows: MakeRows,
    point: str,
) -> None:
    rows = make_rows(clicks, 20, file="a.csv")

    def commit(load: str = "load 1") -> str:
        claim = BatchClaim("clicks", load, files={"11": "a.csv"})
        return Lake.open(settings).commit_rows(clicks, rows, claim).status

    killed_at(point, commit)
    landed = point in {"lake.after_swap", "lake.after_pointer", "lake.before_register"}
    assert commit() == ("already" if landed else "committed")
    assert commit("after the working folder was lost") == "already"
    assert offsets(lake, clicks) == list(range(20))
    files = lake.read_ops("file_registry").to_pylist()
    assert [(file["file_name"], file["rows"], file["failed"]) for file in files] == [
        ("a.csv", 20, 2)
    ]


@pytest.mark.parametrize("point", ["pin.before_commit", *COMMIT_POINTS, "pin.after_commit"])
def test_a_pin_killed_on_its_way_is_logged_once(
    lake: Lake, settings: Settings, rates: Contract, make_rows: MakeRows, point: str
) -> None:
    lake.commit_rows(rates, make_rows(rates, 1), BatchClaim("fx", "load 1"))
    killed_at(point, lambda: Lake.open(settings).pin())
    assert lake.pin().number == 1
    assert [pin.number for pin in lake.pins()] == [1]


def test_a_table_whose_creator_died_is_created(
    settings: Settings, rates: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_tables, "all_contracts", lambda: (rates,))
    killed_at("lake.before_swap:2", lambda: Lake.open(settings).ensure_tables())
    lake = Lake.open(settings)
    lake.ensure_tables()
    assert lake.head(rates).ingest_seq == 0
    assert lake.read_ops("pins").num_rows == 0


def test_the_lock_of_a_dead_writer_is_free(
    lake: Lake, settings: Settings, rates: Contract, make_rows: MakeRows
) -> None:
    def hold_and_die() -> None:
        mine = Lake.open(settings)
        with mine.writer_lock(rates):
            os.environ["ADX_FAILPOINT"] = "lake.before_metadata"
            mine.commit_rows(rates, make_rows(rates, 1), BatchClaim("fx", "load 1"))

    assert together(hold_and_die) == [-signal.SIGKILL]
    with lake.writer_lock(rates):
        pass


def test_a_lock_keeps_another_process_out(lake: Lake, settings: Settings, rates: Contract) -> None:
    def try_it() -> None:
        with (
            pytest.raises(AdxError, match="Another process"),
            Lake.open(settings).writer_lock(rates),
        ):
            pass

    with lake.writer_lock(rates):
        assert together(try_it) == [0]


def test_descriptors_of_one_process_serve_another(
    lake: Lake, settings: Settings, events: Contract, make_rows: MakeRows, tmp_path: Path
) -> None:
    """Spark's executors write, its driver commits: all that passes between them is JSON."""
    rows = make_rows(events, 20)
    files = [file.to_dict() for file in write_data_files(rows, events, lake.location(events))]

    def commit() -> None:
        Lake.open(settings).commit_files(
            events,
            [DataFile.from_dict(file) for file in files],
            StreamClaim("topic", "id", {0: 0}, {0: 20}),
            expected_seq=0,
        )

    assert together(commit) == [0]
    assert offsets(lake, events) == list(range(20))
