"""Who reads the lake, where the warehouse is BigQuery."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from ingestion.settings import Settings
from orchestration import lake_upkeep
from orchestration.warehouse.bigquery import service


@pytest.mark.parametrize("connection", [None, "project.eu.lake"])
def test_files_of_external_tables_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connection: str | None
) -> None:
    class FakeService:
        def __init__(self, _: Settings) -> None:
            pass

        def describe(self, dataset: str, table: str) -> SimpleNamespace | None:
            if (dataset, table) == ("ops", "file_registry"):
                return None
            uris = [f"gs://lake/{dataset}/{table}/1.metadata.json"]
            external = None if table == "run_ledger" else SimpleNamespace(source_uris=uris)
            return SimpleNamespace(external_data_configuration=external)

    monkeypatch.setattr(service, "Service", FakeService)
    monkeypatch.setattr(lake_upkeep, "published_manifest", lambda _: SimpleNamespace(pin=4))
    settings = Settings(
        home=tmp_path,
        warehouse_engine="bigquery",
        bigquery_project="project",
        bigquery_connection=connection,
    )
    held = lake_upkeep.readers(settings)
    assert held.pins == {4}
    if connection is None:
        assert held.metadata_files == set(), "rows are loaded, nothing reads the lake"
    else:
        assert "gs://lake/raw_fx/rates__pinned/1.metadata.json" in held.metadata_files
        assert "gs://lake/ops/pins/1.metadata.json" in held.metadata_files
        assert not any("run_ledger" in file for file in held.metadata_files)
