"""Upkeep of a lake whose warehouse is BigQuery: what is published there is kept and read on."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.contracts import load_contract
from ingestion.lake import Lake, Pin
from ingestion.lake.duckdb import connect, relation_sql
from ingestion.settings import Settings
from orchestration import lake_upkeep
from orchestration.warehouse.bigquery.builds import Builds
from orchestration.warehouse.bigquery.service import Service
from orchestration.warehouse.store import Manifest
from tests.emulated import emulator
from tests.integration.landings import land_messages

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("bigquery_upkeep")]

EVENTS = load_contract("user_events", "events")
COMMITS = 5
LATER_PINS = 4


@pytest.fixture(scope="module")
def on_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A home without anything, and an emulator beside it."""
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    Lake.open(settings).ensure_tables()
    with emulator(settings) as emulated:
        yield emulated


def land(settings: Settings) -> None:
    """One commit of one action."""
    record = {"timestamp": "2026-03-28T09:00:00Z", "event_name": "view"}
    land_messages(settings, "user-events", {0: [(json.dumps(record).encode(), None)]})


def rows(settings: Settings, pin: Pin) -> int:
    """The actions of a pin."""
    location = pin.tables[EVENTS.name].metadata_location
    with connect(settings) as connection:
        found = connection.execute(f"select count(*) from ({relation_sql(EVENTS, location)})")
        return int(found.fetchall()[0][0])


def data_files(settings: Settings) -> set[Path]:
    """All data files of the table of actions, of whichever state."""
    folder = Path(Lake.open(settings).location(EVENTS).removeprefix("file://"))
    return set(folder.rglob("*.parquet"))


def show(settings: Settings, pin: Pin) -> None:
    """Write down, as a build and its publish do, that readers see a build of a pin."""
    builds = Builds(Service(settings))
    now = "2026-03-30T10:00:00+00:00"
    manifest = Manifest(
        f"b{pin.number:06d}-pin{pin.number}", pin.number, None, "code", True, now, now, 1, 1, 1
    )
    builds.prepare()
    builds.accept(manifest, {"core.fct_actions": 1})
    Service(settings).run(builds.publish_statement(manifest))


def keep_house(settings: Settings) -> None:
    """All of the upkeep, as if everything were old."""
    lake_upkeep.compact(settings)
    lake_upkeep.expire(settings, keep=1, hours=0)
    lake_upkeep.orphans(settings, hours=0, delete=True)


def test_what_is_published_on_bigquery_is_kept_until_something_else_is(
    on_emulator: Settings,
) -> None:
    settings = on_emulator
    lake = Lake.open(settings)
    for _ in range(COMMITS):
        land(settings)
    published = lake.pin()
    small = data_files(settings)
    keep_house(settings)
    assert data_files(settings) == small, "nothing is published, so nothing is compacted"

    show(settings, published)
    keep_house(settings)
    assert lake.head(EVENTS).files == 1, "what is published became one file"
    pins = []
    for _ in range(LATER_PINS):
        land(settings)
        pins.append(lake.pin())
    assert lake_upkeep.readers(settings).pins == {published.number}
    keep_house(settings)
    assert small < data_files(settings), "only what is published needs them any more"
    assert rows(settings, published) == COMMITS

    show(settings, pins[-1])
    keep_house(settings)
    assert not small & data_files(settings)
    assert rows(settings, pins[-1]) == COMMITS + LATER_PINS
    window = lake.window(published, pins[-1])
    assert window.ranges[EVENTS.name] == (COMMITS, COMMITS + LATER_PINS), (
        "the window of a build after a rollback needs no file of the pin it went back to"
    )
