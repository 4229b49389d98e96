"""The event log that keeps its connections open says what Dagster's own would, to everybody."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import dagster as dg
import pytest
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
