"""A whole world through the real landings: what the lake then holds is what the key says.

Files, database and rates are landed after each played day, as the key assumes; the messages go
through the landing core, without a broker.
"""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from ingestion.adworld import create_world, play, read_key
from ingestion.adworld.export import messages_table
from ingestion.adworld.sinks import MemorySink
from ingestion.contracts import Contract, all_contracts, contract_for_topic, load_contract
from ingestion.lake import Lake
from ingestion.lake.duckdb import connect
from ingestion.landing import KeyStore, LandingContext, Tally, land_json
from ingestion.settings import Settings
from ingestion.sources import adserver, campaigns, crunchbase, exchange, fx

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("landed_world")]

DAYS = 3
Figures = dict[tuple[str, str, str], int]
"""Value by metric, table and reason (or nothing)."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("landed"), drop_quiet_seconds=0.05)


@pytest.fixture(scope="module")
def sink(settings: Settings) -> MemorySink:
    """The messages of all days; everything else has been landed day by day."""
    create_world(settings.world, 11, 8_000, DAYS)
    kept = MemorySink()
    for day in range(1, DAYS + 1):
        play(settings, day, sink=kept)
        for source in (adserver, exchange, campaigns, crunchbase, fx):
            source.land(settings)
        for source in ("adserver", "exchange"):
            assert not list((settings.drop / source).iterdir())
    return kept


@pytest.fixture(scope="module")
def key(settings: Settings, sink: MemorySink) -> Figures:
    figures: Figures = {}
    for one in read_key(settings.world, DAYS):
        dims = json.loads(one.dims)
        if "source_table" in dims:
            place = (one.metric, dims["source_table"], dims.get("reason", ""))
            figures[place] = int(one.value)
    return figures


def _expected(key: Figures, table: str, metrics: tuple[str, ...]) -> Figures:
    return {place: n for place, n in key.items() if place[1] == table and place[0] in metrics}


def _figures(table: str, tally: Tally) -> Figures:
    figures = {
        ("loaded", table, ""): tally.loaded,
        ("failed", table, ""): tally.failed,
        ("drift", table, ""): tally.drift,
        **{("failed", table, reason): n for reason, n in tally.failed_by_reason.items()},
    }
    return {place: n for place, n in figures.items() if n}


def _landed(settings: Settings, contract: Contract) -> Tally:
    location = Lake.open(settings).head(contract).metadata_location
    with connect(settings) as connection:
        relation: duckdb.DuckDBPyRelation = connection.sql(
            Lake.open(settings).duckdb_relation_sql(contract, location)
        )
        return Tally.of(relation.to_arrow_table())


@pytest.mark.parametrize(
    "table", [contract.name for contract in all_contracts() if contract.carrier != "kafka"]
)
def test_the_lake_holds_what_the_key_says(settings: Settings, key: Figures, table: str) -> None:
    landed = _figures(table, _landed(settings, load_contract(*table.split("."))))
    assert landed == _expected(key, table, ("loaded", "failed", "drift"))


@pytest.mark.parametrize("topic", ["ad-events", "user-events"])
def test_messages_land_as_the_key_says(
    topic: str, sink: MemorySink, key: Figures, tmp_path: Path
) -> None:
    contract = contract_for_topic(topic)
    messages = messages_table([m for part in sink.kept[topic] for m in part])
    count = len(messages)
    lineage = pa.table(
        {
            "_kafka_topic": pa.array([topic] * count),
            "_kafka_topic_id": pa.array(["id"] * count),
            "_kafka_partition": messages["partition"],
            "_kafka_offset": pa.array(range(count), pa.int64()),
        }
    )
    context = LandingContext(contract, 1, datetime.now(UTC), KeyStore(tmp_path / "keys"))
    values = messages["value"].combine_chunks()
    rows = land_json(context, values, lineage, messages["event_id"].combine_chunks())
    landed = _figures(contract.name, Tally.of(rows))
    assert landed == _expected(key, contract.name, ("loaded", "failed", "drift"))


def test_every_file_has_the_fate_that_the_key_says(settings: Settings, key: Figures) -> None:
    registered: Counter[tuple[str, str]] = Counter()
    for row in Lake.open(settings).read_ops("file_registry").to_pylist():
        table = f"{row['source']}.{row['table_name']}"
        registered[f"files_{row['status']}", table] += 1
        registered["files_superseded", table] += (
            row["status"] == "loaded" and row["supersedes"] is not None
        )
    expected = {
        (metric, table): n for (metric, table, _), n in key.items() if metric.startswith("files_")
    }
    assert {place: n for place, n in registered.items() if n} == expected
