"""The warehouse: pin, every dbt model and test, publish, verify."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets
from pydantic import Field

from ingestion.contracts import all_contracts
from ingestion.settings import Settings
from orchestration.defs.dates import EVENT_DATES, log_days
from orchestration.defs.raw import raw_key
from orchestration.lib.retries import retried
from orchestration.lib.translator import MARTS, PIN, PLATFORM_TEAM, WarehouseTranslator
from orchestration.warehouse import dbt
from orchestration.warehouse.build import Result
from orchestration.warehouse.inventory import Table, inventory
from orchestration.warehouse.store import FILE_NAME, Store
from orchestration.warehouse.verdict import Verdict

WRITER_POOL = "warehouse_writer"
"""One build or publish at a time; the lock in the warehouse folder is the guarantee."""

PUBLISHED = dg.AssetKey(["warehouse", "published"])
VERIFIED = dg.AssetKey(["warehouse", "verified"])
RECONCILED = "reconciled"
FIGURES = "every_figure_is_right"
PUBLISHED_FRESHNESS = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=26), warn_window=timedelta(hours=3)
)


class BuildConfig(dg.Config):
    """How the warehouse is built, for who starts a run by hand."""

    full_refresh: bool = Field(default=False, description="Build everything from nothing.")
    keep_rows: bool = Field(
        default=False,
        description="The dbt code has changed, but not the rows it makes: build an increment.",
    )
    dates: str = Field(
        default="",
        description="Build these event dates again: 2026-03-28, or 2026-03-01..2026-03-28.",
    )


def operational_tables() -> list[dg.AssetSpec]:
    """What models read of the platform's own memory, beside the raw tables."""
    descriptions = {
        "pins": "Every pin of the lake: which commits each build saw first.",
        "source_loads": "Rows read, loaded and failed, a raw table and commit.",
        "billing_periods": "Billing periods that finance closed.",
        "frozen_lines": "The billed lines and adjustments that each close froze.",
    }
    return [
        dg.AssetSpec(
            ["ops", name],
            group_name="lake",
            description=description,
            deps=[PIN],
            kinds={"iceberg"},
            owners=[PLATFORM_TEAM],
        )
        for name, description in descriptions.items()
    ]


def pin_asset(settings: Settings) -> dg.AssetsDefinition:
    """The exact state of every raw table that the build reads."""

    @dg.asset(
        key=PIN,
        deps=[raw_key(contract) for contract in all_contracts()],
        group_name="lake",
        kinds={"iceberg"},
        owners=[PLATFORM_TEAM],
        description="Exact states of all raw tables, logged in the lake; a build reads these.",
    )
    def pin() -> dg.MaterializeResult[None]:
        from ingestion.lake import Lake

        lake = Lake.open(settings)
        lake.ensure_tables()
        pinned = lake.pin()
        new = {name: table.to_seq - table.from_seq for name, table in pinned.tables.items()}
        return dg.MaterializeResult(
            metadata={
                "pin": pinned.number,
                "commits": sum(new.values()),
                "tables_changed": sum(1 for count in new.values() if count),
                "heads": dg.MetadataValue.json(pinned.heads()),
            }
        )

    return pin


def dbt_warehouse(settings: Settings, manifest: Path) -> dg.AssetsDefinition:
    """All dbt models and tests in one invocation, on a copy of the published warehouse.

    dbt runs in the run's own process, like everywhere else: the stock resource starts dbt three
    times a run (its version, its adapter, the build), which was most of what Dagster cost.
    """

    @dbt_assets(
        manifest=manifest,
        name="build_warehouse",
        dagster_dbt_translator=WarehouseTranslator(),
        pool=WRITER_POOL,
    )
    def build_warehouse(context: dg.AssetExecutionContext, config: BuildConfig) -> Iterator[Any]:
        from orchestration.warehouse import build
        from orchestration.warehouse.dates import parse_dates

        with (
            retried(settings, context),
            build.open_session(
                settings,
                full_refresh=config.full_refresh,
                keep_rows=config.keep_rows,
                dates=parse_dates(config.dates) if config.dates else None,
            ) as session,
        ):
            if isinstance(session, build.Result):
                context.log.info(f"Nothing to do: {session.reason}")
            else:
                outcome = session.run(session.arguments())
                if outcome.failures:
                    # Nobody will read what was built, so nothing counts as materialized.
                    yield from _checks(context, outcome)
                    raise session.fail(outcome)
                result = session.finish(outcome.models, outcome.tests)
                context.log.info(f"Built {result.build_id}: {result.reason}")
                yield from _materialized(context, settings, outcome, result)
                yield from _checks(context, outcome)
        if isinstance(session, build.Result):
            # A run that was killed between build and publish left a build that nobody sees; the
            # steps after this one are skipped, since it gives no model.
            facts = _publish(context, settings)
            if facts["status"] == "published":
                context.log_event(dg.AssetMaterialization(PUBLISHED, metadata=facts))

    return build_warehouse


_UNIQUE_ID = "dagster_dbt/unique_id"
_COLUMN_SCHEMA = "dagster/column_schema"
_GOOD = {"success", "pass"}
_ENGINE_NUMBERS = ("bytes_processed", "bytes_billed", "slot_ms")
"""What BigQuery says a model cost; DuckDB has no such words, its cost is its seconds."""


def _materialized(
    context: dg.AssetExecutionContext, settings: Settings, outcome: dbt.Outcome, result: Result
) -> Iterator[dg.MaterializeResult[None]]:
    """The models that a build made, with what they hold and what they cost.

    A build is always whole, since a window counts as done for every model; of a run that selects
    some assets only these are reported.
    """
    tables = inventory(Path(result.folder) / FILE_NAME, settings)
    specs = {spec.metadata[_UNIQUE_ID]: spec for spec in context.assets_def.specs}
    for unique_id, execution in outcome.executions.items():
        spec = specs.get(unique_id)
        if spec is None or spec.key not in context.selected_asset_keys:
            continue
        schema, name = spec.key.path[-2:]
        table = tables.get((schema, name), Table())
        metadata: dict[str, Any] = {
            "seconds": round(execution.seconds, 3),
            "rows_changed": result.changed.get(f"{schema}.{name}", 0),
            "pin": result.pin,
            "build": result.build_id,
            _COLUMN_SCHEMA: _column_schema(spec, table),
        }
        if table.rows is not None:
            metadata["dagster/row_count"] = table.rows
        for measure in _ENGINE_NUMBERS:
            if isinstance(execution.response.get(measure), int):
                metadata[measure] = execution.response[measure]
        yield dg.MaterializeResult(asset_key=spec.key, metadata=metadata)


def _column_schema(spec: dg.AssetSpec, table: Table) -> dg.TableSchema:
    """The columns as they were built, with what the project says about them."""
    declared: dg.TableSchema = spec.metadata.get(_COLUMN_SCHEMA) or dg.TableSchema([])
    meanings = {column.name: column.description for column in declared.columns}
    return dg.TableSchema(
        [
            dg.TableColumn(name, kind.lower(), description=meanings.get(name))
            for name, kind in table.columns
        ]
    )


def _checks(
    context: dg.AssetExecutionContext, outcome: dbt.Outcome
) -> Iterator[dg.AssetCheckResult]:
    """The tests that dbt ran, as asset checks."""
    checks = {spec.metadata[_UNIQUE_ID]: spec.key for spec in context.assets_def.check_specs}
    for unique_id, execution in outcome.executions.items():
        check = checks.get(unique_id)
        if check is None or execution.status == "skipped":
            continue
        if check not in context.selected_asset_check_keys:
            continue
        warned = execution.status == "warn"
        yield dg.AssetCheckResult(
            asset_key=check.asset_key,
            check_name=check.name,
            passed=execution.status in _GOOD,
            severity=dg.AssetCheckSeverity.WARN if warned else dg.AssetCheckSeverity.ERROR,
            description=None if execution.status in _GOOD else execution.message,
            metadata={
                "status": execution.status,
                "failed_rows": execution.failed_rows or 0,
                "seconds": round(execution.seconds, 3),
            },
        )


def publish_asset(settings: Settings, models: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """The build that readers see.

    It waits for the whole build, which is one step; only what readers read is drawn to it.
    """
    read = (*MARTS, "utilities")
    marts = sorted(key for key in models.keys if key.path[0] in read)

    @dg.asset(
        key=PUBLISHED,
        deps=marts,
        group_name="warehouse",
        kinds={"duckdb"},
        owners=[PLATFORM_TEAM],
        pool=WRITER_POOL,
        freshness_policy=PUBLISHED_FRESHNESS,
        # After a rollback nothing is published by itself, and nothing counts as fresh.
        output_required=False,
        description="The DuckDB file that BI tools read, replaced by one swap of a link. After "
        "`adx rollback` it stays until somebody publishes with `adx publish`.",
    )
    def published(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        facts = _publish(context, settings)
        if facts["status"] != "held":
            yield dg.MaterializeResult(metadata=facts)

    return published


def _publish(context: dg.AssetExecutionContext, settings: Settings) -> dict[str, Any]:
    """Publish the newest build and note which dates it changed; gives what is to be known of it."""
    from orchestration.warehouse.publish import publish

    with retried(settings, context):
        publication = publish(settings, by_itself=True)
    if publication.why is not None:
        context.log.warning(publication.why)
    build = Store(settings.warehouse).read(publication.build_id)
    manifest = build.manifest
    days = log_days(context, settings, publication) if publication.status == "published" else {}
    return {
        "status": publication.status,
        "build": publication.build_id,
        "pin": publication.pin,
        "rows": manifest.rows,
        "models": manifest.models,
        "tests": manifest.tests,
        "dates_changed": len(days),
        "file_bytes": build.file.stat().st_size,
        "build_seconds": _seconds(manifest.started_at, manifest.finished_at),
        "pin_age_seconds": _pin_age(settings, publication.pin),
    }


def _seconds(start: str, end: str) -> float:
    lasted = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return round(lasted.total_seconds(), 3)


def _pin_age(settings: Settings, number: int) -> float:
    """How old what readers see now is: the time since its pin was taken."""
    from ingestion.lake import Lake
    from orchestration.warehouse.pin import find_pin

    pinned_at = find_pin(Lake.open(settings), number).pinned_at
    return round((datetime.now(UTC) - pinned_at).total_seconds(), 3)


def verified_asset(settings: Settings) -> dg.AssetsDefinition:
    """The proof that the published marts reproduce the answer key."""

    @dg.multi_asset(
        name="verified",
        # Where there is no key, neither the asset nor its check comes to anything.
        can_subset=True,
        specs=[
            dg.AssetSpec(
                VERIFIED,
                deps=[PUBLISHED],
                group_name="warehouse",
                kinds={"duckdb"},
                owners=[PLATFORM_TEAM],
                description="Every metric at every grain of the answer key, compared with the "
                "marts. Where no ad world was played there is no key, and nothing to compare.",
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                FIGURES,
                asset=VERIFIED,
                description="Every figure of the published marts is the answer key's.",
            )
        ],
    )
    def verified(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        from orchestration.warehouse.verify import verify

        if not (settings.world / "key").exists():
            context.log.info("No ad world was played here, so there is no answer key.")
            return
        verdict = verify(settings)
        metadata = {"passed": verdict.passed, "failed": verdict.failed}
        if context.selected_asset_check_keys:
            yield dg.AssetCheckResult(
                check_name=FIGURES,
                asset_key=VERIFIED,
                passed=not verdict.failed,
                description=_first_failures(verdict),
                metadata=metadata,
            )
        if verdict.failed:
            raise dg.Failure(
                description=f"{verdict.last_line}; run `adx verify` to see which figures differ",
                metadata=metadata,
                allow_retries=False,
            )
        if context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=VERIFIED, metadata=metadata)

    return verified


def _first_failures(verdict: Verdict) -> str | None:
    """The first things that are wrong, a paragraph each."""
    return "\n\n".join(str(failure) for failure in verdict.failures[:5]) or None


def warehouse_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """What is true of a published warehouse beyond its dbt tests, whichever asset published it."""
    return [_reconciled(settings, key) for key in (PUBLISHED, EVENT_DATES)]


def _reconciled(settings: Settings, published: dg.AssetKey) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=published,
        name=RECONCILED,
        description="The chain from producers' journals to the marts, row by row.",
    )
    def reconciled() -> dg.AssetCheckResult:
        from orchestration.warehouse.reconcile import reconcile

        started = time.monotonic()
        verdict = reconcile(settings)
        if verdict.failed:
            # A landing or a replay may have been between its commit and its note of it.
            verdict = reconcile(settings)
        return dg.AssetCheckResult(
            passed=verdict.failed == 0,
            description=_first_failures(verdict),
            metadata={
                "passed": verdict.passed,
                "failed": verdict.failed,
                "seconds": round(time.monotonic() - started, 3),
            },
        )

    return reconciled
