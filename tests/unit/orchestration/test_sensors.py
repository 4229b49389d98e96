"""Sensors and schedules: what starts a run, what waits, what alerts."""

import json
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from pydantic import SecretStr

from ingestion.errors import AdxError, ExitCode
from ingestion.lake import Lake
from ingestion.settings import Settings
from orchestration.defs import sensors
from orchestration.defs.jobs import LANDING_JOB, WAREHOUSE_JOB, schedules
from orchestration.defs.raw import of_source, raw_key
from orchestration.lib import lost_runs
from orchestration.lib.alerts import alert


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", drop_quiet_seconds=0)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def drop(settings: Settings, name: str, text: str = "a,b\n") -> Path:
    folder = settings.drop / "adserver"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


def look(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None = None):
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    return sensor.evaluate_tick(context)


def alerts(settings: Settings) -> list[tuple[str, dict[str, object]]]:
    lake = Lake.open(settings)
    lake.ensure_tables()
    rows = lake.read_ops("run_ledger").to_pylist()
    return [(row["subject"], json.loads(row["details"])) for row in rows if row["kind"] == "alert"]


def test_whole_files_start_one_landing_and_the_same_files_no_other(settings, instance):
    sensor = sensors.file_sensor(settings, "adserver")
    assert "no files" in look(sensor, instance).skip_message

    path = drop(settings, "impressions-2026-03-28T05.csv")
    (first,) = look(sensor, instance).run_requests
    assert set(first.asset_selection) == {raw_key(contract) for contract in of_source("adserver")}
    (same,) = look(sensor, instance).run_requests
    assert same.run_key == first.run_key

    for change in (
        lambda: path.write_text("a,b\n1,2\n"),
        lambda: os.utime(path, ns=(0, 1)),
        lambda: drop(settings, "impressions-2026-03-28T06.csv"),
    ):
        change()
        (other,) = look(sensor, instance).run_requests
        assert other.run_key != first.run_key
        first = other


def test_half_written_files_wait(settings, instance):
    sensor = sensors.file_sensor(settings, "adserver")
    path = drop(settings, "impressions-2026-03-28T05.csv.tmp")
    assert "no files" in look(sensor, instance).skip_message
    path = path.rename(path.with_suffix(""))
    with path.open("a"):  # somebody still has it open for writing
        assert "1 waiting" in look(sensor, instance).skip_message
    assert look(sensor, instance).run_requests


def test_every_source_of_files_has_a_sensor():
    assert "adserver" in sensors.file_sources()
    assert "campaigns" not in sensors.file_sources()


def test_new_commits_start_one_build(settings, instance, monkeypatch):
    sensor = sensors.commits_sensor(settings)
    assert "every commit" in look(sensor, instance).skip_message

    heads = {"ad_events.events": 1}
    monkeypatch.setattr(Lake, "heads", lambda _: heads)
    (first,) = look(sensor, instance).run_requests
    (same,) = look(sensor, instance).run_requests
    assert same.run_key == first.run_key
    for name in ("fx.rates", "ops.billing_periods"):
        heads[name] = 1
        (other,) = look(sensor, instance).run_requests
        assert other.run_key != first.run_key
        first = other

    instance.create_run_for_job(
        dg.job(name=WAREHOUSE_JOB)(lambda: None), status=DagsterRunStatus.STARTED
    )
    assert "is running" in look(sensor, instance).skip_message


def test_a_schedule_waits_for_the_run_before(settings, tmp_path):
    landing = next(made for made in schedules(settings) if made.job_name == LANDING_JOB)
    with (
        dg.DagsterInstance.local_temp(str(tmp_path)) as instance,
        # A context opens the instance once more; left open, it would stay behind as the process's.
        dg.build_schedule_context(instance=instance) as context,
    ):
        assert len(landing.evaluate_tick(context).run_requests) == 1
        instance.create_run_for_job(
            dg.job(name=LANDING_JOB)(lambda: None), status=DagsterRunStatus.STARTED
        )
        tick = landing.evaluate_tick(context)
    assert not tick.run_requests
    assert "has not ended" in tick.skip_message


@pytest.mark.parametrize("wanted", [False, True])
def test_nothing_starts_by_itself_unless_it_is_asked_for(tmp_path, wanted):
    settings = Settings(home=tmp_path, dagster_autostart=wanted)
    made = [*schedules(settings), *sensors.sensors(settings, [], [])]
    assert len(made) >= 7
    assert {item.default_status.value for item in made} == {"RUNNING" if wanted else "STOPPED"}


def broken_job() -> dg.JobDefinition:
    @dg.op
    def land() -> None:
        raise AdxError("The drop folder is gone.", remedy="Make it.")

    @dg.job
    def landing_job() -> None:
        land()

    return landing_job


def test_a_failed_run_alerts_with_what_was_raised(settings, instance):
    result = broken_job().execute_in_process(instance=instance, raise_on_error=False)
    context = dg.build_run_status_sensor_context(
        sensor_name="failed_runs_sensor",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=result.get_run_failure_event(),
    ).for_run_failure()
    sensors.failed_runs_sensor(settings)(context)

    ((subject, details),) = alerts(settings)
    assert subject == "run of landing_job"
    assert details["run_id"] == result.run_id
    assert "The drop folder is gone." in details["steps"]["land"]


def test_a_killed_run_alerts_with_what_became_of_its_process(settings, instance, monkeypatch):
    run = instance.create_run_for_job(broken_job(), status=DagsterRunStatus.STARTED)
    monkeypatch.setattr(lost_runs, "lost_process", lambda *_: 4711)
    context = dg.build_run_status_sensor_context(
        sensor_name="failed_runs_sensor",
        dagster_instance=instance,
        dagster_run=run,
        dagster_event=instance.report_run_failed(run),
    ).for_run_failure()
    sensors.failed_runs_sensor(settings)(context)

    ((_, details),) = alerts(settings)
    assert "Process 4711 of this run is gone: it was killed." in details["message"]
    assert details["steps"] == {}


def test_a_run_that_was_found_dead_twice_alerts_once(settings, instance):
    sensor = sensors.failed_runs_sensor(settings)
    cursor = look(sensor, instance).cursor
    for number in (1, 2):
        run = instance.create_run_for_job(broken_job(), status=DagsterRunStatus.STARTED)
        for who in ("code server", "daemon"):
            instance.report_run_failed(run, f"Seen by {who}.")
        tick = look(sensor, instance, cursor)
        assert tick.cursor != cursor
        cursor = tick.cursor
        assert len(alerts(settings)) == number
    assert all("Seen by code server." in details["message"] for _, details in alerts(settings))


def test_a_failed_check_alerts_once_and_again_when_it_fails_anew(settings, instance):
    verdicts = [False]

    @dg.asset
    def table() -> None:
        pass

    @dg.asset_check(asset=table)
    def is_right() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=verdicts[-1], description="3 rows are wrong")

    sensor = sensors.failed_checks_sensor(settings, list(is_right.check_keys))
    cursor = None
    for passed, expected in ((True, 0), (False, 1), (None, 1), (True, 1), (False, 2)):
        if passed is not None:
            verdicts.append(passed)
            assert dg.materialize([table, is_right], instance=instance).success
        cursor = look(sensor, instance, cursor).cursor
        assert len(alerts(settings)) == expected
    subject, details = alerts(settings)[0]
    assert subject == "check table:is_right"
    assert details["message"] == "3 rows are wrong"


def become(instance: dg.DagsterInstance, name: str, state: FreshnessState, at: float) -> None:
    """Let a table come into a state of freshness."""
    change = FreshnessStateChange(
        key=dg.AssetKey(name),
        new_state=state,
        previous_state=FreshnessState.UNKNOWN,
        state_change_timestamp=at,
    )
    instance.report_runless_asset_event(dg.AssetMaterialization(name))
    instance._report_runless_asset_event(change)


def test_tables_that_have_become_late_alert_together_and_once(settings, instance):
    watched = [dg.AssetKey(name) for name in ("good", "late", "later")]
    sensor = sensors.late_tables_sensor(settings, watched)

    become(instance, "good", FreshnessState.PASS, 100.0)
    assert look(sensor, instance).cursor is None
    become(instance, "late", FreshnessState.FAIL, 101.0)
    become(instance, "later", FreshnessState.FAIL, 102.0)
    cursor = look(sensor, instance).cursor
    assert look(sensor, instance, cursor).cursor == cursor
    ((subject, details),) = alerts(settings)
    assert subject == "late tables"
    assert details["tables"] == ["late", "later"]


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[dict[str, str]], dict[str, int]]]:
    """A service that takes alerts as JSON over HTTP."""
    taken: list[dict[str, str]] = []
    answer = {"status": 200}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answer["status"])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"json://127.0.0.1:{server.server_port}", taken, answer
    server.shutdown()
    thread.join()
    server.server_close()


def test_alerts_go_where_the_settings_say(tmp_path, receiver):
    address, taken, answer = receiver
    settings = Settings(home=tmp_path, alert_urls=address)
    alert(settings, "run of landing_job", "It failed.", run_id="1")
    assert taken[0]["title"] == "AdvertiseX: run of landing_job"
    assert "It failed." in taken[0]["message"]

    answer["status"] = 500
    with pytest.raises(AdxError) as refused:
        alert(settings, "run of landing_job", "It failed again.")
    assert refused.value.exit_code is ExitCode.UNAVAILABLE
    assert len(alerts(settings)) == 2, "an alert that nobody took is still in the ledger"


def test_a_service_that_refuses_an_alert_is_named_and_the_others_are_told_once(
    settings, instance, receiver
):
    address, taken, answer = receiver
    answer["status"] = 500
    settings = settings.model_copy(update={"alert_urls": SecretStr(address)})

    @dg.asset
    def table() -> None:
        pass

    @dg.asset_check(asset=table)
    def is_right() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False)

    dg.materialize([table, is_right], instance=instance)
    become(instance, "late", FreshnessState.FAIL, 100.0)
    for number, sensor in enumerate(
        (
            sensors.failed_checks_sensor(settings, list(is_right.check_keys)),
            sensors.late_tables_sensor(settings, [dg.AssetKey("late")]),
        ),
        1,
    ):
        first = look(sensor, instance)
        assert "Not every service of ADX_ALERT_URLS took the alert" in first.skip_message
        look(sensor, instance, first.cursor)
        assert len(taken) == len(alerts(settings)) == number


def test_an_address_that_is_none_is_not_shown(tmp_path):
    settings = Settings(home=tmp_path, alert_urls="nonsense://user:hunter2@host")
    with pytest.raises(AdxError) as refused:
        alert(settings, "anything", "It failed.")
    assert refused.value.exit_code is ExitCode.CONFIGURATION
    assert "hunter2" not in f"{refused.value} {settings!r} {settings.model_dump_json()}"
    assert len(alerts(settings)) == 1
