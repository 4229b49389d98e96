"""A lost catalog comes back by Dagster only where a person has said so."""

from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from ingestion.errors import AdxError
from ingestion.settings import Settings
from orchestration import lake_upkeep
from orchestration.defs.jobs import jobs
from orchestration.defs.lake_upkeep import LAKE_UPKEEP, REBUILT, RESTORED, lost_catalog_assets


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What was brought back; nothing really is."""
    taken = [SimpleNamespace(table="ops.pins", sequence_number=3, ingest_seq=0)]
    found: list[tuple[object, ...]] = []
    for name in ("restore", "rebuild"):
        monkeypatch.setattr(
            lake_upkeep,
            name,
            lambda _, *where, name=name: found.append((name, *where)) or taken,
        )
    return found


def run(folder: Path, key: dg.AssetKey, **config: object) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        lost_catalog_assets(Settings(home=folder)),
        selection=[key],
        run_config={"ops": {"__".join(key.path): {"config": config}}},
    )


@pytest.mark.parametrize("key", [RESTORED, REBUILT])
def test_without_a_confirmation_nothing_is_brought_back(tmp_path, asked, key):
    with pytest.raises(AdxError, match="does not confirm it") as caught:
        run(tmp_path, key)
    assert f"{'__'.join(key.path)}: {{config: {{confirm: true}}}}" in caught.value.remedy
    assert asked == []


def test_a_lost_catalog_is_brought_back_when_that_is_confirmed(tmp_path, asked):
    run(tmp_path, RESTORED, confirm=True)
    run(tmp_path, RESTORED, confirm=True, backup="/backups/catalog-1.json")
    result = run(tmp_path, REBUILT, confirm=True)
    assert asked == [("restore", None), ("restore", "/backups/catalog-1.json"), ("rebuild",)]
    (event,) = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert (metadata["tables_taken"].value, metadata["from"].value) == (1, "pointers")
    assert "| ops.pins | 3 | 0 |" in metadata["tables"].value


def test_no_job_brings_a_catalog_back():
    assert not {RESTORED, REBUILT} & set(LAKE_UPKEEP)
    selected = " ".join(str(job.selection) for job in jobs([], []))
    assert "catalog_backup" in selected
    assert "catalog_restored" not in selected
    assert "catalog_rebuilt" not in selected
