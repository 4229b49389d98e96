"""Three played days, landed day by day, against the ad world's answer key."""

import json
from collections import Counter

import pytest

from ingestion.adworld import create_world, play, read_key
from ingestion.adworld.sinks import MemorySink
from ingestion.contracts import all_contracts
from ingestion.errors import ExitCode
from ingestion.lake import Lake
from ingestion.lake.duckdb import connect
from ingestion.settings import Settings
from ingestion.sources import adserver, campaigns, exchange, fx

pytestmark = pytest.mark.slow

DAYS = 3
METRICS = {
    "loaded",
    "failed",
    "drift",
    "files_loaded",
    "files_superseded",
    "files_failed",
    "files_repeated",
}
SOURCES = ("adserver", "exchange", "campaigns", "fx")


def expected(settings: Settings, day: int) -> dict[tuple[str, str, str], int]:
    found = {}
    for answer in read_key(settings.world, day):
        dims = json.loads(answer.dims)
        table = dims.get("source_table", "")
        if answer.metric in METRICS and table.split(".")[0] in SOURCES:
            found[answer.metric, table, dims.get("reason", "")] = int(answer.value)
    return found


def counted(settings: Settings) -> dict[tuple[str, str, str], int]:
    lake = Lake.open(settings)
    found: Counter[tuple[str, str, str]] = Counter()
    with connect(settings) as connection:
        for contract in all_contracts():
            if contract.source not in SOURCES:
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
        if row["supersedes"] is not None:
            found["files_superseded", table, ""] += 1
    return {key: value for key, value in found.items() if value}


@pytest.fixture
def world(settings: Settings) -> Settings:
    create_world(settings.world, seed=7, scale=6_000, days=DAYS)
    return settings


def test_what_is_landed_balances_with_what_was_sent_after_every_day(world):
    sink = MemorySink()
    for day in range(1, DAYS + 1):
        play(world, day, sink=sink)
        reports = [source.land(world) for source in (campaigns, fx, adserver, exchange)]
        assert counted(world) == expected(world, day)
        assert {report.exit_code for report in reports} <= {ExitCode.OK, ExitCode.DATA}
    for source in (campaigns, fx, adserver):
        assert sum(table.commits for table in source.land(world).tables) == 0
    assert counted(world) == expected(world, DAYS)
