"""Dagster as `make dagster` starts it, on the tiny project: what it does while nobody looks.

A sensor sees commits and starts a build, a backfill is launched as the UI does it, the processes of
both are killed, and each is started once more by itself. No part of Dagster is replaced; a run's
dbt waits while the file `hold` is there, so that it is killed in the middle of its work.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
import requests
from dagster import DagsterRunStatus, RunsFilter

from ingestion.kafka import free_port
from ingestion.settings import PROJECT_ROOT, Settings
from orchestration.defs.dates import EVENT_DATES
from orchestration.defs.jobs import WAREHOUSE_JOB
from orchestration.lib.dagster_home import ensure_dagster_home
from orchestration.warehouse import dbt
from orchestration.warehouse.query import query
from orchestration.warehouse.store import Store
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dagster")]

MODULE = "tiny_platform"
DEFINITIONS = """
import os
import time
from pathlib import Path

import dagster as dg

from ingestion.settings import load_settings
from orchestration.definitions import definitions_of
from orchestration.warehouse import dbt, reconcile

HERE = Path(__file__).parent
dbt.PROJECT_FOLDER = Path({project!r})
dbt.code_hash = lambda: "tiny"
reconcile.CHAIN = ()  # the tiny project has no vault
run = dbt.run


def run_when_let(settings, arguments, **options):
    if arguments[0] == "build":
        (HERE / "process.part").write_text(str(os.getpid()))
        (HERE / "process.part").rename(HERE / "process")
        while (HERE / "hold").exists():
            time.sleep(0.05)
    return run(settings, arguments, **options)


dbt.run = run_when_let


@dg.definitions
def platform():
    return definitions_of(load_settings())
"""

SELECTOR = {
    "repositoryLocationName": MODULE,
    "repositoryName": "__repository__",
}
START_SENSOR = """
mutation ($selector: SensorSelector!) {
  startSensor(sensorSelector: $selector) {
    __typename
    ... on Sensor { sensorState { status } }
    ... on PythonError { message }
  }
}
"""
LAUNCH_BACKFILL = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
BACKFILL = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    __typename
    ... on PartitionBackfill { status error { message } }
    ... on PythonError { message }
  }
}
"""


class Dagster:
    """A web server and a daemon on a home, as `make dagster` starts them."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.folder = folder
        self._settings = settings
        self._port = free_port()
        home = ensure_dagster_home(settings)
        configuration = (home / "dagster.yaml").read_text()
        assert "poll_interval_seconds: 15" in configuration
        often = configuration.replace("poll_interval_seconds: 15", "poll_interval_seconds: 2")
        (home / "dagster.yaml").write_text(often)
        (folder / f"{MODULE}.py").write_text(DEFINITIONS.format(project=str(dbt.PROJECT_FOLDER)))
        self._log = (folder / "dagster.log").open("w")
        self._process = subprocess.Popen(
            [
                *(Path(sys.executable).with_name("dagster"), "dev", "-m", MODULE),
                *("--host", "127.0.0.1", "--port", str(self._port)),
            ],
            cwd=folder,
            env={
                **{name: value for name, value in os.environ.items() if name[:4] != "ADX_"},
                "ADX_HOME": str(settings.home),
                "DAGSTER_HOME": str(home),
                # one that was stopped for a while must not end itself when it goes on
                "DAGSTER_GRPC_PROXY_HEARTBEAT_TTL_SECONDS": "3600",
                "PYTHONPATH": f"{folder}{os.pathsep}{PROJECT_ROOT}",
            },
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def ask(self, query_text: str, **variables: Any) -> Any:
        """The one answer to a GraphQL query; it must not be an error."""
        answer = requests.post(
            f"http://127.0.0.1:{self._port}/graphql",
            json={"query": query_text, "variables": variables},
            timeout=60,
        ).json()
        assert "errors" not in answer, answer
        (value,) = answer["data"].values()
        return value

    def is_up(self) -> bool | None:
        assert self._process.poll() is None, (self.folder / "dagster.log").read_text()
        try:
            return bool(self.ask("{ version }"))
        except (requests.ConnectionError, requests.Timeout):
            return None

    def start_sensor(self, name: str) -> None:
        answer = self.ask(START_SENSOR, selector={**SELECTOR, "sensorName": name})
        assert answer["sensorState"]["status"] == "RUNNING", answer

    def backfill(self, key: dg.AssetKey, *partitions: str) -> str:
        """Launch a backfill; gives its id."""
        launched = self.ask(
            LAUNCH_BACKFILL,
            params={"assetSelection": [{"path": key.path}], "partitionNames": partitions},
        )
        assert "backfillId" in launched, launched
        return str(launched["backfillId"])

    def end_of(self, backfill_id: str) -> str | None:
        """The status of a backfill that has come to its end."""
        found = self.ask(BACKFILL, id=backfill_id)
        return None if found["status"] in {"REQUESTED", "FAILING"} else str(found["status"])

    def process_at_work(self) -> psutil.Process | None:
        """The process of the run whose dbt waits."""
        file = self.folder / "process"
        if not file.exists():
            return None
        return psutil.Process(int(file.read_text()))

    def forget_process(self) -> None:
        """Wait for the next one."""
        (self.folder / "process").unlink()

    def stop(self) -> None:
        """Stop it as Ctrl-C does, and end whatever is left of it."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        left = self._processes()
        _, left = psutil.wait_procs(left, timeout=3)
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=10)
        self._log.close()

    def _processes(self) -> list[psutil.Process]:
        """Every process of this home: runs and code servers are no children of the first one."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("ADX_HOME") == str(self._settings.home):
                    found.append(process)
            except psutil.Error:
                continue
        return found


@pytest.fixture
def dagster(dbt_world: Any, settings: Settings, tmp_path: Path) -> Iterator[Dagster]:
    folder = tmp_path / "code"
    folder.mkdir()
    started = Dagster(settings, folder)
    try:
        wait_for("the web server", started.is_up)
        yield started
    finally:
        started.stop()


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(ensure_dagster_home(settings))) as made:
        yield made


def test_a_killed_build_of_new_commits_is_made_again_and_so_is_a_backfill(
    dbt_world: Any, settings: Settings, dagster: Dagster, instance: dg.DagsterInstance
) -> None:
    hold = dagster.folder / "hold"
    hold.touch()
    dbt_world.land(dbt_world.action("view"), dbt_world.action("click", day=29))
    dagster.start_sensor("new_commits_sensor")
    dagster.start_sensor("failed_runs_sensor")

    def runs(**wanted: Any) -> list[dg.DagsterRun]:
        """Oldest first."""
        return list(reversed(instance.get_runs(RunsFilter(**wanted))))

    def two_ended(**wanted: Any) -> list[dg.DagsterRun] | None:
        found = runs(**wanted)
        return found if len(found) > 1 and all(run.is_finished for run in found) else None

    process = wait_for("the build of the sensor", dagster.process_at_work)
    (run,) = runs(job_name=WAREHOUSE_JOB)
    assert run.tags["dagster/sensor_name"] == "new_commits_sensor"
    process.kill()
    hold.unlink()
    killed, again = wait_for("another build", lambda: two_ended(job_name=WAREHOUSE_JOB))
    assert killed.status is DagsterRunStatus.FAILURE
    assert (again.status, again.parent_run_id) == (DagsterRunStatus.SUCCESS, killed.run_id)
    rows = "select event_date::varchar, event_name from core.fct_actions order by all"
    expected = [("2026-03-28", "view"), ("2026-03-29", "click")]
    assert query(settings, rows, limit=None).rows == expected
    assert instance.get_materialized_partitions(EVENT_DATES) == {"2026-03-28", "2026-03-29"}

    # The second time the code server does not look, so that only the daemon can see it.
    dagster.forget_process()
    hold.touch()
    before = Store(settings.warehouse).published().manifest
    backfill_id = dagster.backfill(EVENT_DATES, "2026-03-28")
    process = wait_for("the build of the backfill", dagster.process_at_work)
    (run,) = runs(tags={"dagster/backfill": backfill_id})
    server = process.parent()
    assert server is not None
    server.suspend()
    process.kill()
    wait_for("the daemon", lambda: instance.get_run_by_id(run.run_id).is_finished)
    server.resume()
    hold.unlink()
    end = wait_for("the end of the backfill", lambda: dagster.end_of(backfill_id))
    assert end == "COMPLETED_SUCCESS"
    _, again = runs(tags={"dagster/backfill": backfill_id})
    assert (again.status, again.parent_run_id) == (DagsterRunStatus.SUCCESS, run.run_id)
    after = Store(settings.warehouse).published().manifest
    assert after.build_id > before.build_id
    assert (after.pin, after.previous_pin) == (before.pin, before.pin)
    assert query(settings, rows, limit=None).rows == expected

    def alerts() -> list[dict[str, Any]] | None:
        ledger = dbt_world.lake.read_ops("run_ledger").to_pylist()
        found = [json.loads(row["details"]) for row in ledger if row["kind"] == "alert"]
        return found if len(found) > 1 else None

    told = wait_for("the alerts", alerts)
    assert {alert["run_id"] for alert in told} == {killed.run_id, run.run_id}
    assert all("was killed" in alert["message"] for alert in told)
    assert len(runs(job_name=WAREHOUSE_JOB)) == 2, "the same commits are built once"
