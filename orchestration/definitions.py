"""Everything Dagster knows of the platform; `make dagster` opens it.

    source systems (external) -> raw tables -> pin -> staging, vault, marts -> published -> verified

Asset keys are dbt's own, so that raw tables and dbt sources are one node, and dbt tests are
asset checks. `docs/dagster.md` says how to live with it.
"""

import dagster as dg

from ingestion.settings import Settings, load_settings
from orchestration.defs.dates import event_dates_asset
from orchestration.defs.jobs import PLATFORM_JOB, jobs, schedules
from orchestration.defs.lake_upkeep import lake_upkeep_assets, lost_catalog_assets
from orchestration.defs.raw import raw_assets, source_systems, unlanded_tables
from orchestration.defs.sensors import sensors
from orchestration.defs.upkeep import upkeep_assets
from orchestration.defs.warehouse import (
    PUBLISHED,
    WRITER_POOL,
    dbt_warehouse,
    operational_tables,
    pin_asset,
    publish_asset,
    verified_asset,
    warehouse_checks,
)
from orchestration.lib.manifest import manifest_file

__all__ = ["PLATFORM_JOB", "definitions_of", "platform"]


@dg.definitions
def platform() -> dg.Definitions:
    """The definitions, made from the settings of this process."""
    return definitions_of(load_settings())


def definitions_of(settings: Settings) -> dg.Definitions:
    """The definitions of one environment.

    Raises:
        AdxError: The dbt project or its profile cannot be parsed.
    """
    raw = raw_assets(settings)
    models = dbt_warehouse(settings, manifest_file(settings))
    published = publish_asset(settings, models)
    verified = verified_asset(settings)
    extra_checks = warehouse_checks(settings)
    check_keys = [
        key for definition in (models, verified, *extra_checks) for key in definition.check_keys
    ]
    return dg.Definitions(
        assets=[
            *source_systems(),
            *operational_tables(),
            *unlanded_tables(),
            *raw,
            pin_asset(settings),
            models,
            published,
            event_dates_asset(settings, [PUBLISHED], WRITER_POOL),
            verified,
            *upkeep_assets(settings),
            *lake_upkeep_assets(settings),
            *lost_catalog_assets(settings),
        ],
        asset_checks=extra_checks,
        # One process runs all steps of a run in turn: a process a step costs 3 s each, and the
        # heavy parts (Spark, dbt) are processes or thread pools themselves.
        executor=dg.in_process_executor,
        jobs=jobs([key for definition in raw for key in definition.keys], sorted(models.keys)),
        schedules=schedules(settings),
        sensors=sensors(settings, check_keys, _watched([*raw, models, published])),
    )


def _watched(definitions: list[dg.AssetsDefinition]) -> list[dg.AssetKey]:
    """Assets that must stay fresh."""
    return [
        spec.key
        for definition in definitions
        for spec in definition.specs
        if spec.freshness_policy is not None
    ]
