"""Event dates as partitions: when each was built last, and the way to build some again.

dbt builds by date inside one invocation, so that a run without dates stays one click. What Dagster
keeps per date is this one asset: a partition turns green when the rows of its date are published,
and a backfill of partitions builds these dates again, in every model that is built by date.
"""

import warnings
from collections.abc import Container

import dagster as dg
from dagster._utils.warnings import BetaWarning

from ingestion.settings import Settings
from orchestration.lib.retries import retried
from orchestration.lib.translator import PLATFORM_TEAM
from orchestration.warehouse.inventory import Day, changed_days
from orchestration.warehouse.publish import Publication
from orchestration.warehouse.store import Store

warnings.filterwarnings("ignore", "Parameter `backfill_policy`", BetaWarning)
# One run for a whole range of dates: a run a date would copy and publish the warehouse each time.

EVENT_DATES = dg.AssetKey(["warehouse", "event_dates"])


class Again(dg.Config):
    """How dates are built again."""

    keep_rows: bool = False
    """The dbt code has changed: build these dates with it and leave all others as they are.
    Without it, changed code builds everything from nothing."""


def date_partitions(settings: Settings) -> dg.DailyPartitionsDefinition:
    """One partition a UTC date, from the first event date to today."""
    return dg.DailyPartitionsDefinition(
        start_date=settings.first_event_date.isoformat(), end_offset=1
    )


def log_days(
    context: dg.AssetExecutionContext,
    settings: Settings,
    publication: Publication,
    materialized: Container[str] = (),
) -> dict[str, Day]:
    """One materialization a date whose rows a publication changed.

    Args:
        context: The run.
        settings: The environment.
        publication: What was published.
        materialized: Dates that the step itself materializes.

    Returns:
        Every date that has changed.
    """
    store = Store(settings.warehouse)
    old = store.read(publication.replaced).file if publication.replaced else None
    days = changed_days(old, store.read(publication.build_id).file, settings)
    known = date_partitions(settings)
    for name, day in days.items():
        if name not in materialized and known.has_partition_key(name):
            context.log_event(
                dg.AssetMaterialization(
                    EVENT_DATES,
                    partition=name,
                    metadata={
                        "dagster/partition_row_count": day.rows,
                        "rows": day.rows,
                        "rows_changed": day.changed,
                        "tables_changed": day.tables,
                        "build": publication.build_id,
                    },
                )
            )
    return dict(days)


def event_dates_asset(
    settings: Settings, deps: list[dg.AssetKey], pool: str
) -> dg.AssetsDefinition:
    """The dates of the published warehouse; materializing some builds them again."""

    @dg.asset(
        key=EVENT_DATES,
        deps=deps,
        group_name="warehouse",
        kinds={"dbt", "duckdb"},
        owners=[PLATFORM_TEAM],
        pool=pool,
        partitions_def=date_partitions(settings),
        backfill_policy=dg.BackfillPolicy.single_run(),
        description="Event dates of the published warehouse: a partition is green when the rows "
        "of its date are published. Materialize partitions to build these dates again in every "
        "model that is built by date, test and publish them.",
    )
    def event_dates(context: dg.AssetExecutionContext, config: Again) -> dg.MaterializeResult[None]:
        from orchestration.warehouse.build import build
        from orchestration.warehouse.dates import parse_dates
        from orchestration.warehouse.publish import publish

        keys = context.partition_key_range
        dates = parse_dates(f"{keys.start}..{keys.end}")
        with retried(settings, context):
            result = build(settings, dates=dates, keep_rows=config.keep_rows)
            publication = publish(settings, result.build_id, by_itself=True)
        if publication.status == "held":
            raise dg.Failure(
                f"Build {result.build_id} passed its tests and is not published. {publication.why}",
                allow_retries=False,
            )
        # What is new in the lake comes with it, of whichever date it is.
        days = log_days(context, settings, publication, context.partition_keys)
        return dg.MaterializeResult(
            metadata={
                "build": result.build_id,
                "why": result.reason,
                "seconds": result.seconds,
                "rows_changed": sum(abs(count) for count in result.changed.values()),
                "dates_changed": len(days),
                "changed": dg.MetadataValue.json({name: vars(day) for name, day in days.items()}),
            }
        )

    return event_dates
