"""The pipeline of one table: frozen columns, stale and damaged packages, one process at a time."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from ingestion.contracts import load_contract, raw_schema
from ingestion.errors import AdxError, ExitCode
from ingestion.lake import Lake
from ingestion.settings import Settings
from ingestion.sources import lake_destination, locks, pipeline
from ingestion.sources.pipeline import (
    Claim,
    StalePackageError,
    TablePipeline,
    configure_dlt,
    open_pipeline,
)

pytestmark = pytest.mark.slow

TABLES = ("campaigns.publishers",)
CONTRACT = load_contract("campaigns", "publishers")
SCHEMA = raw_schema(CONTRACT)


def rows(*keys: str) -> pa.Table:
    time = datetime(2026, 3, 1, tzinfo=UTC)
    return pa.Table.from_pylist(
        [{"publisher_id": key, "name": key, "domain": "d", "updated_at": time} for key in keys],
        schema=SCHEMA,
    )


@pytest.fixture
def lake(settings: Settings) -> Lake:
    configure_dlt(settings)
    lake = Lake.open(settings)
    lake.ensure_tables()
    return lake


@pytest.fixture
def publishers(settings: Settings, lake: Lake):
    with open_pipeline(settings, lake, CONTRACT) as opened:
        opened.drain()
        yield opened


def at(position: object):
    return lambda _: Claim(position)


def keys_of(raw):
    return [row["publisher_id"] for row in raw("campaigns.publishers")]


def test_position_and_rows_outlive_the_working_folder(settings, lake, publishers, raw):
    publishers.load(rows("p1"), at({"cursor": 1}))
    shutil.rmtree(settings.dlt / publishers.name)
    again = TablePipeline(settings, lake, CONTRACT)
    again.drain()
    assert again.position == {"cursor": 1}
    again.load(rows("p2"), at({"cursor": 2}))
    assert again.position == {"cursor": 2}
    assert keys_of(raw) == ["p1", "p2"]


def test_dlt_restores_its_own_state_from_the_table(settings, lake, publishers):
    publishers.load(rows("p1"), at({"cursor": 1}))
    publishers.load(rows("p2"), at({"cursor": 2}))
    shutil.rmtree(settings.dlt / publishers.name)
    again = TablePipeline(settings, lake, CONTRACT)
    again._pipeline = again._connected()
    again._pipeline.sync_destination()
    state = again._pipeline.state
    assert state["sources"][again.name]["position"] == {"cursor": 2}
    assert state["_state_version"] == 2


@pytest.mark.parametrize(
    "flawed",
    [
        rows("p1").append_column("surprise", pa.array(["x"])),
        rows("p1").set_column(0, "publisher_id", pa.array([1])),
    ],
    ids=["unknown column", "other type"],
)
@pytest.mark.parametrize("first", [True, False], ids=["first load", "later load"])
def test_columns_are_frozen_from_the_first_row_on(publishers, raw, flawed, first):
    if not first:
        publishers.load(rows("p0"), at(0))
    with pytest.raises(PipelineStepFailed):
        publishers.load(flawed, at(1))
    assert keys_of(raw) == ([] if first else ["p0"])
    publishers.drain()
    publishers.load(rows("p2"), at(2))
    assert keys_of(raw)[-1] == "p2"


def test_a_package_that_was_overtaken_is_dropped_and_the_position_read_again(
    settings, lake, publishers, raw, tmp_path
):
    elsewhere = settings.model_copy(update={})
    elsewhere.__dict__["dlt"] = tmp_path / "another host"
    with open_pipeline(elsewhere, lake, CONTRACT) as other:
        other.drain()
        other.load(rows("p1"), at("theirs"))
    with pytest.raises(StalePackageError):
        publishers.load(rows("p1"), at("ours"))
    assert publishers.position == "theirs"
    publishers.load(rows("p2"), at("ours"))
    assert keys_of(raw) == ["p1", "p2"]


class _Death(BaseException):
    """Stands for a kill: nothing of ours catches it."""


def dying_at(point: str):
    def failpoint(name: str) -> None:
        if name == point:
            raise _Death

    return failpoint


def packages(settings: Settings) -> list[Path]:
    return list((settings.dlt / "campaigns_publishers").rglob("publishers.*.parquet"))


@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing"])
def test_a_damaged_package_is_dropped_and_its_rows_are_loaded_again(
    settings, publishers, raw, monkeypatch, damage
):
    monkeypatch.setattr(pipeline, "failpoint", dying_at("dlt.after_extract"))
    with pytest.raises(_Death):
        publishers.load(rows("p1"), at(1))
    monkeypatch.undo()
    (package,) = packages(settings)
    content = bytearray(package.read_bytes())
    if damage == "truncated":
        package.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[60] ^= 0xFF
        package.write_bytes(content)
    else:
        package.unlink()
    assert publishers.drain() == []
    assert publishers.position is None
    publishers.load(rows("p1"), at(1))
    assert keys_of(raw) == ["p1"]


def test_a_torn_state_file_does_not_stop_the_next_landing(settings, publishers, raw, monkeypatch):
    monkeypatch.setattr(pipeline, "failpoint", dying_at("dlt.after_extract"))
    with pytest.raises(_Death):
        publishers.load(rows("p1"), at(1))
    monkeypatch.undo()
    (settings.dlt / publishers.name / "state.json").write_text('{"_state')
    publishers.drain()
    publishers.load(rows("p1"), at(1))
    assert keys_of(raw) == ["p1"]


def test_a_full_disk_during_the_commit_keeps_the_package(settings, publishers, raw, monkeypatch):
    def full(*_: object) -> None:
        raise AdxError("full", remedy="", exit_code=ExitCode.UNAVAILABLE)

    monkeypatch.setattr(Lake, "commit_rows", full)
    with pytest.raises(AdxError, match="full"):
        publishers.load(rows("p1"), at(1))
    monkeypatch.undo()
    (result,) = publishers.drain()
    assert (result.status, result.rows) == ("committed", 1)
    assert keys_of(raw) == ["p1"]


def test_a_package_that_is_committed_but_not_marked_is_not_committed_again(
    publishers, raw, monkeypatch
):
    monkeypatch.setattr(lake_destination, "failpoint", dying_at("dlt.after_commit"))
    with pytest.raises(_Death):
        publishers.load(rows("p1"), at(1))
    monkeypatch.undo()
    (result,) = publishers.drain()
    assert result.status == "already"
    assert keys_of(raw) == ["p1"]
    assert publishers.position == 1


def test_a_claim_without_rows_is_committed(publishers, lake):
    publishers.load(SCHEMA.empty_table(), at("moved on"))
    assert publishers.position == "moved on"
    assert lake.head(CONTRACT).ingest_seq == 0


def test_a_second_landing_of_the_same_table_is_told_to_wait(
    settings, lake, publishers, monkeypatch
):
    monkeypatch.setattr(pipeline, "_LOCK_WAIT_SECONDS", 0.1)
    with (
        pytest.raises(AdxError, match=r"already landing campaigns\.publishers") as error,
        open_pipeline(settings, lake, CONTRACT),
    ):
        pass
    assert error.value.exit_code == ExitCode.BUSY


def test_a_lock_is_free_when_its_holder_lets_go(tmp_path):
    with locks.exclusive(tmp_path / "x.lock", "x", 0.0):
        assert locks.try_lock(tmp_path / "x.lock") is None
    with locks.exclusive(tmp_path / "x.lock", "x", 0.0):
        pass


def test_the_claim_names_the_pipeline_of_the_table(publishers, lake):
    publishers.load(rows("p1"), at(1))
    assert set(lake.head(CONTRACT).claims.batch) == {"campaigns_publishers"}
