"""The fence in front of batches: packages, files, dlt's state."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from ingestion.contracts import Contract
from ingestion.lake import BatchClaim, Lake, StalePlan, claims, commits, fence, registry
from ingestion.lake.durable import local_path
from ingestion.settings import Settings

MakeRows = Callable[..., pa.Table]


def committed(lake: Lake, contract: Contract) -> list[dict[str, Any]]:
    rows = lake._tables.load(contract).scan().to_arrow().to_pylist()
    return sorted(rows, key=lambda row: (row["_ingest_seq"], row["_source_line"]))


def registered(lake: Lake) -> list[tuple[str, str, str | None, int, int]]:
    return [
        (row["file_name"], row["sha256"], row["supersedes"], row["rows"], row["failed"])
        for row in sorted(
            lake.read_ops("file_registry").to_pylist(), key=lambda row: row["ingest_seq"]
        )
    ]


def test_a_commit_stamps_what_only_it_knows(
    lake: Lake, rates: Contract, make_rows: MakeRows
) -> None:
    before = datetime.now(UTC)
    for number in (1, 2):
        lake.commit_rows(rates, make_rows(rates, 5, seq=99), BatchClaim("fx", f"load {number}"))
    rows = committed(lake, rates)
    assert [row["_ingest_seq"] for row in rows] == [1] * 5 + [2] * 5
    assert all(before <= row["_loaded_at"] <= datetime.now(UTC) for row in rows)
    assert all(row["_load_date"] == row["_loaded_at"].date() for row in rows)


def test_a_package_is_committed_once(lake: Lake, rates: Contract, make_rows: MakeRows) -> None:
    package = BatchClaim("fx", "load 1", position={"until": "2026-03-28"}, state="s", schema="x")
    rows = make_rows(rates, 20)
    first = lake.commit_rows(rates, rows, package)
    again = lake.commit_rows(rates, rows, package)
    assert (first.status, again.status) == ("committed", "already")
    assert (again.ingest_seq, again.rows, again.failed) == (1, 20, 2)
    assert len(committed(lake, rates)) == 20


def test_state_schema_and_position_come_back(
    lake: Lake, rates: Contract, make_rows: MakeRows
) -> None:
    lake.commit_rows(
        rates,
        make_rows(rates, 1),
        BatchClaim("fx", "load 1", position={"a": [1]}, state="state 1", schema="schema 1"),
    )
    lake.commit_rows(
        rates, make_rows(rates, 0), BatchClaim("fx", "load 2", position={"a": [2]}, state="state 2")
    )
    state = lake.head(rates).claims.batch["fx"]
    assert (state.position, state.state, state.schema) == ({"a": [2]}, "state 2", "schema 1")
    assert (state.last_load_id, [load.ingest_seq for load in state.loads]) == ("load 2", [1, 1])
    assert lake.head(rates).ingest_seq == 1


def test_a_package_read_from_an_old_position_is_stale(
    lake: Lake, rates: Contract, make_rows: MakeRows
) -> None:
    lake.commit_rows(rates, make_rows(rates, 1), BatchClaim("fx", "load 1", follows=""))
    lake.commit_rows(rates, make_rows(rates, 1), BatchClaim("fx", "load 2", follows="load 1"))
    with pytest.raises(StalePlan, match="load 2"):
        lake.commit_rows(rates, make_rows(rates, 1), BatchClaim("fx", "load 3", follows="load 1"))
    assert len(committed(lake, rates)) == 2


def test_a_file_is_loaded_once(lake: Lake, clicks: Contract, make_rows: MakeRows) -> None:
    rows = make_rows(clicks, 10, file="a.csv")
    lake.commit_rows(clicks, rows, BatchClaim("clicks", "load 1", files={"11": "a.csv"}))
    again = lake.commit_rows(clicks, rows, BatchClaim("clicks", "load 2", files={"11": "b.csv"}))
    assert (again.status, again.rows) == ("already", 0)
    with pytest.raises(StalePlan, match=r"a\.csv"):
        lake.commit_rows(
            clicks, rows, BatchClaim("clicks", "load 2", files={"11": "a.csv", "22": "c.csv"})
        )
    assert len(committed(lake, clicks)) == 10
    assert lake.loaded_files(clicks, ["11", "22"]) == {"11"}


def test_a_name_with_new_content_supersedes_the_old(
    lake: Lake, clicks: Contract, make_rows: MakeRows
) -> None:
    for load, digest, count in (("1", "11", 10), ("2", "22", 5)):
        rows = make_rows(clicks, count, file="a.csv")
        lake.commit_rows(clicks, rows, BatchClaim("clicks", load, files={digest: "a.csv"}))
    assert registered(lake) == [("a.csv", "11", None, 10, 1), ("a.csv", "22", "11", 5, 0)]


def test_files_leave_the_table_for_the_registry_and_stay_known(
    lake: Lake, clicks: Contract, make_rows: MakeRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "KEPT_FILES", 4)
    monkeypatch.setattr(registry, "_ROOM", 2)
    for number in range(10):
        name = f"{number}.csv"
        rows = make_rows(clicks, 1, file=name)
        lake.commit_rows(clicks, rows, BatchClaim("c", name, files={f"sha {number}": name}))
    kept = lake.head(clicks).claims
    assert len(kept.files) <= 4
    assert kept.files_left == 10 - len(kept.files)
    assert lake.loaded_files(clicks, [f"sha {n}" for n in range(11)]) == {
        f"sha {n}" for n in range(10)
    }
    again = BatchClaim("c", "late", files={"sha 0": "0.csv"})
    assert lake.commit_rows(clicks, make_rows(clicks, 1, file="0.csv"), again).status == "already"
    newer = BatchClaim("c", "new", files={"sha new": "0.csv"})
    lake.commit_rows(clicks, make_rows(clicks, 1, file="0.csv"), newer)
    assert registered(lake)[-1] == ("0.csv", "sha new", "sha 0", 1, 0)
    assert len(committed(lake, clicks)) == 11


def test_a_file_is_registered_before_it_leaves_the_table(
    lake: Lake, clicks: Contract, make_rows: MakeRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "KEPT_FILES", 2)
    monkeypatch.setattr(registry, "_ROOM", 0)
    monkeypatch.setattr(commits.Commits, "_register", lambda *_: None)  # as if it always died here
    for number in range(3):
        rows, name = make_rows(clicks, 1, file=f"{number}.csv"), f"{number}.csv"
        lake.commit_rows(clicks, rows, BatchClaim("c", name, files={f"sha {number}": name}))
    assert list(lake.head(clicks).claims.files) == ["sha 1", "sha 2"]
    assert [file[0] for file in registered(lake)] == ["0.csv"]


def test_a_file_whose_registration_was_lost_is_registered_when_it_comes_again(
    lake: Lake, clicks: Contract, make_rows: MakeRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = BatchClaim("clicks", "load 1", files={"11": "a.csv"})
    rows = make_rows(clicks, 10, file="a.csv")
    with monkeypatch.context() as patched:
        patched.setattr(registry.FileRegistry, "register", lambda *_: None)
        lake.commit_rows(clicks, rows, package)
    assert registered(lake) == []
    lake.commit_rows(clicks, rows, package)
    lake.loaded_files(clicks, ["11"])
    assert registered(lake) == [("a.csv", "11", None, 10, 1)]


def test_a_lost_race_is_written_again_with_the_new_number(
    lake: Lake,
    settings: Settings,
    rates: Contract,
    make_rows: MakeRows,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rival = Lake.open(settings)
    rows = make_rows(rates, 10)
    pending = [lambda: rival.commit_rows(rates, rows, BatchClaim("rival", "load 1"))]

    def hook(name: str) -> None:
        if name == "lake.before_metadata" and pending:
            pending.pop()()

    monkeypatch.setattr(fence, "failpoint", hook)
    result = lake.commit_rows(rates, rows, BatchClaim("fx", "load 1"))
    assert (result.status, result.ingest_seq) == ("committed", 2)
    found = committed(lake, rates)
    assert [row["_ingest_seq"] for row in found] == [1] * 10 + [2] * 10
    on_disk = list(local_path(lake.location(rates)).rglob("*.parquet"))
    assert len(on_disk) == 2, "the files of the lost try are gone"


def test_two_packages_with_one_file_are_loaded_once(
    lake: Lake,
    settings: Settings,
    clicks: Contract,
    make_rows: MakeRows,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rival = Lake.open(settings)
    rows = make_rows(clicks, 10, file="a.csv")
    files = {"11": "a.csv"}
    pending = [lambda: rival.commit_rows(clicks, rows, BatchClaim("c", "theirs", files=files))]

    def hook(name: str) -> None:
        if name == "lake.before_metadata" and pending:
            pending.pop()()

    monkeypatch.setattr(fence, "failpoint", hook)
    assert lake.commit_rows(clicks, rows, BatchClaim("c", "ours", files=files)).status == "already"
    assert len(committed(lake, clicks)) == 10


def test_what_a_pipeline_remembers_is_bounded(
    lake: Lake, rates: Contract, make_rows: MakeRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "KEPT_LOADS", 3)
    for number in range(5):
        lake.commit_rows(rates, make_rows(rates, 0), BatchClaim("fx", f"load {number}"))
    assert [load.load_id for load in lake.head(rates).claims.batch["fx"].loads] == [
        "load 2",
        "load 3",
        "load 4",
    ]


def test_rows_in_another_schema_are_refused(
    lake: Lake, rates: Contract, make_rows: MakeRows
) -> None:
    rows = make_rows(rates, 3)
    wrong = rows.set_column(0, "rate_date", rows.column("rate_date").cast(pa.string()))
    with pytest.raises(ValueError, match="raw schema"):
        lake.commit_rows(rates, wrong, BatchClaim("fx", "load 1"))
    assert lake.head(rates).snapshot_id is None
    assert commits.snapshot_id_of(lake._tables.load(rates)) is None
