"""The fence in front of a stream's files."""

import errno
from collections.abc import Callable
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from ingestion.contracts import Contract
from ingestion.errors import AdxError, ExitCode
from ingestion.lake import DataFile, Lake, StalePlan, StreamClaim, fence
from ingestion.settings import Settings

Write = Callable[..., list[DataFile]]
TOPIC_ID = "Zm9vYmFyYmF6cXV4MTIzNA"


def claim(start: dict[int, int], end: dict[int, int], topic_id: str = TOPIC_ID) -> StreamClaim:
    return StreamClaim("ad-events", topic_id, start, end)


def offsets(lake: Lake, contract: Contract) -> list[int]:
    """Every row of the table, by its number."""
    table = lake._tables.load(contract)
    return sorted(table.scan().to_arrow().column("_kafka_offset").to_pylist())


def test_rows_and_offsets_are_committed_together(
    lake: Lake, events: Contract, write: Write
) -> None:
    result = lake.commit_files(
        events, write(events, 30, seq=1), claim({0: 0, 1: 0}, {0: 20, 1: 10}), expected_seq=0
    )
    assert (result.status, result.ingest_seq, result.rows, result.failed) == ("committed", 1, 30, 3)
    head = lake.head(events)
    assert (head.ingest_seq, head.snapshot_id) == (1, result.snapshot_id)
    assert lake.stream_position(events) == {TOPIC_ID: {0: 20, 1: 10}}
    assert offsets(lake, events) == list(range(30))


def test_a_replayed_claim_writes_nothing(lake: Lake, events: Contract, write: Write) -> None:
    files = write(events, 10, seq=1)
    lake.commit_files(events, files, claim({0: 0}, {0: 10}), expected_seq=0)
    before = lake.head(events)
    again = lake.commit_files(events, files, claim({0: 0}, {0: 10}), expected_seq=0)
    assert (again.status, again.rows) == ("already", 0)
    assert lake.head(events) == before


def test_a_gap_halts(lake: Lake, events: Contract, write: Write) -> None:
    lake.commit_files(events, write(events, 10, seq=1), claim({0: 0}, {0: 10}), expected_seq=0)
    with pytest.raises(AdxError, match="Offsets 10 to 11 of ad-events") as caught:
        lake.commit_files(events, [], claim({0: 12}, {0: 15}), expected_seq=1)
    assert caught.value.exit_code == ExitCode.DATA


@pytest.mark.parametrize("start", [{0: 5, 1: 0}, {0: 0, 1: 0}])
def test_an_overlap_is_planned_again(
    lake: Lake, events: Contract, write: Write, start: dict[int, int]
) -> None:
    lake.commit_files(events, write(events, 10, seq=1), claim({0: 0}, {0: 10}), expected_seq=0)
    with pytest.raises(StalePlan):
        lake.commit_files(events, [], claim(start, {0: 15, 1: 5}), expected_seq=1)
    assert lake.stream_position(events) == {TOPIC_ID: {0: 10}}


def test_a_plan_on_an_old_head_is_planned_again(lake: Lake, events: Contract, write: Write) -> None:
    lake.commit_files(events, write(events, 10, seq=1), claim({0: 0}, {0: 10}), expected_seq=0)
    with pytest.raises(StalePlan):
        lake.commit_files(events, write(events, 1, seq=1), claim({0: 10}, {0: 11}), expected_seq=0)


def test_a_commit_without_rows_moves_offsets_and_keeps_the_sequence(
    lake: Lake, events: Contract, write: Write
) -> None:
    lake.commit_files(events, write(events, 10, seq=1), claim({0: 0}, {0: 10}), expected_seq=0)
    before = lake.head(events)
    result = lake.commit_files(events, [], claim({0: 10}, {0: 12}), expected_seq=1)
    after = lake.head(events)
    assert (result.status, result.ingest_seq, after.ingest_seq) == ("committed", 1, 1)
    assert after.snapshot_id != before.snapshot_id
    assert lake.stream_position(events) == {TOPIC_ID: {0: 12}}


def test_a_recreated_topic_starts_at_its_own_offsets(
    lake: Lake, events: Contract, write: Write
) -> None:
    lake.commit_files(events, write(events, 10, seq=1), claim({0: 0}, {0: 10}), expected_seq=0)
    other = claim({0: 0}, {0: 4}, topic_id="other")
    lake.commit_files(events, write(events, 4, seq=2, start=10), other, expected_seq=1)
    assert lake.stream_position(events) == {TOPIC_ID: {0: 10}, "other": {0: 4}}


def test_files_with_another_sequence_number_are_refused(
    lake: Lake, events: Contract, write: Write
) -> None:
    with pytest.raises(ValueError, match="_ingest_seq"):
        lake.commit_files(events, write(events, 5, seq=7), claim({0: 0}, {0: 5}), expected_seq=0)
    assert lake.head(events).snapshot_id is None


def test_a_file_that_differs_from_its_descriptor_is_refused(
    lake: Lake, events: Contract, write: Write
) -> None:
    file = write(events, 5, seq=1)[0]
    wrong = DataFile(file.path, file.partition_date, file.rows + 1, file.failed, file.bytes)
    with pytest.raises(ValueError, match="descriptor"):
        lake.commit_files(events, [wrong], claim({0: 0}, {0: 5}), expected_seq=0)


def rival_commits_first(monkeypatch: pytest.MonkeyPatch, commit: Callable[[], Any]) -> None:
    """Let a rival commit once, exactly between our look at the table and our commit."""
    pending = [commit]

    def hook(name: str) -> None:
        if name == "lake.before_metadata" and pending:
            pending.pop()()

    monkeypatch.setattr(fence, "failpoint", hook)


def test_of_two_writers_of_one_range_one_wins(
    lake: Lake,
    settings: Settings,
    events: Contract,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rival, ours, theirs = Lake.open(settings), write(events, 10, seq=1), write(events, 10, seq=1)
    same = claim({0: 0}, {0: 10})
    rival_commits_first(
        monkeypatch, lambda: rival.commit_files(events, theirs, same, expected_seq=0)
    )
    assert lake.commit_files(events, ours, same, expected_seq=0).status == "already"
    assert offsets(lake, events) == list(range(10))


def test_of_two_writers_of_other_ranges_the_loser_plans_again(
    lake: Lake,
    settings: Settings,
    events: Contract,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rival, ours, theirs = Lake.open(settings), write(events, 10, seq=1), write(events, 5, seq=1)
    rival_commits_first(
        monkeypatch,
        lambda: rival.commit_files(events, theirs, claim({0: 0}, {0: 5}), expected_seq=0),
    )
    with pytest.raises(StalePlan):
        lake.commit_files(events, ours, claim({0: 0}, {0: 10}), expected_seq=0)
    assert offsets(lake, events) == list(range(5))


def test_of_two_writers_without_rows_one_wins(
    lake: Lake, settings: Settings, events: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    rival = Lake.open(settings)
    rival_commits_first(
        monkeypatch,
        lambda: rival.commit_files(events, [], claim({0: 0}, {0: 5}), expected_seq=0),
    )
    with pytest.raises(StalePlan):
        lake.commit_files(events, [], claim({0: 0}, {0: 8}), expected_seq=0)
    assert lake.stream_position(events) == {TOPIC_ID: {0: 5}}


@pytest.mark.parametrize("landed", [True, False])
def test_an_error_of_the_catalog_is_not_believed(
    lake: Lake,
    events: Contract,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    *,
    landed: bool,
) -> None:
    """The answer to a commit can get lost: what counts is what the table says afterwards."""
    real = SqlCatalog.commit_table

    def unlucky(*arguments: Any) -> Any:
        if landed:
            real(*arguments)
        raise OSError(errno.EIO, "the line went dead")

    files = write(events, 10, seq=1)
    with monkeypatch.context() as patched:
        patched.setattr(SqlCatalog, "commit_table", unlucky)
        if landed:
            result = lake.commit_files(events, files, claim({0: 0}, {0: 10}), expected_seq=0)
            assert (result.status, result.rows) == ("committed", 10)
        else:
            with pytest.raises(AdxError, match="the line went dead"):
                lake.commit_files(events, files, claim({0: 0}, {0: 10}), expected_seq=0)
    again = lake.commit_files(events, files, claim({0: 0}, {0: 10}), expected_seq=0)
    assert again.status == ("already" if landed else "committed")
    assert offsets(lake, events) == list(range(10))


def test_old_snapshots_are_forgotten_and_no_row_is(
    lake: Lake, events: Contract, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fence, "_MOST_SNAPSHOTS", 6)
    monkeypatch.setattr(fence, "_KEPT_SNAPSHOTS", 2)
    pinned = None
    for number in range(12):
        files = write(events, 1, seq=number + 1, start=number)
        lake.commit_files(events, files, claim({0: number}, {0: number + 1}), expected_seq=number)
        pinned = pinned or lake.pin()
    assert len(lake._tables.load(events).snapshots()) <= 6
    assert offsets(lake, events) == list(range(12))
    assert pinned is not None
    assert lake.check_files(events, pinned.tables["ad_events.events"].metadata_location) == []
