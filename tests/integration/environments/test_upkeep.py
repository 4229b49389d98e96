"""Upkeep on every catalog and storage: rows and readers as before, and nothing too much removed.

The same is tested at length on SQLite and a local folder (tests/integration/lake).
"""

import pytest

from ingestion.contracts import Contract
from ingestion.lake import Lake, StreamClaim, write_data_files
from ingestion.lake.duckdb import connect
from ingestion.lake.storage import storage_of
from ingestion.settings import Settings
from tests.integration.environments.lakes import SIZE, positions, rows_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("environments")]

COMMITS = 5
NAME = "ad_events.events"


def land(lake: Lake, events: Contract, number: int) -> None:
    rows = rows_of(events, SIZE, seq=number + 1, start=number * SIZE)
    files = write_data_files(rows, events, lake.location(events))
    claim = StreamClaim("topic", "id", {0: number * SIZE}, {0: (number + 1) * SIZE})
    lake.commit_files(events, files, claim, expected_seq=number)


def test_rows_and_readers_stay_as_they_are(
    lake: Lake, settings: Settings, events: Contract
) -> None:
    for number in range(COMMITS):
        land(lake, events, number)
    pin = lake.pin()
    location = pin.tables[NAME].metadata_location
    connection = connect(settings)

    def read(metadata_location: str) -> list[tuple[int, ...]]:
        sql = lake.duckdb_relation_sql(events, metadata_location)
        return connection.execute(
            f"select count(*), sum(hash(content)::hugeint) from ({sql}) content"
        ).fetchall()

    before = read(location)
    claims = lake.head(events).claims
    done = {item.table: item for item in lake.upkeep.compact({NAME: COMMITS})}
    assert (done[NAME].files_before, done[NAME].files_after) == (COMMITS, 1)
    assert lake.head(events).claims == claims
    assert read(lake.head(events).metadata_location) == read(location) == before
    assert lake.pin() == pin
    kept = lake.upkeep.kept()
    assert sum(len(found.files) for found in lake.upkeep.orphans(kept, hours=0)) == 0
    expired = {item.table: item for item in lake.upkeep.expire(kept, keep=1, hours=0)}
    assert (expired[NAME].removed, expired[NAME].pinned) == (COMMITS - 1, 1)
    planted = write_data_files(rows_of(events, 1), events, lake.location(events))
    removed = lake.upkeep.orphans(kept, hours=0, delete=True)
    assert {file.path for file in planted} <= {path for found in removed for path in found.files}
    assert not storage_of(planted[0].path).exists(planted[0].path)
    assert read(lake.head(events).metadata_location) == read(location) == before
    assert lake.check_files(events) == []
    land(lake, events, COMMITS)
    assert positions(lake, events) == list(range((COMMITS + 1) * SIZE))
    taken = lake.upkeep.back_up()
    assert {pointer.table for pointer in taken.tables} >= {"raw_ad_events.events", "ops.pins"}
