"""A whole world through the real landings: what the lake then holds is what the key says.

Files, database, rates and organisations are landed after each played day, as the key assumes; the
messages go through the landing core, without a broker.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from ingestion.adworld import create_world, play, read_key
from ingestion.adworld.export import messages_table
from ingestion.adworld.sinks import MemorySink
from ingestion.contracts import all_contracts, contract_for_topic
from ingestion.lake import Lake
from ingestion.lake.duckdb import connect
from ingestion.landing import KeyStore, LandingContext, Tally, land_json
from ingestion.settings import Settings
from ingestion.sources import adserver, campaigns, crunchbase, exchange, fx

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("landed_world")]

DAYS = 3
ROWS = ("loaded", "failed", "drift")
FILES = ("files_loaded", "files_superseded", "files_failed", "files_repeated")
SOURCES = (campaigns, fx, crunchbase, adserver, exchange)
TABLES = [contract.name for contract in all_contracts() if contract.carrier != "kafka"]
Figures = dict[tuple[str, str, str], int]
"""Value by metric, table and reason (or nothing)."""


@dataclass
class LandedWorld:
    """A world whose days were landed one after another.

    Attributes:
        settings: Its home.
        sink: The messages of all days.
        figures: What the lake held after each day.
    """

    settings: Settings
    sink: MemorySink
    figures: dict[int, Figures] = field(default_factory=dict)

    def key(self, day: int, tables: Iterable[str], metrics: Iterable[str]) -> Figures:
        """What the answer key says of some tables after a day."""
        found = {}
        for answer in read_key(self.settings.world, day):
            dims = json.loads(answer.dims)
            table = dims.get("source_table", "")
            if answer.metric in metrics and table in tables:
                found[answer.metric, table, dims.get("reason", "")] = int(answer.value)
        return found


def counted(settings: Settings) -> Figures:
    """What the lake holds: rows of each table, and the fates of files."""
    lake = Lake.open(settings)
    found: Counter[tuple[str, str, str]] = Counter()
    with connect(settings) as connection:
        for contract in all_contracts():
            if contract.name not in TABLES:
                continue
            relation = lake.duckdb_relation_sql(contract, lake.head(contract).metadata_location)
            rows = connection.sql(
                f"select _error.reason, count(*), count(_extras) from ({relation}) group by all"
            ).fetchall()
            for reason, count, drift in rows:
                if reason is None:
                    found["loaded", contract.name, ""] += count
                    found["drift", contract.name, ""] += drift
                else:
                    found["failed", contract.name, ""] += count
                    found["failed", contract.name, reason] += count
    for row in lake.read_ops("file_registry").to_pylist():
        table = f"{row['source']}.{row['table_name']}"
        found[f"files_{row['status']}", table, ""] += 1
        if row["status"] == "loaded" and row["supersedes"] is not None:
            found["files_superseded", table, ""] += 1
    return {place: n for place, n in found.items() if n}


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> LandedWorld:
    settings = Settings(home=tmp_path_factory.mktemp("landed"), drop_quiet_seconds=0.05)
    create_world(settings.world, 11, 8_000, DAYS)
    world = LandedWorld(settings, MemorySink())
    for day in range(1, DAYS + 1):
        play(settings, day, sink=world.sink)
        for source in SOURCES:
            source.land(settings)
        for source in ("adserver", "exchange"):
            assert not list((settings.drop / source).iterdir())
        world.figures[day] = counted(settings)
    return world


@pytest.mark.parametrize("day", range(1, DAYS + 1))
def test_the_lake_holds_what_the_key_says_after_every_day(landed: LandedWorld, day: int) -> None:
    assert landed.figures[day] == landed.key(day, TABLES, (*ROWS, *FILES))


def test_landing_again_brings_nothing(landed: LandedWorld) -> None:
    for source in (campaigns, fx, adserver, exchange):
        assert sum(table.commits for table in source.land(landed.settings).tables) == 0
    assert counted(landed.settings) == landed.figures[DAYS]


@pytest.mark.parametrize("topic", ["ad-events", "user-events"])
def test_messages_land_as_the_key_says(topic: str, landed: LandedWorld, tmp_path: Path) -> None:
    contract = contract_for_topic(topic)
    messages = messages_table([m for part in landed.sink.kept[topic] for m in part])
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
    tally = Tally.of(rows)
    figures = {
        ("loaded", contract.name, ""): tally.loaded,
        ("failed", contract.name, ""): tally.failed,
        ("drift", contract.name, ""): tally.drift,
        **{("failed", contract.name, reason): n for reason, n in tally.failed_by_reason.items()},
    }
    expected = landed.key(DAYS, [contract.name], ROWS)
    assert {place: n for place, n in figures.items() if n} == expected
