"""Dagster's home folder, and runs of its jobs without its daemon."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from ingestion.settings import Settings
from orchestration.lib.lost_runs import fail_lost_runs

_INSTANCE = """\
telemetry:
  enabled: false
nux:
  enabled: false
event_log_storage:
  module: orchestration.lib.event_storage
  class: OpenEventLogStorage
  config:
    base_dir: {events}
run_storage:
  module: dagster._core.storage.runs
  class: SqliteRunStorage
  config:
    base_dir: {runs}
schedule_storage:
  module: dagster._core.storage.schedules
  class: SqliteScheduleStorage
  config:
    base_dir: {schedules}
run_launcher:
  module: orchestration.lib.run_launcher
  class: WatchedRunLauncher
run_monitoring:
  enabled: true
  poll_interval_seconds: 15
  free_slots_after_run_end_seconds: 60
run_retries:
  # Runs whose process was killed, whoever started them: a job, a click in the graph, a backfill.
  enabled: true
  max_retries: 1
  retry_on_asset_or_op_failure: false
freshness:
  enabled: true
concurrency:
  runs:
    max_concurrent_runs: 4
  pools:
    granularity: run
    default_limit: 1
retention:
  schedule:
    purge_after_days: 30
  sensor:
    purge_after_days:
      skipped: 2
      failure: 30
      success: 30
"""
_MARK = "# Made by AdvertiseX; an edited file is kept as it is. "


def _stamped(text: str) -> str:
    return f"{_MARK}{hashlib.sha256(text.encode()).hexdigest()[:16]}\n{text}"


def _is_edited(text: str) -> bool:
    _, _, body = text.partition("\n")
    return text != _stamped(body)


def ensure_dagster_home(settings: Settings) -> Path:
    """Make Dagster's home and its `dagster.yaml`; one that a person has edited is kept."""
    home = settings.dagster
    home.mkdir(parents=True, exist_ok=True)
    configuration = home / "dagster.yaml"
    if not configuration.exists() or not _is_edited(configuration.read_text(encoding="utf-8")):
        # The folders are Dagster's own defaults; naming one storage means naming all.
        text = _INSTANCE.format(
            events=home / "history" / "runs", runs=home / "history", schedules=home / "schedules"
        )
        configuration.write_text(_stamped(text), encoding="utf-8")
    return home


def run_job(
    settings: Settings,
    definitions: dg.Definitions,
    job: str,
    *,
    run_config: Mapping[str, object] | None = None,
) -> dg.ExecuteInProcessResult:
    """Run a job in this process, recorded in Dagster's home so that its UI shows it.

    Runs whose process was killed before are marked as failed first.

    Raises:
        Exception: What the failing step raised.
    """
    home = ensure_dagster_home(settings)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        fail_lost_runs(instance)
        return definitions.resolve_job_def(job).execute_in_process(
            instance=instance,
            run_config={
                "loggers": {"console": {"config": {"log_level": "ERROR"}}},
                **(run_config or {}),
            },
            # Who started it here runs it again here; no daemon needs to.
            tags={"dagster/max_retries": "0"},
        )
