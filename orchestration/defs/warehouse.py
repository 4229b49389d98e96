"""The warehouse: pin, every dbt model and test, publish, verify."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from ingestion.contracts import all_contracts
from ingestion.settings import Settings
from orchestration.defs.raw import raw_key
from orchestration.lib.translator import PIN, WarehouseTranslator

WRITER_POOL = "warehouse_writer"
"""One build or publish at a time; the lock in the warehouse folder is the guarantee."""

PUBLISHED = dg.AssetKey(["warehouse", "published"])
VERIFIED = dg.AssetKey(["warehouse", "verified"])


def operational_tables() -> list[dg.AssetSpec]:
    """What models read of the platform's own memory, beside the raw tables."""
    descriptions = {
        "pins": "Every pin of the lake: which commits each build saw first.",
        "source_loads": "Rows read, loaded and failed, a raw table and commit.",
    }
    return [
        dg.AssetSpec(["ops", name], group_name="lake", description=description, deps=[PIN])
        for name, description in descriptions.items()
    ]


def pin_asset(settings: Settings) -> dg.AssetsDefinition:
    """The exact state of every raw table that the build reads."""

    @dg.asset(
        key=PIN,
        deps=[raw_key(contract) for contract in all_contracts()],
        group_name="lake",
        kinds={"iceberg"},
        description="Exact states of all raw tables, logged in the lake; a build reads these.",
    )
    def pin() -> dg.MaterializeResult[None]:
        from ingestion.lake import Lake

        lake = Lake.open(settings)
        lake.ensure_tables()
        return dg.MaterializeResult(metadata={"pin": lake.pin().number})

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
    def build_warehouse(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from orchestration.warehouse import build, dbt, publish

        with build.open_session(settings) as session:
            if isinstance(session, build.Result):
                context.log.info(f"Nothing to do: {session.reason}")
            else:
                outcome = dbt.run(
                    settings,
                    session.arguments(),
                    database=session.file,
                    window=session.window.to_json(),
                )
                yield from _events(context, outcome.statuses)
                if outcome.failures:
                    raise session.fail(outcome)
                result = session.finish(outcome.models, outcome.tests)
                context.log.info(f"Built {result.build_id}: {result.reason}")
        if isinstance(session, build.Result):
            # A run that was killed between build and publish left a build that nobody sees.
            publish.publish(settings)

    return build_warehouse


_UNIQUE_ID = "dagster_dbt/unique_id"
_GOOD = {"success", "pass", "warn"}


def _events(
    context: dg.AssetExecutionContext, statuses: Mapping[str, str]
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """What dbt did, as Dagster says it, in the order in which it ended.

    A build is always whole, since a window counts as done for every model; of a run that selects
    some assets only these are reported.
    """
    definition = context.assets_def
    models = {spec.metadata[_UNIQUE_ID]: spec.key for spec in definition.specs}
    checks = {spec.metadata[_UNIQUE_ID]: spec.key for spec in definition.check_specs}
    for unique_id, status in statuses.items():
        passed = status in _GOOD
        check = checks.get(unique_id)
        selected = check is not None and check in context.selected_asset_check_keys
        if check is not None and selected and status != "skipped":
            yield dg.AssetCheckResult(
                asset_key=check.asset_key,
                check_name=check.name,
                passed=passed,
                metadata={"status": status},
            )
        model = models.get(unique_id)
        if model in context.selected_asset_keys and passed:
            yield dg.MaterializeResult(asset_key=model)


def publish_asset(settings: Settings, marts: list[dg.AssetKey]) -> dg.AssetsDefinition:
    """The build that readers see."""

    @dg.asset(
        key=PUBLISHED,
        deps=marts,
        group_name="warehouse",
        kinds={"duckdb"},
        pool=WRITER_POOL,
        description="The DuckDB file that BI tools read, replaced by one swap of a link.",
    )
    def published() -> dg.MaterializeResult[None]:
        from orchestration.warehouse.publish import publish

        publication = publish(settings)
        return dg.MaterializeResult(
            metadata={
                "status": publication.status,
                "build": publication.build_id,
                "pin": publication.pin,
            }
        )

    return published


def verified_asset(settings: Settings) -> dg.AssetsDefinition:
    """The proof that the published marts reproduce the answer key."""

    @dg.asset(
        key=VERIFIED,
        deps=[PUBLISHED],
        group_name="warehouse",
        description="Every metric at every grain of the answer key, compared with the marts.",
    )
    def verified() -> dg.MaterializeResult[None]:
        from orchestration.warehouse.verify import verify

        verdict = verify(settings)
        if verdict.failed:
            raise dg.Failure(
                description=f"{verdict.last_line}; run `adx verify` to see which figures differ",
                metadata={"passed": verdict.passed, "failed": verdict.failed},
                allow_retries=False,
            )
        return dg.MaterializeResult(metadata={"passed": verdict.passed, "failed": 0})

    return verified


def warehouse_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """What is true of a published warehouse beyond its dbt tests."""

    @dg.asset_check(
        asset=PUBLISHED,
        name="reconciled",
        description="The chain from the lake's files to the marts, row by row.",
    )
    def reconciled() -> dg.AssetCheckResult:
        from orchestration.warehouse.reconcile import reconcile

        verdict = reconcile(settings)
        return dg.AssetCheckResult(
            passed=verdict.failed == 0,
            metadata={"passed": verdict.passed, "failed": verdict.failed},
        )

    return [reconciled]


def warehouse_assets(settings: Settings, manifest: Path) -> list[dg.AssetsDefinition]:
    """Everything behind the raw tables."""
    models = dbt_warehouse(settings, manifest)
    return [
        pin_asset(settings),
        models,
        publish_asset(settings, sorted(models.keys)),
        verified_asset(settings),
    ]
