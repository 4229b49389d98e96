"""Upkeep: rows, claims and readers stay as they are, whatever is compacted, forgotten, removed."""

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.table import Table

from ingestion.contracts import Contract
from ingestion.errors import AdxError, ExitCode
from ingestion.lake import (
    BatchClaim,
    DataFile,
    Lake,
    Pin,
    StreamClaim,
    fence,
    raw_tables,
    write_data_files,
)
from ingestion.lake.claims import SEQ
from ingestion.lake.columns import personal_columns
from ingestion.lake.duckdb import connect
from ingestion.lake.pins import LAST_PIN
from ingestion.lake.pointers import Pointer, pointers
from ingestion.lake.recovery import recover_catalog
from ingestion.lake.storage import storage_of
from ingestion.lake.upkeep import backup, compaction
from ingestion.lake.upkeep.compaction import COMPACTION, Compaction
from ingestion.settings import Settings
from tests.integration.lake.processes import FORK, killed_at

Write = Callable[..., list[DataFile]]
MakeRows = Callable[..., pa.Table]
EVENTS = "ad_events.events"
COMMITS = 5


def land(lake: Lake, contract: Contract, write: Write, count: int) -> None:
    """Bring some more rows of a stream."""
    position = lake.stream_position(contract).get("id", {}).get(0, 0)
    seq = lake.head(contract).ingest_seq
    files = write(contract, count, seq=seq + 1, start=position)
    claim = StreamClaim("topic", "id", {0: position}, {0: position + count})
    lake.commit_files(contract, files, claim, expected_seq=seq)


@pytest.fixture(scope="module")
def landed(
    tmp_path_factory: pytest.TempPathFactory,
    events: Contract,
    clicks: Contract,
    rates: Contract,
    make_rows: MakeRows,
) -> tuple[Path, Path]:
    """A home with a pinned lake of some commits, each of three dates and failed rows; its copy."""
    folder = tmp_path_factory.mktemp("upkeep")
    home, copy = folder / "home", folder / "copy"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raw_tables, "all_contracts", lambda: (events, clicks, rates))
        lake = Lake.open(Settings(home=home))
        lake.ensure_tables()

        def write(contract: Contract, count: int, *, seq: int, start: int) -> list[DataFile]:
            rows = make_rows(contract, count, seq=seq, start=start)
            return write_data_files(rows, contract, lake.location(contract))

        for _ in range(COMMITS):
            land(lake, events, write, 30)
        lake.pin()
    shutil.copytree(home, copy)
    return home, copy


@pytest.fixture
def settings(landed: tuple[Path, Path]) -> Settings:
    """That home as it was: landing anew would be most of what these tests cost."""
    home, copy = landed
    shutil.rmtree(home)
    shutil.copytree(copy, home)
    return Settings(home=home)


@pytest.fixture
def lake(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    events: Contract,
    clicks: Contract,
    rates: Contract,
) -> Lake:
    """The lake of that home, which has its tables."""
    monkeypatch.setattr(raw_tables, "all_contracts", lambda: (events, clicks, rates))
    return Lake.open(settings)


@pytest.fixture
def pin(lake: Lake) -> Pin:
    """The pin of what was landed."""
    (logged,) = lake.pins()
    return logged


Found = tuple[int, int, int]


@pytest.fixture
def read(lake: Lake, settings: Settings) -> Callable[[Contract, str], Found]:
    """Rows, newest commit and a checksum of all values of one exact state, as DuckDB reads it."""
    connection = connect(settings)

    def ask(contract: Contract, location: str) -> Found:
        sql = lake.duckdb_relation_sql(contract, location)
        row = connection.execute(
            f"select count(*), max(_ingest_seq), sum(hash(content)::hugeint) from ({sql}) content"
        ).fetchone()
        assert row is not None
        return row

    return ask


def compact(lake: Lake, pin: Pin, **options: Any) -> dict[str, Compaction]:
    up_to = {name: table.to_seq for name, table in pin.tables.items()}
    return {done.table: done for done in lake.upkeep.compact(up_to, **options)}


def orphans(lake: Lake, *pins: Pin, hours: float = 0, **options: Any) -> list[str]:
    kept = lake.upkeep.kept([pin.number for pin in pins])
    return [
        file for found in lake.upkeep.orphans(kept, hours=hours, **options) for file in found.files
    ]


def stored(lake: Lake) -> set[str]:
    return {str(path) for path in (lake.folder / "tables").rglob("*") if path.is_file()}


def test_compaction_keeps_every_value_of_every_row(
    lake: Lake, events: Contract, pin: Pin, read: Callable[..., Found]
) -> None:
    before = read(events, lake.head(events).metadata_location)
    done = compact(lake, pin)[EVENTS]
    assert (done.files_before, done.files_after, done.rows) == (COMMITS * 4, 4, COMMITS * 30)
    assert done.is_done
    head = lake.head(events)
    assert read(events, head.metadata_location) == before
    assert (head.files, head.rows, head.bytes) == (4, COMMITS * 30, done.bytes_after)
    assert lake.check_files(events) == []


def test_a_compaction_claims_nothing_and_adds_no_commit_number(
    lake: Lake, events: Contract, rates: Contract, pin: Pin, make_rows: MakeRows
) -> None:
    for number in range(2):
        claim = BatchClaim("fx", f"load {number}", position=number, state="so far")
        lake.commit_rows(rates, make_rows(rates, 3, start=number), claim)
    before = {contract: lake.head(contract) for contract in (events, rates)}
    compact(lake, lake.pin(), min_files=2)
    for contract, head in before.items():
        now = lake.head(contract)
        assert (now.claims, now.ingest_seq) == (head.claims, head.ingest_seq)
        summary = lake._tables.load(contract).current_snapshot().summary
        assert summary.operation.value == "overwrite"
        assert summary.additional_properties[COMPACTION]


def test_a_pin_after_a_compaction_is_the_pin_before(
    lake: Lake, events: Contract, pin: Pin, write: Write
) -> None:
    compact(lake, pin)
    assert lake.pin() == pin
    land(lake, events, write, 1)
    later = lake.pin()
    window = lake.window(pin, later).tables[EVENTS]
    assert (window.from_seq, window.to_seq) == (COMMITS, COMMITS + 1)
    assert len(window.touched_dates) == 1, "and not those of all rows that were rewritten"


def test_a_window_after_a_compaction_holds_the_rows_that_it_held(
    lake: Lake, settings: Settings, events: Contract, pin: Pin
) -> None:
    def positions() -> list[tuple[int, ...]]:
        sql = lake.duckdb_relation_sql(events, lake.head(events).metadata_location)
        return (
            connect(settings)
            .execute(
                f"select _ingest_seq, _kafka_offset from ({sql}) "
                "where _ingest_seq between 2 and 4 order by all"
            )
            .fetchall()
        )

    before = positions()
    assert len(before) == 90
    compact(lake, pin)
    assert positions() == before


def test_rows_stand_in_the_order_of_their_commits(lake: Lake, events: Contract, pin: Pin) -> None:
    names = ["_ingest_seq", "_kafka_topic_id", "_kafka_partition", "_kafka_offset"]
    compact(lake, pin)
    for file in compaction.data_files(lake._tables.load(events)):
        rows = pq.read_table(file.file_path, columns=names).to_pylist()
        order = [tuple(row[name] for name in names) for row in rows]
        assert order == sorted(order)
        assert {seq for seq, *_ in order} == set(range(1, COMMITS + 1))


def test_a_compacted_file_tells_no_more_of_persons_than_the_files_before(
    lake: Lake, events: Contract, pin: Pin
) -> None:
    compact(lake, pin)
    table = lake._tables.load(events)
    hidden = set(personal_columns(events))
    for file in compaction.data_files(table):
        group = pq.read_metadata(file.file_path).row_group(0)
        columns = [group.column(number) for number in range(group.num_columns)]
        shown = {column.path_in_schema for column in columns if column.is_stats_set}
        assert "_ingest_seq" in shown
        assert not shown & hidden
        ids = {table.schema().find_field(name).field_id for name in hidden}
        assert not ids & (file.lower_bounds.keys() | file.upper_bounds.keys())


def test_files_of_commits_that_are_not_published_stay(lake: Lake, pin: Pin) -> None:
    assert not any(done.is_done for done in lake.upkeep.compact({}))
    done = {item.table: item for item in lake.upkeep.compact({EVENTS: COMMITS - 1}, min_files=2)}
    assert done[EVENTS].files_after == 4 + 4


def test_few_files_are_left_alone_and_compacting_again_does_nothing(
    lake: Lake, events: Contract, pin: Pin, write: Write
) -> None:
    assert not compact(lake, pin, min_files=COMMITS + 1)[EVENTS].is_done
    assert compact(lake, pin)[EVENTS].is_done
    location = lake.head(events).metadata_location
    assert not compact(lake, pin)[EVENTS].is_done
    assert lake.head(events).metadata_location == location


def test_files_are_only_put_together_up_to_the_target(
    lake: Lake, events: Contract, pin: Pin
) -> None:
    size = max(file.file_size_in_bytes for file in compaction.data_files(lake._tables.load(events)))
    done = compact(lake, pin, target_bytes=size * 3, min_files=2)[EVENTS]
    assert 4 < done.files_after <= 4 * COMMITS // 2


def test_a_planned_compaction_changes_nothing(lake: Lake, events: Contract, pin: Pin) -> None:
    before, location = stored(lake), lake.head(events).metadata_location
    done = compact(lake, pin, check=True)[EVENTS]
    assert (done.files_before, done.files_after, done.is_done) == (COMMITS * 4, 4, False)
    assert stored(lake) == before
    assert lake.head(events).metadata_location == location


def test_own_tables_are_compacted_and_know_their_keys(lake: Lake, pin: Pin) -> None:
    row = {"kind": "build", "subject": "x"}
    for number in range(COMMITS):
        lake.append_ops("run_ledger", [{"run_id": str(number), **row}])
    before = lake.read_ops("run_ledger")
    done = compact(lake, pin)["ops.run_ledger"]
    assert (done.files_before, done.files_after) == (COMMITS, 1)
    assert lake.read_ops("run_ledger").equals(before)
    assert lake.append_ops("run_ledger", [{"run_id": "0", **row}]) == 0
    assert lake.check_ops_files() == []


def lose_a_row(rows: pa.Table) -> pa.Table:
    return pa.concat_tables([rows.slice(1), rows.slice(1, 1)])


def fill_a_struct(rows: pa.Table) -> pa.Table:
    place = rows.schema.get_field_index("click")
    field = rows.schema.field(place)
    filled = [value or dict.fromkeys(field.type.names) for value in rows["click"].to_pylist()]
    return rows.set_column(place, field, pa.chunked_array([pa.array(filled, field.type)]))


@pytest.mark.parametrize("damage", [lose_a_row, fill_a_struct])
def test_rows_that_were_written_wrong_are_not_committed(
    lake: Lake,
    events: Contract,
    pin: Pin,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[pa.Table], pa.Table],
) -> None:
    before, location = stored(lake), lake.head(events).metadata_location
    write_parquet = compaction.write_parquet

    def write_wrong(rows: pa.Table, *arguments: Any) -> tuple[str, int]:
        return write_parquet(damage(rows), *arguments)

    monkeypatch.setattr(compaction, "write_parquet", write_wrong)
    with pytest.raises(
        AdxError, match=rf"ad_events\.events: {COMMITS} files .* nothing was changed"
    ):
        compact(lake, pin)
    assert lake.head(events).metadata_location == location
    assert stored(lake) == before


@pytest.mark.parametrize(
    ("module", "point"), [(compaction, "compact.before_commit"), (fence, "lake.before_metadata")]
)
def test_a_commit_in_between_is_kept(
    lake: Lake,
    events: Contract,
    pin: Pin,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    *,
    module: ModuleType,
    point: str,
) -> None:
    pending = [lambda: land(lake, events, write, 10)]

    def hook(name: str) -> None:
        if name == point and pending:
            pending.pop()()

    monkeypatch.setattr(module, "failpoint", hook)
    assert compact(lake, pin)[EVENTS].is_done
    assert not pending
    head = lake.head(events)
    assert (head.rows, head.ingest_seq) == (COMMITS * 30 + 10, COMMITS + 1)
    assert head.files < COMMITS * 4
    assert lake.check_files(events) == []


def test_of_two_compactions_one_is_done(
    lake: Lake, settings: Settings, events: Contract, pin: Pin, monkeypatch: pytest.MonkeyPatch
) -> None:
    rival = Lake.open(settings)
    pending = [lambda: compact(rival, pin)]

    def hook(name: str) -> None:
        if name == "compact.before_commit" and pending:
            pending.pop()()

    monkeypatch.setattr(compaction, "failpoint", hook)
    assert not compact(lake, pin)[EVENTS].is_done
    assert (lake.head(events).files, lake.head(events).rows) == (4, COMMITS * 30)
    assert orphans(lake, pin) == [], "the files of the one that lost are gone"


def forget(lake: Lake, pin: Pin, **options: Any) -> Any:
    kept = lake.upkeep.kept([pin.number])
    done = lake.upkeep.expire(kept, keep=2, hours=0, **options)
    return {item.table: item for item in done}[EVENTS]


def test_a_reader_of_a_pin_reads_the_same_during_and_after_all_of_it(
    lake: Lake, events: Contract, pin: Pin, write: Write, read: Callable[..., Found]
) -> None:
    location = pin.tables[EVENTS].metadata_location
    before = read(events, location)
    compact(lake, pin)
    assert read(events, location) == before
    for _ in range(3):
        land(lake, events, write, 1)
    assert forget(lake, pin).removed > 0
    assert read(events, location) == before
    orphans(lake, pin, delete=True)
    assert read(events, location) == before
    assert lake.check_files(events, location) == []
    assert lake.check_files(events) == []
    assert read(events, lake.head(events).metadata_location)[0] == COMMITS * 30 + 3


def test_a_pin_is_enough_to_keep_what_everybody_else_has_forgotten(
    lake: Lake,
    events: Contract,
    pin: Pin,
    write: Write,
    *,
    read: Callable[..., Found],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Commits forget snapshots and pointers by themselves, whatever is pinned."""
    monkeypatch.setattr(fence, "_MOST_SNAPSHOTS", 3)
    monkeypatch.setattr(fence, "_KEPT_SNAPSHOTS", 1)
    monkeypatch.setattr("ingestion.lake.pointers.KEPT", 2)
    location = pin.tables[EVENTS].metadata_location
    before = read(events, location)
    compact(lake, pin)
    for _ in range(3):
        land(lake, events, write, 1)
    left = {item.snapshot_id for item in lake._tables.load(events).snapshots()}
    assert pin.tables[EVENTS].snapshot_id not in left
    assert orphans(lake, pin, delete=True)
    assert read(events, location) == before
    assert lake.check_files(events, location) == []


def test_expiry_keeps_what_is_pinned_the_newest_and_the_young(
    lake: Lake, events: Contract, pin: Pin, write: Write
) -> None:
    for _ in range(3):
        land(lake, events, write, 1)
    kept = lake.upkeep.kept()
    assert sum(done.removed for done in lake.upkeep.expire(kept, keep=2, hours=1)) == 0
    planned = forget(lake, pin, check=True)
    assert (planned.removed, planned.pinned, planned.is_done) == (COMMITS - 1 + 2, 1, False)
    done = forget(lake, pin)
    assert (done.before, done.removed, done.pinned) == (COMMITS + 3, COMMITS - 1 + 2, 1)
    left = {item.snapshot_id for item in lake._tables.load(events).snapshots()}
    assert pin.tables[EVENTS].snapshot_id in left
    assert len(left) == 3, "the pinned one, and the newest two"
    head = lake.head(events)
    assert (head.rows, head.ingest_seq) == (COMMITS * 30 + 3, COMMITS + 3)
    assert forget(lake, pin).removed == 0, "and not one more each day"


def test_expiry_leaves_pointers_of_what_is_left_and_the_newest(
    lake: Lake, settings: Settings, events: Contract, pin: Pin
) -> None:
    before = len(pointers(settings.lake_root, "raw_ad_events.events"))
    done = forget(lake, pin)
    found = pointers(settings.lake_root, "raw_ad_events.events")
    assert len(found) == before + 1 - done.pointers
    assert done.pointers > 0
    left = {item.sequence_number for item in lake._tables.load(events).snapshots()}
    assert {pointer.sequence_number for pointer in found} == left
    assert found[-1].metadata_location == lake.head(events).metadata_location


def test_a_lake_without_orphans_has_none(lake: Lake, pin: Pin) -> None:
    assert orphans(lake) == []


def test_a_planted_file_is_found_and_nothing_else(
    lake: Lake, events: Contract, pin: Pin, write: Write
) -> None:
    planted = [file.path for file in write(events, 5, seq=99)]
    before = stored(lake)
    assert orphans(lake) == sorted(planted)
    assert stored(lake) == before, "a dry run"
    assert orphans(lake, delete=True) == sorted(planted)
    assert stored(lake) == before - set(planted)
    assert lake.check_files(events) == []


def test_young_files_may_be_of_a_commit_that_is_under_way(
    lake: Lake, events: Contract, pin: Pin, write: Write
) -> None:
    files = write(events, 5, seq=99)
    found = lake.upkeep.orphans(lake.upkeep.kept(), hours=1)
    assert sum(len(item.files) for item in found) == 0
    assert sum(item.young for item in found) == len(files)


def test_a_head_of_a_moment_ago_stays_whole_however_old_its_files_are(
    lake: Lake, events: Contract, pin: Pin, write: Write, read: Callable[..., Found]
) -> None:
    land(lake, events, write, 30)
    location = lake.head(events).metadata_location
    before = read(events, location)
    for file in stored(lake):
        if file.endswith(".parquet"):
            os.utime(file, (0, 0))
    lake.upkeep.compact({EVENTS: COMMITS + 1})
    kept = lake.upkeep.kept()
    lake.upkeep.expire(kept, keep=1, hours=0)
    lake.upkeep.orphans(kept, hours=1, delete=True)
    assert read(events, location) == before
    assert [file for file in orphans(lake, pin) if file.endswith(".parquet")], "an hour later"


@pytest.mark.parametrize("killed", [0, 1])
def test_a_head_that_was_old_an_hour_ago_is_told_from_commits_that_never_came(
    lake: Lake, events: Contract, pin: Pin, write: Write, read: Callable[..., Found], *, killed: int
) -> None:
    pinned = lake._tables.load(events).current_snapshot().manifest_list
    land(lake, events, write, 30)
    location = lake.head(events).metadata_location
    before = read(events, location)
    for file in stored(lake):
        written = Path(file).stat().st_mtime - 7200
        os.utime(file, (written, written))
    if killed:
        never = Path(pinned).with_name("snap-1-0-never.avro")
        never.write_bytes(Path(pinned).read_bytes())
        os.utime(never, (time.time() - 7100, time.time() - 7100))
    lake.upkeep.compact({EVENTS: COMMITS + 1})
    lake.upkeep.expire(lake.upkeep.kept(), keep=1, hours=0)
    lake.upkeep.orphans(lake.upkeep.kept(), hours=1, delete=True)
    assert read(events, location) == before


def test_what_no_pin_needs_any_more_goes(
    lake: Lake, events: Contract, pin: Pin, write: Write, read: Callable[..., Found]
) -> None:
    compact(lake, pin)
    old = {Path(file.path).name for file in write(events, 1, seq=99)}
    land(lake, events, write, 1)
    for _ in range(3):
        land(lake, events, write, 1)
        lake.pin()
    head = read(events, lake.head(events).metadata_location)
    lake.upkeep.expire(lake.upkeep.kept(), keep=1, hours=0)
    gone = orphans(lake, delete=True)
    assert len([file for file in gone if file.endswith(".parquet")]) >= COMMITS * 4 + len(old)
    assert read(events, lake.head(events).metadata_location) == head
    assert orphans(lake) == []
    assert lake.check_files(events) == []


def test_orphans_are_not_removed_while_a_stream_lives(
    lake: Lake, events: Contract, pin: Pin, write: Write
) -> None:
    planted = write(events, 5, seq=99)
    with lake.writer_lock(events):
        assert len(orphans(lake)) == len(planted), "looking is allowed"
        with pytest.raises(AdxError, match=r"is writing raw_ad_events\.events") as caught:
            orphans(lake, delete=True)
    assert caught.value.exit_code == ExitCode.BUSY
    assert all(Path(file.path).exists() for file in planted)


def test_orphans_are_not_removed_while_somebody_commits(
    lake: Lake,
    settings: Settings,
    events: Contract,
    pin: Pin,
    write: Write,
    *,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = []

    def look(name: str) -> None:
        if name == "lake.before_metadata":
            with pytest.raises(AdxError, match="is committing") as caught:
                orphans(Lake.open(settings), delete=True)
            refused.append(caught.value.exit_code)

    monkeypatch.setattr("ingestion.lake.fence.failpoint", look)
    land(lake, events, write, 5)
    assert refused == [ExitCode.BUSY]


def test_nothing_is_removed_while_something_that_is_read_is_missing(
    lake: Lake, events: Contract, pin: Pin, write: Write
) -> None:
    planted = write(events, 5, seq=99)
    land(lake, events, write, 1)
    Path(pin.tables[EVENTS].metadata_location).unlink()
    with pytest.raises(AdxError, match=r"which a pin, a build or a pointer reads, is missing"):
        orphans(lake, pin, delete=True)
    assert all(Path(file.path).exists() for file in planted)


COMMIT_POINTS = (
    "lake.before_metadata",
    "lake.before_swap",
    "lake.after_swap",
    "lake.after_pointer",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "point", ["compact.after_file", "compact.after_file:3", "compact.before_commit", *COMMIT_POINTS]
)
def test_a_compaction_killed_anywhere_is_done_or_not(
    lake: Lake,
    settings: Settings,
    events: Contract,
    pin: Pin,
    read: Callable[..., Found],
    *,
    point: str,
) -> None:
    before = read(events, lake.head(events).metadata_location)
    killed_at(point, lambda: compact(Lake.open(settings), pin))
    head = lake.head(events)
    assert head.files == (4 if point in {"lake.after_swap", "lake.after_pointer"} else COMMITS * 4)
    assert read(events, head.metadata_location) == before
    assert lake.pin() == pin
    compact(lake, pin)
    assert lake.head(events).files == 4
    assert read(events, lake.head(events).metadata_location) == before
    orphans(lake, pin, delete=True)
    assert lake.check_files(events) == []
    assert lake.check_files(events, pin.tables[EVENTS].metadata_location) == []


@pytest.mark.slow
@pytest.mark.parametrize("point", [*COMMIT_POINTS, "expire.after_table"])
def test_an_expiry_killed_anywhere_goes_on(
    lake: Lake, settings: Settings, events: Contract, pin: Pin, point: str
) -> None:
    killed_at(point, lambda: forget(Lake.open(settings), pin))
    forget(lake, pin)
    assert lake.head(events).snapshots <= 3
    assert lake.pin() == pin
    assert orphans(lake, pin, delete=True)
    assert lake.check_files(events) == []
    remove_catalog(lake)
    recover_catalog(settings)
    assert Lake.open(settings).pin() == pin


@pytest.mark.slow
def test_removing_orphans_killed_on_its_way_goes_on(
    lake: Lake, settings: Settings, events: Contract, pin: Pin, write: Write
) -> None:
    planted = {file.path for file in write(events, 30, seq=99)}
    killed_at("orphans.after_file:2", lambda: orphans(Lake.open(settings), delete=True))
    left = set(orphans(lake, delete=True))
    assert left < planted
    assert len(left) == len(planted) - 2
    assert orphans(lake) == []
    assert lake.check_files(events) == []


@pytest.mark.slow
def test_readers_notice_nothing_of_upkeep_in_another_process(
    lake: Lake, settings: Settings, events: Contract, pin: Pin, read: Callable[..., Found]
) -> None:
    location = pin.tables[EVENTS].metadata_location
    before = read(events, location)
    done = FORK.Event()

    def keep_up() -> None:
        mine = Lake.open(settings)
        compact(mine, pin)
        forget(mine, pin)
        orphans(mine, pin, delete=True)
        done.set()

    process = FORK.Process(target=keep_up)
    process.start()
    while not done.wait(0.05):
        assert read(events, location) == before
        assert process.is_alive() or done.is_set(), "upkeep failed"
    process.join(60)
    assert process.exitcode == 0
    assert read(events, location) == before


def remove_catalog(lake: Lake) -> None:
    for file in lake.folder.glob("catalog.db*"):
        file.unlink()


def remove_pointers(lake: Lake) -> None:
    for file in (lake.folder / "pointers").rglob("*.json"):
        file.unlink()


def test_a_catalog_is_rebuilt_after_upkeep(
    lake: Lake, settings: Settings, events: Contract, pin: Pin
) -> None:
    compact(lake, pin)
    forget(lake, pin)
    orphans(lake, pin, delete=True)
    before = lake.head(events)
    remove_catalog(lake)
    recover_catalog(settings)
    rebuilt = Lake.open(settings)
    rebuilt.ensure_tables()
    assert rebuilt.head(events) == before
    assert rebuilt.pin() == pin


def test_a_backup_brings_back_a_catalog_whose_pointers_are_lost_too(
    lake: Lake, settings: Settings, events: Contract, pin: Pin
) -> None:
    taken = lake.upkeep.back_up()
    assert taken.is_new
    before = lake.head(events)
    remove_catalog(lake)
    remove_pointers(lake)
    backup.restore_catalog(settings)
    restored = Lake.open(settings)
    restored.ensure_tables()
    assert restored.head(events) == before
    assert restored.pin() == pin
    assert len(pointers(settings.lake_root, "raw_ad_events.events")) == 1


def test_a_restored_catalog_is_never_behind_the_pointers(
    lake: Lake, settings: Settings, events: Contract, pin: Pin, write: Write
) -> None:
    lake.upkeep.back_up()
    land(lake, events, write, 5)
    before = lake.head(events)
    remove_catalog(lake)
    backup.restore_catalog(settings)
    restored = Lake.open(settings)
    restored.ensure_tables()
    assert restored.head(events) == before


def test_a_backup_has_no_note_without_the_rows_that_it_tells_of(
    lake: Lake, events: Contract, pin: Pin, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    pointer_of = backup.pointer_of

    def and_another(table: Table) -> Pointer:
        """Something is landed and pinned while the backup is taken, behind each table."""
        pointer = pointer_of(table)
        land(lake, events, write, 1)
        lake.pin()
        return pointer

    monkeypatch.setattr(backup, "pointer_of", and_another)
    taken = {pointer.table: pointer for pointer in lake.upkeep.back_up().tables}
    monkeypatch.undo()
    last = Pin.from_json(lake_property(taken["ops.pins"], LAST_PIN))
    head = int(lake_property(taken["raw_ad_events.events"], SEQ))
    assert head >= last.tables["ad_events.events"].to_seq


def lake_property(pointer: Pointer, name: str) -> str:
    """A property of a table in the state that a pointer names."""
    metadata = json.loads(storage_of(pointer.metadata_location).read(pointer.metadata_location))
    return str(metadata["properties"][name])


def test_a_backup_of_what_has_not_changed_is_not_written_again(
    lake: Lake, events: Contract, pin: Pin, write: Write, tmp_path: Path
) -> None:
    folder = str(tmp_path / "elsewhere")
    first = lake.upkeep.back_up(folder)
    again = lake.upkeep.back_up(folder)
    assert (first.is_new, again.is_new) == (True, False)
    assert again.location == first.location
    land(lake, events, write, 1)
    assert lake.upkeep.back_up(folder).is_new
    assert len(list(Path(folder).iterdir())) == 2


def test_old_backups_go(
    lake: Lake, pin: Pin, events: Contract, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "_KEPT", 2)
    locations = []
    for _ in range(3):
        land(lake, events, write, 1)
        locations.append(lake.upkeep.back_up().location)
    assert [Path(location).exists() for location in locations] == [False, True, True]


def test_a_catalog_that_is_there_is_not_replaced(lake: Lake, settings: Settings, pin: Pin) -> None:
    lake.upkeep.back_up()
    with pytest.raises(AdxError, match="has a catalog"):
        backup.restore_catalog(settings)


def test_without_a_backup_nothing_is_restored(
    lake: Lake, settings: Settings, pin: Pin, tmp_path: Path
) -> None:
    with pytest.raises(AdxError, match="There is no backup in"):
        backup.restore_catalog(settings)
    with pytest.raises(AdxError, match=r"There is no backup .*x\.json"):
        backup.restore_catalog(settings, str(tmp_path / "x.json"))
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(AdxError, match="is no backup of a catalog"):
        backup.restore_catalog(settings, str(tmp_path / "x.json"))


@pytest.mark.slow
def test_a_restore_killed_on_its_way_is_done_again(
    lake: Lake, settings: Settings, events: Contract, pin: Pin
) -> None:
    lake.upkeep.back_up()
    before = lake.head(events)
    remove_catalog(lake)
    killed_at("recover.after_table:2", lambda: backup.restore_catalog(settings))
    remove_catalog(lake)
    backup.restore_catalog(settings)
    assert Lake.open(settings).head(events) == before


def test_the_status_says_what_there_is_to_do(lake: Lake, pin: Pin) -> None:
    status = lake.upkeep.status(lake.upkeep.kept())
    (events,) = (table for table in status.tables if table.table == EVENTS)
    assert (events.rows, events.files) == (COMMITS * 30, COMMITS * 4)
    assert (events.snapshots, events.pointers) == (COMMITS, COMMITS + 1)
    assert status.kept_pins == [1]
    assert status.backup is None
    taken = lake.upkeep.back_up()
    assert lake.upkeep.status(lake.upkeep.kept()).backup == replace(taken, is_new=False)
