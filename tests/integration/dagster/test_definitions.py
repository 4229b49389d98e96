"""The graph that Dagster shows, from the real dbt project; no run is made."""

import dagster as dg
import pytest

from ingestion.contracts import all_contracts
from orchestration.definitions import PLATFORM_JOB, platform
from orchestration.defs.raw import raw_key, system_key
from orchestration.defs.warehouse import PUBLISHED, VERIFIED
from orchestration.lib.translator import PIN


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
        assert "staging" in children, f"no staging model reads {contract.name}"


def test_staging_waits_for_the_pin_and_the_pin_for_every_raw_table(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    assert graph.get(PIN).parent_keys == {raw_key(contract) for contract in all_contracts()}
    staging = [key for key in graph.get_all_asset_keys() if key.path[0] == "staging"]
    assert len(staging) > len(all_contracts())
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


def test_one_job_runs_the_whole_path(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def(PLATFORM_JOB)
    steps = {node.name for node in job.nodes}
    expected = {"land_streams", "land_adserver", "land_campaigns", "land_fx", "build_warehouse"}
    assert expected <= steps
