"""The jobs, each with a longest runtime, and the schedules that start them.

A run whose process was killed is started again once by Dagster's daemon; whatever it runs can be
run twice. A run that failed by itself is not: what may pass has been retried inside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from ingestion.settings import Settings
from orchestration.defs.dates import EVENT_DATES
from orchestration.defs.lake_upkeep import LAKE_UPKEEP
from orchestration.defs.upkeep import LAKE_SIZE, OLD_BUILDS
from orchestration.defs.warehouse import PUBLISHED, RECONCILED, VERIFIED
from orchestration.lib.translator import PIN

PLATFORM_JOB = "platform_job"
LANDING_JOB = "landing_job"
WAREHOUSE_JOB = "warehouse_job"
UPKEEP_JOB = "upkeep_job"
BACKFILL_JOB = "event_dates_job"

BUSY = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
"""A run in one of these is still to come to its end."""


@dataclass(frozen=True)
class Timetable:
    """When a job starts by itself.

    Attributes:
        name: Name of the schedule.
        job: The job.
        cron: When, UTC.
        meaning: Why then.
    """

    name: str
    job: str
    cron: str
    meaning: str


TIMETABLES = (
    Timetable(
        "landing_quarter_hourly_schedule",
        LANDING_JOB,
        "*/15 * * * *",
        "Drains the topics and asks every source for what is new.",
    ),
    Timetable(
        "warehouse_hourly_schedule",
        WAREHOUSE_JOB,
        "5 * * * *",
        "Builds and publishes what has landed; with nothing new it ends at once.",
    ),
    Timetable(
        "upkeep_daily_schedule",
        UPKEEP_JOB,
        "30 3 * * *",
        "Reconciles the whole chain, removes old builds, measures and compacts the lake.",
    ),
)


def _tags(minutes: int) -> Mapping[str, str]:
    return {
        "dagster/max_runtime": str(minutes * 60),
        "dagster/retry_strategy": "ALL_STEPS",
    }


def jobs(raw: list[dg.AssetKey], models: list[dg.AssetKey]) -> list[UnresolvedAssetJobDefinition]:
    """Every job of the platform.

    Args:
        raw: The raw tables that are landed.
        models: The dbt models.
    """
    landing = dg.AssetSelection.assets(*raw)
    warehouse = dg.AssetSelection.assets(PIN, *models, PUBLISHED, VERIFIED)
    reconciled = dg.AssetSelection.checks(dg.AssetCheckKey(PUBLISHED, RECONCILED))
    upkeep = dg.AssetSelection.assets(LAKE_SIZE, OLD_BUILDS, *LAKE_UPKEEP)
    return [
        _job(
            PLATFORM_JOB,
            landing | warehouse,
            60,
            "Land what is new, pin, build with dbt, publish, verify, reconcile.",
        ),
        _job(LANDING_JOB, landing, 45, "Drain the topics, ask every source for what is new."),
        _job(
            WAREHOUSE_JOB,
            warehouse,
            60,
            "Pin, build with dbt, test, publish, verify, reconcile.",
        ),
        _job(
            UPKEEP_JOB,
            upkeep | reconciled,
            120,
            "Reconcile the whole chain, remove old builds; measure the lake, compact it, forget "
            "old snapshots, find orphans, save its catalog.",
        ),
        _job(
            BACKFILL_JOB,
            dg.AssetSelection.assets(EVENT_DATES),
            120,
            "Build some event dates again, in every model that is built by date; reconcile.",
        ),
    ]


def _job(
    name: str, selection: dg.AssetSelection, minutes: int, description: str
) -> UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        name,
        selection=selection,
        description=description,
        tags=_tags(minutes),
    )


def is_busy(instance: dg.DagsterInstance, job: str) -> bool:
    """Whether a run of a job has not come to its end yet."""
    return bool(instance.get_runs(RunsFilter(job_name=job, statuses=BUSY), limit=1))


def schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The timetables; each waits until somebody switches it on, or for ADX_DAGSTER_AUTOSTART."""
    status = (
        dg.DefaultScheduleStatus.RUNNING
        if settings.dagster_autostart
        else dg.DefaultScheduleStatus.STOPPED
    )
    return [_schedule(timetable, status) for timetable in TIMETABLES]


def _schedule(timetable: Timetable, status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=timetable.name,
        job_name=timetable.job,
        cron_schedule=timetable.cron,
        default_status=status,
        description=timetable.meaning,
    )
    def start(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if is_busy(context.instance, timetable.job):
            return dg.SkipReason(f"The run of {timetable.job} before this one has not ended yet.")
        return dg.RunRequest()

    return start
