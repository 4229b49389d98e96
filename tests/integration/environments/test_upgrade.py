"""An upgrade on every catalog: ids are ours, races are refused, new tables are as upgraded ones."""

from typing import Any

import pytest

from ingestion.contracts import load_contract
from ingestion.errors import AdxError
from ingestion.lake import BatchClaim, Lake, fence
from ingestion.lake.duckdb import connect
from ingestion.lake.schema import raw_iceberg_schema
from ingestion.settings import Settings
from tests.integration.environments.lakes import rows_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("environments")]

TEXT = {"type": ["string", "null"], "description": "x"}


def richer(node: dict[str, Any]) -> None:
    """A column, a member of a struct, a struct: each would get another id if numbered anew."""
    node["properties"] = {"trace_id": TEXT, **node["properties"]}
    node["properties"]["impression"]["properties"]["seat_id"] = TEXT


def test_a_lake_is_upgraded(
    settings: Settings, contract_folders: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = contract_folders.first("ad_events.events", "fx.rates")
    second = contract_folders.newer(first, "ad_events.events", richer)
    contract_folders.use(first)
    old, lake = load_contract("ad_events", "events"), Lake.open(settings)
    lake.ensure_tables()
    lake.commit_rows(old, rows_of(old, 3), BatchClaim("x", "load 1"))
    before = lake.head(old).metadata_location

    def upgrade_between(name: str) -> None:
        """The upgrade comes between the look of an older landing and its commit."""
        if name == "lake.before_metadata":
            monkeypatch.setattr(fence, "failpoint", lambda _: None)
            contract_folders.use(second)
            Lake.open(settings).upgrade()

    monkeypatch.setattr(fence, "failpoint", upgrade_between)
    with pytest.raises(AdxError, match="this code knows 1"):
        lake.commit_rows(old, rows_of(old, 3, start=3), BatchClaim("x", "load 2"))

    new = load_contract("ad_events", "events")
    lake.ensure_tables()
    assert lake._tables.load(new).schema().as_struct() == raw_iceberg_schema(new).as_struct()
    lake.commit_rows(new, rows_of(new, 2, start=3), BatchClaim("x", "load 2"))
    with connect(settings) as connection:
        for location, count in ((before, 3), (lake.head(new).metadata_location, 5)):
            relation = lake.duckdb_relation_sql(new, location)
            asked = "select count(*), count(trace_id), count(impression.seat_id)"
            assert connection.execute(f"from ({relation}) {asked}").fetchone() == (count, 0, 0)


def test_a_new_lake_has_the_ids_of_one_that_was_upgraded(
    settings: Settings, contract_folders: Any
) -> None:
    first = contract_folders.first("ad_events.events")
    contract_folders.use(contract_folders.newer(first, "ad_events.events", richer))
    lake, events = Lake.open(settings), load_contract("ad_events", "events")
    lake.ensure_tables()
    lake.ensure_tables()
    table = lake._tables.load(events)
    assert table.schema().as_struct() == raw_iceberg_schema(events).as_struct()
    assert table.properties["adx.contract-version"] == "2"
    lake.commit_rows(events, rows_of(events, 2), BatchClaim("x", "load 1"))
    assert lake.head(events).ingest_seq == 1
