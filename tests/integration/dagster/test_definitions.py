"""The graph that Dagster shows, from the real dbt project; no run is made."""

import dagster as dg
import pytest

from ingestion.contracts import all_contracts, raw_schema
from orchestration.definitions import platform
from orchestration.defs.dates import EVENT_DATES
from orchestration.defs.jobs import (
    BACKFILL_JOB,
    LANDING_JOB,
    PLATFORM_JOB,
    UPKEEP_JOB,
    WAREHOUSE_JOB,
)
from orchestration.defs.raw import raw_key, system_key
from orchestration.defs.upkeep import OLD_BUILDS
from orchestration.defs.warehouse import PUBLISHED, RECONCILED, VERIFIED, WRITER_POOL
from orchestration.lib.translator import PIN

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dagster")]


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADX_HOME", str(tmp_path_factory.mktemp("home")))
        return platform()


def test_every_raw_table_joins_a_source_system_and_a_dbt_source(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    for contract in all_contracts():
        node = graph.get(raw_key(contract))
        assert node.parent_keys == {system_key(contract.source)}
        children = {key.path[0] for key in node.child_keys}
        if node.is_materializable:
            assert "staging" in children, f"no staging model reads {contract.name}"


def test_staging_waits_for_the_pin_and_the_pin_for_every_raw_table(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    assert graph.get(PIN).parent_keys == {raw_key(contract) for contract in all_contracts()}
    staging = [key for key in graph.get_all_asset_keys() if key.path[0] == "staging"]
    assert len(staging) > 20
    for key in staging:
        assert PIN in graph.get(key).parent_keys, f"{key} does not wait for the pin"


def test_the_path_ends_in_published_and_verified(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    published = graph.get(PUBLISHED)
    assert dg.AssetKey(["core", "fct_impressions"]) in published.parent_keys
    assert dg.AssetKey(["finance", "fct_line_item_billing_daily"]) in published.parent_keys
    assert graph.get(VERIFIED).parent_keys == {PUBLISHED}


def test_no_asset_is_without_a_group_and_a_description(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    nameless = [
        key.to_user_string()
        for key in graph.get_all_asset_keys()
        if graph.get(key).group_name == "default" or not graph.get(key).description
    ]
    assert nameless == []


def test_dbt_tests_are_asset_checks(definitions: dg.Definitions) -> None:
    checked = {key.asset_key.path[0] for key in definitions.resolve_asset_graph().asset_check_keys}
    assert {"core", "analytics", "finance", "raw_vault", "warehouse"} <= checked


OWNERS = {
    "core": {"team:analytics"},
    "analytics": {"team:analytics"},
    "finance": {"team:finance"},
    "source_systems": {"team:ad-tech", "team:ad-operations", "team:finance"},
}
KINDS = {
    "lake": {"iceberg"},
    "upkeep": {"iceberg", "duckdb"},
    "warehouse": {"dbt", "duckdb"},
    "source_systems": {"kafka", "csv", "json", "avro", "sql", "api"},
}
MODELS = {
    "staging",
    "raw_vault",
    "business_vault",
    "core",
    "analytics",
    "finance",
    "utilities",
}


def test_every_asset_has_the_owner_and_the_kinds_of_its_group(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    groups = {"lake", "source_systems", "warehouse", "upkeep"} | MODELS
    groups |= {f"raw_{contract.source}" for contract in all_contracts()}
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    assert {node.group_name for node in nodes} == groups
    for node in nodes:
        group = node.group_name
        assert set(node.owners) <= OWNERS.get(group, {"team:data-platform"}), node.key
        assert len(node.owners) == 1, node.key
        if group in MODELS:
            assert node.kinds in ({"dbt", "duckdb", "table"}, {"dbt", "duckdb", "view"}), node.key
            assert node.key.path[0] == group
        elif group.startswith("raw_"):
            assert node.kinds in ({"iceberg", "spark"}, {"iceberg", "dlt"}), node.key
        else:
            assert node.kinds, node.key
            assert node.kinds <= KINDS[group], node.key


def test_columns_are_known_before_anything_runs(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for contract in all_contracts():
        schema = graph.get(raw_key(contract)).metadata["dagster/column_schema"]
        names = [column.name for column in schema.columns]
        assert names == raw_schema(contract).names
        assert any(column.description for column in schema.columns)
    facts = graph.get(dg.AssetKey(["core", "fct_impressions"])).metadata["dagster/column_schema"]
    described = {column.name: column.description for column in facts.columns}
    assert described["impression_id"]


def test_raw_tables_and_what_readers_see_must_stay_fresh(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        watched = key.path[0] in {"core", "analytics", "finance"} or key == PUBLISHED
        if watched or (key.path[0].startswith("raw_") and key.path[0] != "raw_vault"):
            assert node.freshness_policy is not None, key


def test_every_job_has_an_end_and_what_writes_the_warehouse_is_alone(
    definitions: dg.Definitions,
) -> None:
    every = definitions.resolve_all_job_defs()
    assert {job.executor_def.name for job in every} == {"in_process"}
    jobs = [job for job in every if not job.name.startswith("__ASSET")]
    assert {job.name for job in jobs} == {
        PLATFORM_JOB,
        LANDING_JOB,
        WAREHOUSE_JOB,
        UPKEEP_JOB,
        BACKFILL_JOB,
    }
    for job in jobs:
        assert 0 < int(job.tags["dagster/max_runtime"]) <= 7200
    graph = definitions.resolve_asset_graph()
    for key in (PUBLISHED, EVENT_DATES, OLD_BUILDS, dg.AssetKey(["core", "fct_impressions"])):
        assert graph.get(key).pools == {WRITER_POOL}


def test_whatever_builds_is_reconciled(definitions: dg.Definitions) -> None:
    for name, published in {
        PLATFORM_JOB: PUBLISHED,
        WAREHOUSE_JOB: PUBLISHED,
        UPKEEP_JOB: PUBLISHED,
        BACKFILL_JOB: EVENT_DATES,
    }.items():
        selected = definitions.resolve_job_def(name).asset_layer.asset_graph.asset_check_keys
        assert dg.AssetCheckKey(published, RECONCILED) in selected, name


def test_runs_without_dates_need_no_partition(definitions: dg.Definitions) -> None:
    for name in (PLATFORM_JOB, LANDING_JOB, WAREHOUSE_JOB, UPKEEP_JOB):
        assert definitions.resolve_job_def(name).partitions_def is None
    backfill = definitions.resolve_job_def(BACKFILL_JOB)
    assert backfill.partitions_def is not None
    assert backfill.partitions_def.has_partition_key("2026-03-28")
    node = definitions.resolve_asset_graph().get(EVENT_DATES)
    assert node.backfill_policy == dg.BackfillPolicy.single_run()


def test_what_can_be_switched_on_is_there(definitions: dg.Definitions) -> None:
    assert {sensor.name for sensor in definitions.sensors or ()} >= {
        "adserver_files_sensor",
        "new_commits_sensor",
        "failed_runs_sensor",
        "failed_checks_sensor",
    }
    assert {schedule.name for schedule in definitions.schedules or ()} == {
        "landing_quarter_hourly_schedule",
        "warehouse_hourly_schedule",
        "upkeep_daily_schedule",
    }


def test_one_job_runs_the_whole_path(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def(PLATFORM_JOB)
    steps = {node.name for node in job.nodes}
    expected = {"land_streams", "land_adserver", "land_campaigns", "land_fx", "build_warehouse"}
    assert expected <= steps
