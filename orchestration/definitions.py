"""Everything Dagster knows of the platform; `make dagster` opens it.

    source systems (external) -> raw tables -> pin -> staging, vault, marts -> published -> verified

Asset keys are dbt's own, so that raw tables and dbt sources are one node, and dbt tests are
asset checks.
"""

import dagster as dg

from ingestion.settings import Settings, load_settings
from orchestration.defs.raw import raw_assets, source_systems
from orchestration.defs.warehouse import operational_tables, warehouse_assets, warehouse_checks
from orchestration.lib.dagster_home import MAX_RUNTIME_SECONDS
from orchestration.lib.manifest import manifest_file

PLATFORM_JOB = "platform_job"
"""Lands everything that is new, pins, builds, tests, publishes, verifies."""


@dg.definitions
def platform() -> dg.Definitions:
    """The definitions, made from the settings of this process."""
    return definitions_of(load_settings())


def definitions_of(settings: Settings) -> dg.Definitions:
    """The definitions of one environment.

    Raises:
        AdxError: The dbt project or its profile cannot be parsed.
    """
    return dg.Definitions(
        assets=[
            *source_systems(),
            *operational_tables(),
            *raw_assets(settings),
            *warehouse_assets(settings, manifest_file(settings)),
        ],
        asset_checks=warehouse_checks(settings),
        jobs=[
            # One process runs all steps in turn: a process a step costs 3 s each, and the heavy
            # parts (Spark, dbt) are processes or thread pools themselves.
            dg.define_asset_job(
                PLATFORM_JOB,
                selection=dg.AssetSelection.all(),
                executor_def=dg.in_process_executor,
                description="Land what is new, pin, build with dbt, publish, verify.",
                tags={"dagster/max_runtime": str(MAX_RUNTIME_SECONDS)},
            )
        ],
    )
