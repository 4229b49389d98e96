"""How a dbt node looks in Dagster."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject

PIN = dg.AssetKey(["lake", "pin"])
"""What a build reads: exact states of all raw tables."""


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
        return spec.replace_attributes(group_name=layer)
