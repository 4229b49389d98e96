"""How a dbt node looks in Dagster."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject

PIN = dg.AssetKey(["lake", "pin"])
"""What a build reads: exact states of all raw tables."""

PLATFORM_TEAM = "team:data-platform"
OWNERS: Mapping[str, str] = {
    "core": "team:analytics",
    "analytics": "team:analytics",
    "finance": "team:finance",
}
"""Who answers for a layer; the platform team for all others."""

MARTS = tuple(OWNERS)
MARTS_FRESHNESS = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=26), warn_window=timedelta(hours=3)
)
"""Marts are built every hour; a day without them is too long."""


class WarehouseTranslator(DagsterDbtTranslator):
    """Keys are dbt's own, so sources join the raw tables by name; groups are the layers."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_asset_checks=True))

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        """The stock spec; a model over a source waits for the pin, a group is a layer."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = manifest["nodes"].get(unique_id)
        if node is None:
            return spec
        parents = node["depends_on"].get("nodes", ())
        if any(parent.startswith("source.") for parent in parents):
            spec = spec.replace_attributes(deps=[*spec.deps, PIN])
        layer = node["config"].get("schema") or "utilities"
        materialized = node["config"].get("materialized") or "table"
        return spec.replace_attributes(
            group_name=layer,
            owners=[OWNERS.get(layer, PLATFORM_TEAM)],
            kinds={"dbt", "duckdb", "view" if materialized == "view" else "table"},
            tags={**spec.tags, "layer": layer, "materialized": materialized, **_kind_tag(node)},
            freshness_policy=MARTS_FRESHNESS if layer in MARTS else None,
        )


_VAULT_KINDS = {
    "hub": "hub",
    "link": "link",
    "nhl": "event_link",
    "sat": "satellite",
    "masat": "multi_active_satellite",
    "esat": "effectivity_satellite",
    "rtsat": "record_tracking_satellite",
    "pit": "pit",
    "bridge": "bridge",
}


def _kind_tag(node: Mapping[str, Any]) -> dict[str, str]:
    """`vault: hub`, by which the vault can be filtered in the graph."""
    kind = _VAULT_KINDS.get(str(node["name"]).split("_", 1)[0])
    return {"vault": kind} if kind else {}
