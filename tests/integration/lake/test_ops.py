"""The `ops` tables: append-only, each row once."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.lake import Lake, fence, new_run_id, ops
from ingestion.settings import Settings

AT = datetime(2026, 3, 28, 12, tzinfo=UTC)


def ledger_row(number: int, subject: str = "ad_events.events") -> dict[str, Any]:
    return {
        "run_id": f"run {number:04d}",
        "kind": "land_stream",
        "subject": subject,
        "started_at": AT,
        "finished_at": AT,
        "read": 10,
        "loaded": 9,
        "failed": 1,
        "details": "{}",
    }


def run_ids(lake: Lake) -> list[str]:
    return [row["run_id"] for row in lake.read_ops("run_ledger").to_pylist()]


def test_a_row_comes_back_as_it_was_given(lake: Lake) -> None:
    assert lake.append_ops("run_ledger", [ledger_row(1)]) == 1
    assert lake.read_ops("run_ledger").to_pylist() == [
        {
            "row_key": "run 0001|land_stream|ad_events.events",
            **ledger_row(1),
            "bytes": None,
            "ingest_seq": None,
        }
    ]


def test_a_repeated_append_adds_what_is_new(lake: Lake) -> None:
    assert lake.append_ops("run_ledger", [ledger_row(1), ledger_row(2)]) == 2
    location = lake.ops_location("run_ledger")
    assert lake.append_ops("run_ledger", [ledger_row(2), ledger_row(1)]) == 0
    assert lake.ops_location("run_ledger") == location
    assert lake.append_ops("run_ledger", [ledger_row(2), ledger_row(3)]) == 1
    assert lake.append_ops("run_ledger", []) == 0
    assert run_ids(lake) == ["run 0001", "run 0002", "run 0003"]


def test_one_key_twice_in_one_append_is_one_row(lake: Lake) -> None:
    assert lake.append_ops("run_ledger", [ledger_row(1), ledger_row(1)]) == 1
    assert run_ids(lake) == ["run 0001"]


def test_keys_older_than_what_the_table_remembers_are_looked_up(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ops, "_KEPT_KEYS", 2)
    for number in (5, 6, 7, 8):
        lake.append_ops("run_ledger", [ledger_row(number)])
    assert lake.append_ops("run_ledger", [ledger_row(5), ledger_row(8)]) == 0
    assert lake.append_ops("run_ledger", [ledger_row(1), ledger_row(6)]) == 1
    assert lake.append_ops("run_ledger", [ledger_row(1)]) == 0
    assert run_ids(lake) == [f"run {number:04d}" for number in (1, 5, 6, 7, 8)]


def test_a_lost_race_adds_each_row_once(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rival = Lake.open(settings)
    pending = [lambda: rival.append_ops("run_ledger", [ledger_row(1), ledger_row(2)])]

    def hook(name: str) -> None:
        if name == "lake.before_metadata" and pending:
            pending.pop()()

    monkeypatch.setattr(fence, "failpoint", hook)
    assert lake.append_ops("run_ledger", [ledger_row(2), ledger_row(3)]) == 1
    assert run_ids(lake) == ["run 0001", "run 0002", "run 0003"]


def test_unknown_columns_and_missing_keys_are_refused(lake: Lake) -> None:
    with pytest.raises(ValueError, match="surprise"):
        lake.append_ops("run_ledger", [ledger_row(1) | {"surprise": 1}])
    with pytest.raises(ValueError, match="subject"):
        lake.append_ops("run_ledger", [ledger_row(1) | {"subject": None}])


def test_run_ids_sort_by_time() -> None:
    ids = [new_run_id("build") for _ in range(5)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 5
