"""Sensors: dropped files, new commits, failed runs, failed checks, late tables.

All of them only look; what they start can be started twice.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import dagster as dg
from dagster._core.definitions.freshness import FreshnessState
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from ingestion.errors import AdxError
from ingestion.settings import Settings
from ingestion.sources.drop_queue import DropQueue, Look
from ingestion.sources.origins import copied
from orchestration.batch import file_sources
from orchestration.defs.jobs import LANDING_JOB, PLATFORM_JOB, WAREHOUSE_JOB, is_busy
from orchestration.defs.raw import of_source, raw_key
from orchestration.lib import lost_runs
from orchestration.lib.alerts import NotTakenError, alert

CHECKS_SECONDS = 30
COMMITS_SECONDS = 60


def _digest(values: Iterable[object]) -> str:
    return hashlib.sha256(json.dumps(list(values)).encode()).hexdigest()[:32]


def _status(settings: Settings) -> dg.DefaultSensorStatus:
    return (
        dg.DefaultSensorStatus.RUNNING
        if settings.dagster_autostart
        else dg.DefaultSensorStatus.STOPPED
    )


def file_sensor(settings: Settings, source: str) -> dg.SensorDefinition:
    """Land the files of a source as soon as they are whole."""

    @dg.sensor(
        name=f"{source}_files_sensor",
        job_name=LANDING_JOB,
        minimum_interval_seconds=30,
        default_status=_status(settings),
        description=f"Lands whole files that stand in the drop folder {source}/"
        + (f" or below {settings.drop_url}/{source}/." if settings.drop_url else "."),
    )
    def files() -> dg.RunRequest | dg.SkipReason:
        queue = DropQueue(settings.drop, source, settings.drop_quiet_seconds)
        whole, waiting = queue.ready()
        deliveries, unfinished = queue.deliveries()
        looks = {name: Look.at(queue.incoming / name) for name in whole}
        found: list[tuple[object, ...]] = [
            (name, look.size, look.modified_ns) for name, look in looks.items() if look is not None
        ]
        found += [(name, _last_change(queue.incoming / name)) for name in deliveries]
        objects, others = _in_bucket(settings, queue, source, is_all=not found)
        found += objects
        if not found:
            count = len(unfinished) + len(waiting) + others
            reason = f"{count} waiting" if count else "no files"
            return dg.SkipReason(f"{queue.incoming}: {reason}")
        return dg.RunRequest(
            run_key=f"{source}-{_digest(found)}",
            asset_selection=[raw_key(contract) for contract in of_source(source)],
            tags={"adx/files": str(len(found))},
        )

    return files


def _last_change(delivery: Path) -> int:
    """When a delivery, or a file in it, changed last; 0 if it has just been taken."""
    try:
        return max(path.lstat().st_ctime_ns for path in (delivery, *delivery.iterdir()))
    except FileNotFoundError:
        return 0


def _in_bucket(
    settings: Settings, queue: DropQueue, source: str, *, is_all: bool
) -> tuple[list[tuple[object, ...]], int]:
    """What can be taken out of the bucket prefix, and how many objects have to wait.

    Args:
        settings: The environment.
        queue: The drop folder; what it has copied is no news.
        source: The source.
        is_all: Whether nothing else starts a landing. Otherwise a bucket that cannot be reached is
            told by the landing, and does not hold up the folder.
    """
    if settings.drop_url is None:
        return [], 0
    from ingestion.sources.drop_bucket import drop_bucket

    try:
        pending = drop_bucket(settings, source).pending(copied(queue))
    except AdxError:
        if is_all:
            raise
        return [], 0
    whole = [(item.location, item.bytes, item.etag) for item in pending.whole]
    return [*whole], len(pending.waiting)


def commits_sensor(settings: Settings) -> dg.SensorDefinition:
    """Build as soon as the lake holds commits that readers do not see yet."""

    @dg.sensor(
        name="new_commits_sensor",
        job_name=WAREHOUSE_JOB,
        minimum_interval_seconds=COMMITS_SECONDS,
        default_status=_status(settings),
        description="Builds and publishes when a raw table has commits beyond the published pin, "
        "whoever made them, or when finance closed a period. The same commits are built once: a "
        "build that fails waits for news.",
    )
    def new_commits(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        from ingestion.lake import Lake
        from orchestration.warehouse.pin import find_pin
        from orchestration.warehouse.store import Store

        for job in (WAREHOUSE_JOB, PLATFORM_JOB):
            if is_busy(context.instance, job):
                return dg.SkipReason(f"{job} is running")
        lake = Lake.open(settings)
        lake.ensure_tables()
        heads = lake.heads()
        current = Store(settings.warehouse).current()
        built = find_pin(lake, current.manifest.pin).heads() if current else {}
        new = {name: seq for name, seq in heads.items() if seq > built.get(name, 0)}
        if not new:
            return dg.SkipReason("readers see every commit")
        return dg.RunRequest(
            run_key=f"commits-{_digest(sorted(heads.items()))}",
            tags={"adx/new_tables": str(len(new))},
        )

    return new_commits


def failed_runs_sensor(settings: Settings) -> dg.SensorDefinition:
    """Alert when a run fails, or was killed."""

    @dg.run_failure_sensor(
        name="failed_runs_sensor",
        minimum_interval_seconds=CHECKS_SECONDS,
        default_status=_status(settings),
        description="Alerts (ADX_ALERT_URLS) and notes in the run ledger every run that failed.",
    )
    def failed_runs(context: dg.RunFailureSensorContext) -> None:
        run_id = context.dagster_run.run_id
        first, *_ = context.instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
        if first.dagster_event != context.failure_event:
            return  # code server and daemon both look after a run's process, and may both say so
        message = context.failure_event.message or "The run failed."
        steps = {
            event.step_key: _first_line(event)
            for event in context.get_step_failure_events()
            if event.step_key
        }
        pid = None if steps else lost_runs.lost_process(context.instance, run_id)
        if pid is not None:
            # Where Dagster's code server saw it first, its event does not say what happened.
            message = f"{message} {lost_runs.message(pid)}"
        alert(
            settings,
            f"run of {context.dagster_run.job_name}",
            message,
            run_id=run_id,
            steps=steps,
        )

    return failed_runs


def _first_line(event: dg.DagsterEvent) -> str:
    """What the step raised, without its stack."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip().splitlines()[0] if error is not None else event.message or ""


def _alert_once(settings: Settings, subject: str, message: str, **details: object) -> str:
    """Alert, and say so if not every service took it.

    A look that fails is looked again from the same cursor: one service that is away would let all
    others be told the same every half a minute. The alert stands in the run ledger.
    """
    try:
        alert(settings, subject, message, **details)
    except NotTakenError as error:
        return f" {error}"
    return ""


def failed_checks_sensor(settings: Settings, checks: list[dg.AssetCheckKey]) -> dg.SensorDefinition:
    """Alert when a check fails; a failing check fails no run by itself."""

    @dg.sensor(
        name="failed_checks_sensor",
        minimum_interval_seconds=CHECKS_SECONDS,
        default_status=_status(settings),
        description="Alerts (ADX_ALERT_URLS) and notes in the run ledger every check that failed.",
    )
    def failed_checks(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        storage = context.instance.event_log_storage
        newest = storage.get_latest_asset_check_execution_by_key(checks)
        seen = float(context.cursor or 0)
        failed = [
            (record.event, record)
            for record in newest.values()
            if record.status is AssetCheckExecutionRecordStatus.FAILED
            and record.event is not None
            and record.event.timestamp > seen
        ]
        refused = ""
        for event, record in sorted(failed, key=lambda item: item[0].timestamp):
            evaluation = event.get_dagster_event().asset_check_evaluation_data
            problem = _alert_once(
                settings,
                f"check {record.key.to_user_string()}",
                evaluation.description or "The check failed.",
                severity=evaluation.severity.value,
                run_id=record.run_id,
            )
            refused = problem or refused
            context.update_cursor(repr(event.timestamp))
        return dg.SkipReason(f"{len(failed)} checks have failed since the last look.{refused}")

    return failed_checks


def late_tables_sensor(settings: Settings, watched: list[dg.AssetKey]) -> dg.SensorDefinition:
    """Alert when tables are not fresh any more; all that are late since the last look at once."""

    @dg.sensor(
        name="late_tables_sensor",
        minimum_interval_seconds=CHECKS_SECONDS,
        default_status=_status(settings),
        description="Alerts (ADX_ALERT_URLS) and notes in the run ledger the tables that were not "
        "looked after for longer than their freshness policy allows.",
    )
    def late_tables(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        seen = float(context.cursor or 0)
        late = {
            key.to_user_string(): record.updated_at.timestamp()
            for key, record in context.instance.get_freshness_state_records(watched).items()
            if record.freshness_state is FreshnessState.FAIL
            and record.updated_at.timestamp() > seen
        }
        refused = ""
        if late:
            message = f"{len(late)} tables are late."
            refused = _alert_once(settings, "late tables", message, tables=sorted(late))
            context.update_cursor(repr(max(late.values())))
        return dg.SkipReason(f"{len(late)} tables are late since the last look.{refused}")

    return late_tables


def sensors(
    settings: Settings, checks: list[dg.AssetCheckKey], watched: list[dg.AssetKey]
) -> list[dg.SensorDefinition]:
    """Every sensor of the platform.

    Args:
        settings: The environment.
        checks: Checks that alert when they fail.
        watched: Assets that alert when they are late.
    """
    return [
        *(file_sensor(settings, source) for source in file_sources()),
        commits_sensor(settings),
        failed_runs_sensor(settings),
        failed_checks_sensor(settings, checks),
        late_tables_sensor(settings, watched),
    ]
