"""A run that is killed outright is seen, marked as failed, and lets the next one go on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterEventType, DagsterRunStatus, RunsFilter
from dagster._core.launcher import WorkerStatus

from ingestion.settings import Settings
from orchestration.lib.dagster_home import ensure_dagster_home, run_job
from orchestration.lib.lost_runs import fail_lost_runs, lost_process, message
from orchestration.lib.run_launcher import WatchedRunLauncher
from tests.waiting import wait_for

WAITING_RUN = """
import sys
from pathlib import Path
import dagster as dg
from ingestion.settings import Settings
from orchestration.lib.dagster_home import run_job

home, folder = map(Path, sys.argv[1:])

@dg.asset
def endless() -> None:
    (folder / "started").touch()
    sys.stdin.read()

definitions = dg.Definitions(assets=[endless], jobs=[dg.define_asset_job("endless_job")])
run_job(Settings(home=home), definitions, "endless_job")
"""


@dg.asset
def quick() -> None:
    pass


QUICK = dg.Definitions(assets=[quick], jobs=[dg.define_asset_job("quick_job")])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(ensure_dagster_home(settings))) as made:
        yield made


@pytest.fixture
def waiting(settings: Settings, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose run is in the middle of a step."""
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING_RUN, str(settings.home), str(tmp_path)],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    wait_for("the run", lambda: process.poll() is not None or (tmp_path / "started").exists())
    assert process.poll() is None
    yield process
    process.kill()
    process.wait()


def only_run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    (run,) = instance.get_runs(RunsFilter(job_name="endless_job"))
    return run


def test_a_killed_run_is_failed_and_the_next_one_goes_on(
    settings: Settings, instance: dg.DagsterInstance, waiting: subprocess.Popen[bytes]
) -> None:
    launcher = instance.run_launcher
    assert isinstance(launcher, WatchedRunLauncher)
    assert launcher.supports_check_run_worker_health
    run = only_run(instance)
    assert lost_process(instance, run.run_id) is None
    assert fail_lost_runs(instance) == []
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING

    os.kill(waiting.pid, signal.SIGKILL)
    waiting.wait()

    assert only_run(instance).status is DagsterRunStatus.STARTED
    health = launcher.check_run_worker_health(run)
    assert health.status is WorkerStatus.FAILED
    assert str(waiting.pid) in str(health.msg)

    assert run_job(settings, QUICK, "quick_job").success
    failed = only_run(instance)
    assert failed.status is DagsterRunStatus.FAILURE
    (event,) = instance.all_logs(failed.run_id, of_type=DagsterEventType.RUN_FAILURE)
    assert "was killed" in event.message
    assert failed.tags["dagster/will_retry"] == "false"
    assert fail_lost_runs(instance) == []


def test_a_run_that_somebody_launched_from_the_graph_is_started_once_more_too(
    instance: dg.DagsterInstance,
) -> None:
    job = QUICK.resolve_implicit_global_asset_job_def()
    run = instance.create_run_for_job(job, status=DagsterRunStatus.STARTED)
    instance.report_run_failed(run, message(1))
    failed = instance.get_run_by_id(run.run_id)
    assert failed is not None
    assert failed.tags["dagster/will_retry"] == "true"


def test_a_number_that_a_younger_process_has_is_a_process_that_is_gone(
    settings: Settings,
    instance: dg.DagsterInstance,
    waiting: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = only_run(instance)
    monkeypatch.setattr("psutil.Process.create_time", lambda _: time.time() + 60)
    assert lost_process(instance, run.run_id) == waiting.pid


def test_a_zombie_is_gone(
    settings: Settings, instance: dg.DagsterInstance, waiting: subprocess.Popen[bytes]
) -> None:
    run = only_run(instance)
    waiting.kill()
    os.waitid(os.P_PID, waiting.pid, os.WEXITED | os.WNOWAIT)  # dead, and not reaped
    assert lost_process(instance, run.run_id) == waiting.pid


def test_an_edited_configuration_is_kept_and_ours_is_renewed(settings: Settings) -> None:
    home = ensure_dagster_home(settings)
    configuration = home / "dagster.yaml"
    made = configuration.read_text()

    configuration.write_text(made.replace("poll_interval_seconds: 15", "poll_interval_seconds: 5"))
    edited = configuration.read_text()
    ensure_dagster_home(settings)
    assert configuration.read_text() == edited != made

    configuration.unlink()
    ensure_dagster_home(settings)
    assert configuration.read_text() == made
