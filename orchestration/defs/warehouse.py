"""The warehouse: pin, every dbt model and test, publish, verify."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from ingestion.contracts import all_contracts
from ingestion.settings import Settings
from orchestration.defs.raw import raw_key
from orchestration.lib.dbt_resource import QuickDbtCliResource
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
    """All dbt models in one invocation, on a copy of the published warehouse."""

    @dbt_assets(
        manifest=manifest,
        name="build_warehouse",
        dagster_dbt_translator=WarehouseTranslator(),
        pool=WRITER_POOL,
    )
    def build_warehouse(
        context: dg.AssetExecutionContext, dbt: QuickDbtCliResource
    ) -> Iterator[Any]:
        from orchestration.warehouse import build, publish
        from orchestration.warehouse import dbt as dbt_runs

        with build.open_session(settings) as session:
            if isinstance(session, build.Result):
                context.log.info(f"Nothing to do: {session.reason}")
                publish.publish(settings)
                return
            folder = dbt_runs.target_folder(settings)
            with dbt_runs.environment(**session.variables(), DBT_TARGET_PATH=str(folder)):
                invocation = dbt.cli(session.arguments(), context=context)
                yield from invocation.stream()
            results = invocation.get_artifact("run_results.json")["results"]
            tests = sum(
                item["unique_id"].split(".")[0] in {"test", "unit_test"} for item in results
            )
            result = session.finish(len(results) - tests, tests)
            context.log.info(f"Built {result.build_id}: {result.reason}")

    return build_warehouse


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
