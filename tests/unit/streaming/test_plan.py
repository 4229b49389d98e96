from pathlib import Path

import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.lake import DataFile
from ingestion.streaming.plan import (
    Descriptor,
    DriverState,
    QueryPlan,
    unwrap_error,
    wrap_error,
)
from ingestion.streaming.query import claim_of, files_of


def plan(folder: Path, end: dict[int, int] | None) -> QueryPlan:
    return QueryPlan(
        topic="ad-events",
        topic_id="id-1",
        source="ad_events",
        table="events",
        version=1,
        contracts="",
        location="/lake/events",
        start={0: 3, 10: 4},
        end=end,
        most_records=100,
        folder=str(folder),
        settings="{}",
        keys="0011",
    )


def descriptor(partition: int, read: int, rows: int) -> Descriptor:
    file = DataFile(f"/lake/{partition}.parquet", "2026-03-28", rows, 0, 1000)
    return Descriptor(partition, 5, 5 + read, 2, [file.to_dict()], read, {"parse": 1}, 0)


@pytest.mark.parametrize("end", [None, {0: 7, 10: 9}])
def test_a_plan_survives_its_way_through_spark(tmp_path: Path, end: dict[int, int] | None) -> None:
    assert QueryPlan.from_json(plan(tmp_path, end).to_json()) == plan(tmp_path, end)


def test_a_descriptor_survives_its_way_through_spark() -> None:
    assert Descriptor.from_json(descriptor(1, 10, 10).to_json()) == descriptor(1, 10, 10)


def test_an_error_survives_its_way_through_a_stack_trace() -> None:
    error = AdxError('Disk "x" <full>.', remedy="Free\nsome.", exit_code=ExitCode.UNAVAILABLE)
    told = unwrap_error(f"Job aborted: RuntimeError: {wrap_error(error)}\n\tat org.apache")
    assert told is not None
    assert (told.message, told.remedy, told.exit_code) == (
        error.message,
        error.remedy,
        error.exit_code,
    )


def test_a_text_of_somebody_else_carries_no_error() -> None:
    assert unwrap_error("java.lang.IllegalStateException: <adx-error> half") is None


def test_the_driver_tells_planners_the_newest_commit(tmp_path: Path) -> None:
    state = DriverState(plan(tmp_path / "not" / "yet", None))
    state.write(41)
    state.write(42)
    assert DriverState(plan(tmp_path / "not" / "yet", None)).read() == 42


@pytest.mark.parametrize("damage", [b"", b"4", b"42", b"42 ", b"43 00000000", b"\xff\x00"])
def test_a_damaged_number_is_never_planned_on(tmp_path: Path, damage: bytes) -> None:
    state = DriverState(plan(tmp_path, None))
    state.write(42)
    (tmp_path / "ingest_seq").write_bytes(damage)
    with pytest.raises(ValueError, match=r"damaged|invalid|decode"):
        state.read()


def test_a_claim_is_what_the_tasks_say_they_covered() -> None:
    claim = claim_of("ad-events", "id-1", [descriptor(0, 10, 10), descriptor(3, 20, 20)])
    assert (claim.start, claim.end) == ({0: 5, 3: 5}, {0: 15, 3: 25})


def test_two_tasks_on_one_partition_are_never_committed() -> None:
    with pytest.raises(ValueError, match="covered one partition"):
        claim_of("ad-events", "id-1", [descriptor(0, 10, 10), descriptor(0, 10, 10)])


def test_files_with_fewer_rows_than_records_are_never_committed() -> None:
    with pytest.raises(ValueError, match="20 records were read, but the files hold 19 rows"):
        files_of([descriptor(0, 10, 10), descriptor(1, 10, 9)])
