from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingestion.contracts import load_contract
from ingestion.lake import Lake, StreamClaim
from ingestion.settings import Settings
from ingestion.streaming.ledger import BatchLedger

CONTRACT = load_contract("user_events", "events")
CLAIM = StreamClaim("user-events", "id-1", {0: 0, 1: 0}, {0: 5, 1: 7})


def row(run_id: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    names = {"run_id": run_id, "kind": "land_stream", "subject": CONTRACT.name}
    return {**names, "started_at": now, "finished_at": now, "read": 12}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = Lake.open(Settings(home=tmp_path_factory.mktemp("ledger")))
    made.ensure_tables()
    return made


@pytest.fixture
def ledger(lake: Lake, tmp_path: Path) -> Callable[[], BatchLedger]:
    """The ledger as each process of a topic opens it."""
    return lambda: BatchLedger(lake, CONTRACT, tmp_path / "pending")


def recorded(lake: Lake) -> set[str]:
    return set(lake.read_ops("run_ledger").column("run_id").to_pylist())


def test_rows_of_a_killed_run_are_appended_once(
    lake: Lake, ledger: Callable[[], BatchLedger]
) -> None:
    before = lake.read_ops("run_ledger").num_rows
    first = ledger()
    first.add(row("one"))
    first.add(row("two"))
    assert "one" not in recorded(lake)
    ledger().recover()
    assert {"one", "two"} <= recorded(lake)
    ledger().add(row("two"))  # as if the run had died between append and forgetting
    ledger().recover()
    assert lake.read_ops("run_ledger").num_rows == before + 2


def test_a_batch_that_was_killed_before_its_commit_leaves_no_row(
    lake: Lake, ledger: Callable[[], BatchLedger]
) -> None:
    ledger().intend(row("uncommitted"), CLAIM)
    ledger().recover()
    lake.commit_files(CONTRACT, [], CLAIM, expected_seq=0)
    ledger().recover()
    assert "uncommitted" not in recorded(lake)


def test_a_batch_that_was_killed_behind_its_commit_leaves_its_row(
    lake: Lake, ledger: Callable[[], BatchLedger]
) -> None:
    claim = StreamClaim("other", "id-2", {0: 0}, {0: 5})
    ledger().intend(row("committed"), claim)
    lake.commit_files(CONTRACT, [], claim, expected_seq=0)
    ledger().recover()
    assert "committed" in recorded(lake)


@pytest.mark.parametrize("left", [b"", b"\0" * 100, b'{"topic_id": "id'])
def test_an_intent_that_a_power_cut_has_left_without_content_holds_up_nothing(
    lake: Lake, ledger: Callable[[], BatchLedger], tmp_path: Path, left: bytes
) -> None:
    ledger().intend(row("cut"), CLAIM)
    (intent,) = tmp_path.rglob("*.intent")
    intent.write_bytes(left)
    ledger().recover()
    assert not intent.exists()
    assert "cut" not in recorded(lake)


@pytest.mark.parametrize("half", ['{"run_id": "half", "read', '{"run_id": "half", "details": "{}'])
def test_a_half_written_line_is_no_row_and_spoils_no_other(
    half: str, lake: Lake, ledger: Callable[[], BatchLedger], tmp_path: Path
) -> None:
    ledger().add(row(f"whole before {half}"))
    (pending,) = (tmp_path / "pending").glob("*.jsonl")
    with pending.open("a") as file:
        file.write(half)
    ledger().add(row(f"whole behind {half}"))
    with pending.open("a") as file:
        file.write(half)
    ledger().recover()
    assert {f"whole before {half}", f"whole behind {half}"} <= recorded(lake)
    assert not pending.exists()
