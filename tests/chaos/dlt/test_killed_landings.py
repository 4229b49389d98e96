"""Landings that are killed with SIGKILL at each point lose nothing and load nothing twice."""

import io
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import fastavro
import pytest
from pydantic import SecretStr

from ingestion.adworld import create_world
from ingestion.adworld.config import read_config
from ingestion.adworld.crunchbase_server import serve_crunchbase
from ingestion.adworld.key.organizations import organization_balance
from ingestion.adworld.ledger import Ledger
from ingestion.adworld.state import WorldState, write_state
from ingestion.contracts import all_contracts, load_contract
from ingestion.contracts.avro import avro_schema
from ingestion.lake import Lake
from ingestion.lake.duckdb import connect
from ingestion.settings import Settings
from ingestion.sources import campaigns, crunchbase, exchange

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dlt_kills")]

POINTS = ("dlt.before_extract", "dlt.after_extract", "dlt.before_commit", "dlt.after_commit")


def keys_in_lake(settings: Settings, name: str, key: str) -> Counter[str]:
    contract = load_contract(*name.split("."))
    lake = Lake.open(settings)
    relation = lake.duckdb_relation_sql(contract, lake.head(contract).metadata_location)
    with connect(settings) as connection:
        return Counter(
            value for (value,) in connection.sql(f"select {key} from ({relation})").fetchall()
        )


def drop_wins(settings: Settings, name: str, *ids: str) -> None:
    records = [
        {"bid_id": bid, "clearing_price_micros": 1, "currency": "EUR", "win_ts": 1774699200000000}
        for bid in ids
    ]
    content = io.BytesIO()
    fastavro.writer(content, avro_schema(load_contract("exchange", "wins")), records, "deflate")
    folder = settings.drop / "exchange"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.tmp").write_bytes(content.getvalue())
    (folder / f"{name}.tmp").rename(folder / name)


@pytest.mark.parametrize("point", [*POINTS, "lake.before_register"])
def test_avro_landings_killed_three_times_each_lose_nothing_and_repeat_nothing(
    settings, point, kill_at
):
    """The first two with dlt's folder kept, the third without; each over new files."""
    for number in range(3):
        drop_wins(settings, f"wins-{number}.avro", f"w{number}a", f"w{number}b")
        kill_at("exchange", point)
    shutil.rmtree(settings.dlt)
    drop_wins(settings, "wins-3.avro", "w3")

    report = exchange.land(settings)

    ids = ["w0a", "w0b", "w1a", "w1b", "w2a", "w2b", "w3"]
    assert keys_in_lake(settings, "exchange.wins", "bid_id") == Counter(ids)
    assert not report.problems
    registered = Lake.open(settings).read_ops("file_registry").to_pylist()
    assert sorted((row["status"], row["file_name"], row["rows"]) for row in registered) == [
        ("loaded", "wins-0.avro", 2),
        ("loaded", "wins-1.avro", 2),
        ("loaded", "wins-2.avro", 2),
        ("loaded", "wins-3.avro", 1),
    ]
    assert list((settings.drop / "exchange").iterdir()) == []
    assert list((settings.drop / "processing" / "exchange").iterdir()) == []
    assert sum(table.commits for table in exchange.land(settings).tables) == 0


def put_advertiser(settings: Settings, key: str, updated_at: str) -> None:
    settings.world.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(settings.world / "campaigns.db")) as connection, connection:
        for contract in all_contracts():
            if contract.source == "campaigns":
                columns = ", ".join(
                    f"{field.name} {'integer' if field.type == 'int' else 'text'}"
                    for field in contract.fields
                )
                connection.execute(f"create table if not exists {contract.table} ({columns})")
        connection.execute(
            "insert into advertisers values (?, 'n', 'Europe/Berlin', 'EUR', 'i', 'd', null, ?)",
            (key, updated_at),
        )


@pytest.mark.parametrize("folder", ["kept", "deleted"])
def test_killed_polls_of_a_database_lose_no_version_and_repeat_none(settings, folder, kill_at):
    for number, point in enumerate(POINTS):
        # the same time for all: only the boundary's own rules tell them apart
        put_advertiser(settings, f"a{number}", "2026-03-01T00:00:00.000000Z")
        kill_at("campaigns", point)
        if folder == "deleted":
            shutil.rmtree(settings.dlt)
    campaigns.land(settings)
    assert keys_in_lake(settings, "campaigns.advertisers", "advertiser_id") == Counter(
        f"a{number}" for number in range(len(POINTS))
    )
    assert sum(table.commits for table in campaigns.land(settings).tables) == 0


@pytest.fixture
def organizations(settings) -> Iterator[Settings]:
    """Settings that name the ad world's Crunchbase, after its first day."""
    create_world(settings.world, seed=7, scale=900, days=1)
    write_state(settings.world, WorldState(played=1))
    with serve_crunchbase(settings.world, failures=False, calls_per_minute=10_000) as (url, key):
        yield settings.model_copy(update={"crunchbase_url": url, "crunchbase_key": SecretStr(key)})


@pytest.mark.parametrize("point", POINTS)
def test_killed_landings_of_organizations_lose_no_record_and_repeat_none(
    settings, organizations, point, kill_at
):
    """Three kills; each landing finishes what the one before has left, and dies a table further."""
    access = {
        "ADX_CRUNCHBASE_URL": organizations.crunchbase_url,
        "ADX_CRUNCHBASE_KEY": organizations.crunchbase_key.get_secret_value(),
    }
    for number in range(3):
        kill_at("crunchbase", point, **access)
        if number == 1:
            shutil.rmtree(settings.dlt)
    crunchbase.land(organizations)
    balance = Counter(
        table
        for table, _, _ in organization_balance(Ledger(read_config(settings.world), 1, [], []))
    )
    for table, count in balance.items():
        positions = keys_in_lake(settings, table, "_source_line")
        assert positions.total() == len(positions) == count, table
    assert sum(table.commits for table in crunchbase.land(organizations).tables) == 0
