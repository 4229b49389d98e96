"""Dagster's home folder, and runs of its jobs without its daemon."""

from pathlib import Path

import dagster as dg

from ingestion.settings import Settings

MAX_RUNTIME_SECONDS = 3600
"""A run that was killed outright stays STARTED until this; the local launcher cannot see it."""

_INSTANCE = f"""\
telemetry:
  enabled: false
run_monitoring:
  enabled: true
  max_runtime_seconds: {MAX_RUNTIME_SECONDS}
concurrency:
  pools:
    granularity: run
    default_limit: 1
"""


def ensure_dagster_home(settings: Settings) -> Path:
    """Make Dagster's home and its `dagster.yaml`; an edited one is kept."""
    home = settings.dagster
    home.mkdir(parents=True, exist_ok=True)
    configuration = home / "dagster.yaml"
    if not configuration.exists():
        configuration.write_text(_INSTANCE, encoding="utf-8")
    return home


def run_job(settings: Settings, definitions: dg.Definitions, job: str) -> dg.ExecuteInProcessResult:
    """Run a job in this process, recorded in Dagster's home so that its UI shows it.

    Raises:
        Exception: What the failing step raised.
    """
    home = ensure_dagster_home(settings)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        return definitions.resolve_job_def(job).execute_in_process(
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )
