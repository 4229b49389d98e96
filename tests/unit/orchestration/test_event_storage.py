"""The event log that keeps its connections open says what Dagster's own would, to everybody."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import dagster as dg
import pytest
import sqlalchemy
from dagster import DagsterEventType
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from ingestion.settings import Settings
from orchestration.lib.dagster_home import ensure_dagster_home
from orchestration.lib.event_storage import OpenEventLogStorage


@dg.asset
def table(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"rows": 3})


@dg.asset_check(asset=table)
def is_right() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    home = ensure_dagster_home(Settings(home=tmp_path))
    with dg.DagsterInstance.from_config(str(home)) as made:
        yield made


def test_other_processes_see_every_event_while_it_is_open(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    assert isinstance(instance.event_log_storage, OpenEventLogStorage)
    runs = [dg.materialize([table, is_right], instance=instance) for _ in range(10)]
    stock = SqliteEventLogStorage(str(tmp_path / "dagster" / "history" / "runs"))
    for run in runs:
        ours = [entry.message for entry in instance.all_logs(run.run_id)]
        assert [entry.message for entry in stock.get_logs_for_run(run.run_id)] == ours
        assert len(ours) > 8
    newest = instance.get_latest_materialization_event(table.key)
    assert newest is not None
    assert newest.run_id == runs[-1].run_id
    checks = stock.get_latest_asset_check_execution_by_key(list(is_right.check_keys))
    assert {record.run_id for record in checks.values()} == {runs[-1].run_id}


def test_who_watches_a_run_is_told_while_it_runs(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """As the web server does, from a process of its own: by looking at the run's file."""
    watcher = SqliteEventLogStorage(str(tmp_path / "dagster" / "history" / "runs"))
    begun = Event()

    def told(entry: dg.EventLogEntry, _: str) -> None:
        if entry.dagster_event_type is DagsterEventType.STEP_START:
            begun.set()

    @dg.op
    def waiting() -> None:
        assert begun.wait(20), "nobody was told that the step has begun"

    @dg.job
    def waiting_job() -> None:
        waiting()

    run_id = str(uuid.uuid4())
    watcher.watch(run_id, None, told)
    try:
        assert waiting_job.execute_in_process(instance=instance, run_id=run_id).success
    finally:
        watcher.dispose()


def test_the_events_that_plan_a_run_are_written_together(instance: dg.DagsterInstance) -> None:
    specs = [dg.AssetSpec(f"table_{number}") for number in range(20)]
    checks = [dg.AssetCheckSpec("is_right", asset=spec.key) for spec in specs]

    @dg.multi_asset(specs=specs, check_specs=checks)
    def tables() -> Iterator[dg.MaterializeResult[None]]:
        yield from ()

    definitions = dg.Definitions([tables], jobs=[dg.define_asset_job("all_tables")])
    written: list[str] = []

    def commits(connection: sqlalchemy.Connection) -> None:
        written.append(str(connection.engine.url.database))

    sqlalchemy.event.listen(sqlalchemy.Engine, "commit", commits)
    try:
        run = instance.create_run_for_job(definitions.resolve_job_def("all_tables"))
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "commit", commits)
    planned = [entry.dagster_event_type for entry in instance.all_logs(run.run_id)]
    assert planned.count(DagsterEventType.ASSET_MATERIALIZATION_PLANNED) == 20
    assert planned.count(DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED) == 20
    stored = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [check.key for check in checks]
    )
    assert {record.run_id for record in stored.values()} == {run.run_id}
    assert len(stored) == 20
    assert sum(run.run_id in file for file in written) < 5  # the database is made, too
    assert sum(file.endswith("index.db") for file in written) < 5


def test_a_batch_that_cannot_be_written_whole_is_not_written_at_all(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = dg.materialize([table, is_right], instance=instance)
    storage = instance.event_log_storage
    before = storage.get_logs_for_run(run.run_id)
    asset = [entry for entry in before if entry.dagster_event_type in _OF_ASSETS]
    real, stored = SqliteEventLogStorage.store_event, []

    def breaks(self: SqliteEventLogStorage, entry: dg.EventLogEntry) -> None:
        real(self, entry)
        stored.append(entry)
        if len(stored) == 2:
            raise OSError("the disk is gone")

    monkeypatch.setattr(SqliteEventLogStorage, "store_event", breaks)
    with pytest.raises(OSError, match="the disk is gone"):
        storage.store_event_batch(asset)
    assert len(asset) >= len(stored) == 2
    assert storage.get_logs_for_run(run.run_id) == before
    assert len(instance.fetch_materializations(table.key, limit=9).records) == 1


_OF_ASSETS = {
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_MATERIALIZATION,
}
