"""The fence holds on every catalog and storage: each row once, whoever races, dies, hears nothing.

The same is tested at length on SQLite and a local folder (tests/integration/lake); here are the
cases in which a REST catalog with S3, or a Postgres catalog, could differ.
"""

import signal
from typing import Any

import pytest
from pyiceberg.catalog.rest import RestCatalog

from ingestion.contracts import Contract
from ingestion.errors import AdxError
from ingestion.lake import BatchClaim, Lake, StalePlan, StreamClaim, write_data_files
from ingestion.lake.duckdb import connect
from ingestion.lake.recovery import recover_catalog
from ingestion.lake.storage import join, storage_of
from ingestion.settings import Settings
from tests.integration.environments.lakes import (
    BATCHES,
    SIZE,
    contracts,
    in_processes,
    positions,
    rows_of,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("environments")]


def test_two_streams_that_race_bring_each_row_once(
    lake: Lake, settings: Settings, events: Contract
) -> None:
    assert in_processes(settings, "race", count=2) == [0, 0]
    assert positions(lake, events) == list(range(BATCHES * SIZE))
    assert lake.head(events).ingest_seq == BATCHES
    assert lake.check_files(events) == []
    root = join(settings.lake_root, "pointers", "raw_ad_events.events")
    assert len(storage_of(root).names(root)) == BATCHES + 1, "a pointer a commit, and the first"


@pytest.mark.parametrize("point", ["lake.before_swap", "lake.after_swap"])
def test_a_stream_killed_in_a_commit_can_repeat_it(
    lake: Lake, settings: Settings, events: Contract, point: str
) -> None:
    assert in_processes(settings, "commit_once", ADX_FAILPOINT=point) == [-signal.SIGKILL]
    landed = point == "lake.after_swap"
    assert lake.head(events).ingest_seq == int(landed)
    files = write_data_files(rows_of(events, SIZE), events, lake.location(events))
    claim = StreamClaim("topic", "id", {0: 0}, {0: SIZE})
    for status in ["already" if landed else "committed", "already"]:
        assert lake.commit_files(events, files, claim, expected_seq=0).status == status
    assert positions(lake, events) == list(range(SIZE))


def lose_the_response(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the next commit arrive and its answer get lost; gives a list that counts commits."""
    catalog = lake._catalog
    commit, done = catalog.commit_table, []

    def deaf(*arguments: Any) -> Any:
        answer = commit(*arguments)
        done.append(1)
        if len(done) == 1:
            raise ConnectionError("the answer got lost")
        return answer

    monkeypatch.setattr(catalog, "commit_table", deaf)
    return done


def test_a_commit_whose_response_is_lost_is_found_and_not_repeated(
    lake: Lake, events: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_data_files(rows_of(events, SIZE), events, lake.location(events))
    claim = StreamClaim("topic", "id", {0: 0}, {0: SIZE})
    done = lose_the_response(lake, monkeypatch)
    assert lake.commit_files(events, files, claim, expected_seq=0).status == "committed"
    assert (len(done), positions(lake, events)) == (1, list(range(SIZE)))


def test_a_package_that_meets_another_writer_is_stamped_again_or_refused(
    lake: Lake, settings: Settings, rates: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Lake.open(settings)
    catalog = other._catalog
    commit = catalog.commit_table

    def commit_after_somebody_else(*arguments: Any) -> Any:
        monkeypatch.setattr(catalog, "commit_table", commit)
        lake.commit_rows(rates, rows_of(rates, 3), BatchClaim("fx", "load 1"))
        return commit(*arguments)

    monkeypatch.setattr(catalog, "commit_table", commit_after_somebody_else)
    result = other.commit_rows(rates, rows_of(rates, 2, start=3), BatchClaim("other", "load 1"))
    assert (result.status, result.ingest_seq) == ("committed", 2)
    assert positions(lake, rates) == list(range(5))
    late = BatchClaim("fx", "load 2", follows="an earlier load")
    with pytest.raises(StalePlan):
        other.commit_rows(rates, rows_of(rates, 1, start=9), late)


def test_a_refusal_of_a_commit_that_is_in_costs_no_file(
    s3_settings: Settings, few_tables: None, rates: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As from a REST catalog behind a proxy that sends a request twice: the second conflicts."""
    lake = Lake.open(s3_settings)
    lake.ensure_tables()
    real = RestCatalog.commit_table

    def sent_twice(*arguments: Any) -> Any:
        real(*arguments)
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(RestCatalog, "commit_table", sent_twice)
        result = lake.commit_rows(rates, rows_of(rates, SIZE), BatchClaim("fx", "load 1"))
    assert (result.status, result.rows) == ("committed", SIZE)
    assert lake.check_files(rates) == []
    assert positions(lake, rates) == list(range(SIZE))


def test_pins_name_states_that_stay_readable(
    lake: Lake, settings: Settings, rates: Contract
) -> None:
    lake.commit_rows(rates, rows_of(rates, 3), BatchClaim("fx", "load 1"))
    first = lake.pin()
    lake.commit_rows(rates, rows_of(rates, 2, start=3), BatchClaim("fx", "load 2"))
    second = lake.pin()
    assert (first.number, second.number, lake.pin().number) == (1, 2, 2)
    with connect(settings) as connection:
        for pin, count in ((first, 3), (second, 5)):
            query = lake.duckdb_relation_sql(rates, pin.tables["fx.rates"].metadata_location)
            assert connection.execute(f"select count(*) from ({query})").fetchall() == [(count,)]
    window = lake.window(first, second).tables["fx.rates"]
    assert (window.from_seq, window.to_seq) == (1, 2)


def test_a_postgres_that_forgot_the_lake_is_noticed_and_told_again(
    few_tables: None, postgres_settings: Settings, rates: Contract
) -> None:
    """As after a restore of an older backup. SeaweedFS keeps its catalog with the files."""
    settings = postgres_settings
    lake = Lake.open(settings)
    lake.ensure_tables()
    lake.commit_rows(rates, rows_of(rates, 3), BatchClaim("fx", "load 1"))
    before = lake.head(rates)
    catalog = lake._catalog
    for contract in contracts():
        catalog.drop_table(contract.identifier)
    with pytest.raises(AdxError, match="has forgotten raw_ad_events") as caught:
        Lake.open(settings).ensure_tables()
    assert "recover" in caught.value.remedy
    assert len(recover_catalog(settings)) == len(contracts())
    found = Lake.open(settings)
    found.ensure_tables()
    assert (found.head(rates), positions(found, rates)) == (before, [0, 1, 2])
