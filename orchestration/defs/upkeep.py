"""Daily upkeep: what the platform keeps on disk, measured, and what is old, removed."""

from pathlib import Path

import dagster as dg

from ingestion.contracts import all_contracts
from ingestion.settings import Settings
from orchestration.defs.warehouse import PUBLISHED, WRITER_POOL
from orchestration.lib.retries import retried
from orchestration.lib.translator import PIN, PLATFORM_TEAM
from orchestration.warehouse.store import Store

LAKE_SIZE = dg.AssetKey(["upkeep", "lake_size"])
OLD_BUILDS = dg.AssetKey(["upkeep", "old_builds"])


def upkeep_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """Everything that the daily upkeep does, besides checking."""

    @dg.asset(
        key=LAKE_SIZE,
        deps=[PIN],
        group_name="upkeep",
        kinds={"iceberg"},
        owners=[PLATFORM_TEAM],
        description="Rows, data files, bytes and snapshots of all raw tables, to see them grow.",
    )
    def lake_size() -> dg.MaterializeResult[None]:
        from ingestion.lake import Lake

        lake = Lake.open(settings)
        lake.ensure_tables()
        heads = {contract.name: lake.head(contract) for contract in all_contracts()}
        measures = ("rows", "files", "bytes", "snapshots")
        lines = [
            f"| {name} | " + " | ".join(f"{getattr(head, part):,}" for part in measures) + " |"
            for name, head in heads.items()
        ]
        title = f"| table | {' | '.join(measures)} |\n| --- |{' ---: |' * len(measures)}"
        return dg.MaterializeResult(
            metadata={
                **{part: sum(getattr(head, part) for head in heads.values()) for part in measures},
                "tables": dg.MetadataValue.md("\n".join([title, *lines])),
            }
        )

    @dg.asset(
        key=OLD_BUILDS,
        deps=[PUBLISHED],
        group_name="upkeep",
        kinds={"duckdb"},
        owners=[PLATFORM_TEAM],
        pool=WRITER_POOL,
        description="Removes builds that nobody reads any more; the newest stay, and those that "
        "readers can go back to (ADX_KEPT_BUILDS).",
    )
    def old_builds(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        store = Store(settings.warehouse)
        with retried(settings, context), store.lock("upkeep"):
            removed = store.tidy(settings.kept_builds)
            kept, size = len(store.passed()), _bytes(settings.warehouse)
        return dg.MaterializeResult(metadata={"removed": len(removed), "kept": kept, "bytes": size})

    return [lake_size, old_builds]


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
