"""A lake with data comes to newer contracts: nothing is lost, old rows are readable."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ingestion.contracts import Contract, load_contract
from ingestion.errors import AdxError, ExitCode
from ingestion.lake import BatchClaim, Lake, StreamClaim, fence, write_data_files
from ingestion.lake.catalog import CATALOG_FILE
from ingestion.lake.duckdb import connect
from ingestion.lake.recovery import recover_catalog
from ingestion.lake.schema import raw_iceberg_schema
from ingestion.settings import Settings
from tests.integration.lake.processes import killed_at, together

pytestmark = pytest.mark.slow

TABLES = ("ad_events.events", "exchange.bid_requests", "fx.rates")
TEXT = {"type": ["string", "null"], "description": "x"}
SEATS = {
    "type": ["object", "null"],
    "description": "x",
    "required": [],
    "properties": {"seat_id": TEXT, "of": {**TEXT, "type": ["integer", "null"]}},
}


def richer_events(node: dict[str, Any]) -> None:
    """A column in the middle, a member of a struct, a member of the union."""
    node["properties"] = {"trace_id": TEXT, **node["properties"], "auction": SEATS}
    node["properties"]["impression"]["properties"]["seat_id"] = TEXT
    node["properties"]["event_type"]["enum"].append("auction")
    node["x-union"]["members"].append("auction")


def richer_requests(node: dict[str, Any]) -> None:
    """A member of a struct in a list, and a list."""
    node["properties"]["imp"]["items"]["properties"]["position"] = TEXT
    node["properties"]["seats"] = {
        "type": ["array", "null"],
        "description": "x",
        "items": {"type": "string"},
    }


def more_values(node: dict[str, Any]) -> None:
    """More values are allowed, no column is new."""
    node["properties"]["base"]["x-length"] = None


@pytest.fixture
def folders(contract_folders: Any) -> tuple[Path, Path]:
    """The contracts before and after."""
    before = contract_folders.first(*TABLES)
    after = contract_folders.newer(before, "ad_events.events", richer_events)
    after = contract_folders.newer(after, "exchange.bid_requests", richer_requests)
    return before, contract_folders.newer(after, "fx.rates", more_values)


class Moving:
    """A lake, and code of before and after."""

    def __init__(self, settings: Settings, folders: Any, days: tuple[Path, Path]) -> None:
        self.settings = settings
        self._folders = folders
        self._days = days
        self.be_old()
        self.lake = Lake.open(settings)
        self.lake.ensure_tables()
        self.old = {name: load_contract(*name.split(".")) for name in TABLES}
        self.be_new()
        self.new = {name: load_contract(*name.split(".")) for name in TABLES}
        self.be_old()

    def be_old(self) -> None:
        self._folders.use(self._days[0])

    def be_new(self) -> None:
        self._folders.use(self._days[1])

    def stream(self, contract: Contract, rows: Callable[..., pa.Table], count: int = 10) -> None:
        """Land events as a stream does."""
        head = self.lake.head(contract)
        start = head.claims.stream.get("id", {}).get(0, 0)
        made = rows(contract, count, seq=head.ingest_seq + 1, start=start)
        files = write_data_files(made, contract, self.lake.location(contract))
        claim = StreamClaim("topic", "id", {0: start}, {0: start + count})
        self.lake.commit_files(contract, files, claim, expected_seq=head.ingest_seq)

    def ask(self, contract: Contract, select: str, location: str | None = None) -> list[Any]:
        location = location or self.lake.head(contract).metadata_location
        relation = self.lake.duckdb_relation_sql(contract, location)
        with connect(self.settings) as connection:
            return connection.execute(f"from ({relation}) select {select}").fetchall()


@pytest.fixture
def moving(
    settings: Settings, contract_folders: Any, folders: tuple[Path, Path], make_rows: Any
) -> Moving:
    """A lake with rows in every table, pinned."""
    made = Moving(settings, contract_folders, folders)
    made.stream(made.old["ad_events.events"], make_rows)
    for name in ("exchange.bid_requests", "fx.rates"):
        contract = made.old[name]
        made.lake.commit_rows(contract, make_rows(contract, 10), BatchClaim(name, "load 1"))
    made.lake.pin()
    return made


def test_old_rows_keep_their_values_and_have_nulls_in_new_columns(
    moving: Moving, make_rows: Any
) -> None:
    lake, events = moving.lake, moving.new["ad_events.events"]
    before = {name: lake.head(moving.old[name]) for name in TABLES}
    rows_before = {name: moving.ask(moving.old[name], "*") for name in TABLES}
    moving.be_new()
    planned = lake.planned_upgrades()
    assert lake.upgrade() == planned
    assert {item.table: item.columns for item in planned} == {
        "ad_events.events": ("trace_id", "impression.seat_id", "auction"),
        "exchange.bid_requests": ("imp.element.position", "seats"),
        "fx.rates": (),
    }
    lake.ensure_tables()
    assert lake.upgrade() == []
    for name in TABLES:
        head = lake.head(moving.new[name])
        assert (head.claims, head.ingest_seq) == (before[name].claims, before[name].ingest_seq)
        old, new = moving.old[name], moving.new[name]
        columns = ", ".join(f'"{column}"' for column in _plain(old))
        assert len(moving.ask(new, "*")) == 10
        assert moving.ask(new, columns) == moving.ask(old, columns, before[name].metadata_location)
        # Code of before reads what it knows, so its views over a new pin work, too.
        assert len(moving.ask(old, "*")) == len(rows_before[name])

    moving.stream(events, make_rows)
    # Every tenth row failed, and has no values at all.
    found = moving.ask(
        events,
        "_ingest_seq, count(trace_id), count(impression), count(impression.seat_id), "
        "count(impression.impression_id), count(*) group by all order by all",
    )
    assert found[0][1] == found[0][3] == 0
    assert found[0][4] == 3
    assert found[1][1] == 9
    assert found[1][3] == found[1][4] > 0

    requests = moving.new["exchange.bid_requests"]
    lake.commit_rows(requests, make_rows(requests, 4, start=10), BatchClaim("x", "load 2"))
    found = moving.ask(
        requests,
        "_ingest_seq, count(imp[1].id), count(imp[1].position), count(seats) "
        "group by all order by all",
    )
    assert found[0][1] > 0
    assert found[0][2:] == (0, 0)
    assert found[1][1] == found[1][2] > 0
    assert found[1][3] == 4


def _plain(contract: Contract) -> list[str]:
    fields = contract.column_fields()
    return [field.column for field in fields if field.type not in ("struct", "array")]


def test_a_table_that_was_upgraded_is_one_that_was_made_new(moving: Moving, tmp_path: Path) -> None:
    moving.be_new()
    moving.lake.upgrade()
    fresh = Lake.open(Settings(home=tmp_path / "fresh"))
    fresh.ensure_tables()
    for contract in moving.new.values():
        upgraded, made = (lake._tables.load(contract) for lake in (moving.lake, fresh))
        assert upgraded.schema().as_struct() == raw_iceberg_schema(contract).as_struct()
        assert upgraded.schema().as_struct() == made.schema().as_struct()
        options = {key for key in made.properties if not key.startswith("adx.")}
        assert {key: upgraded.properties.get(key) for key in options} == {
            key: made.properties[key] for key in options
        }


def test_a_pin_of_before_can_be_read_by_the_code_of_after(moving: Moving, make_rows: Any) -> None:
    moving.be_new()
    moving.lake.upgrade()
    moving.stream(moving.new["ad_events.events"], make_rows)
    pins = [*moving.lake.pins(), moving.lake.pin()]
    for name, contract in moving.new.items():
        first = pins[0].tables[name].metadata_location
        assert first == moving.lake.pins()[0].tables[name].metadata_location
        assert len(moving.ask(contract, "*", first)) == 10
    first = pins[0].tables["ad_events.events"].metadata_location
    events = moving.new["ad_events.events"]
    assert moving.ask(
        events,
        "count(trace_id), count(auction), count(impression.seat_id), count(impression.ip), "
        "count(*) filter (impression is null and _error.reason is null)",
        first,
    ) == [(0, 0, 0, 3, 6)]
    requests = moving.new["exchange.bid_requests"]
    first = pins[0].tables["exchange.bid_requests"].metadata_location
    ((positions, ids),) = moving.ask(requests, "count(imp[1].position), count(imp[1].id)", first)
    assert positions == 0
    assert ids > 0
    window = moving.lake.window(pins[0], pins[1])
    assert window.tables["ad_events.events"].touched_dates


def test_new_code_lands_nothing_before_the_upgrade_and_names_it(
    moving: Moving, make_rows: Any
) -> None:
    moving.be_new()
    before = {name: moving.lake.head(moving.new[name]) for name in TABLES}
    with pytest.raises(AdxError, match=r"ad_events.events is at version 1.*newest is 2") as caught:
        moving.lake.ensure_tables()
    assert "adx upgrade" in caught.value.remedy
    assert caught.value.exit_code is ExitCode.CONFIGURATION
    with pytest.raises(AdxError, match="version 1 of its contract"):
        moving.stream(moving.new["ad_events.events"], make_rows)
    assert {name: moving.lake.head(moving.new[name]) for name in TABLES} == before


@pytest.mark.parametrize("name", TABLES)
def test_old_code_lands_nothing_after_the_upgrade(
    moving: Moving, make_rows: Any, name: str
) -> None:
    """Also where no column is new: it would fail records that the new version takes."""
    moving.be_new()
    moving.lake.upgrade()
    moving.be_old()
    before = moving.lake.head(moving.new[name])
    with pytest.raises(AdxError, match="this code knows 1"):
        moving.lake.ensure_tables()
    contract = moving.old[name]

    def land() -> None:
        if contract.carrier == "kafka":
            moving.stream(contract, make_rows)
        else:
            moving.lake.commit_rows(contract, make_rows(contract, 1), BatchClaim("x", "load 2"))

    with pytest.raises(AdxError, match="this code knows 1") as caught:
        land()
    assert "goes on where the lake ends" in caught.value.remedy
    assert moving.lake.head(moving.new[name]) == before


def test_a_commit_that_was_planned_before_the_upgrade_is_refused(
    moving: Moving, make_rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upgrade comes in between the look at the table and the commit to it."""
    passed = []

    def upgrade_once(name: str) -> None:
        if name == "lake.before_metadata" and not passed:
            passed.append(name)
            moving.be_new()
            Lake.open(moving.settings).upgrade()
            moving.be_old()

    events = moving.old["ad_events.events"]
    position = moving.lake.stream_position(events)
    monkeypatch.setattr(fence, "failpoint", upgrade_once)
    with pytest.raises(AdxError, match="this code knows 1"):
        moving.stream(events, make_rows)
    assert moving.lake.stream_position(events) == position
    moving.be_new()
    moving.stream(moving.new["ad_events.events"], make_rows)
    assert moving.ask(moving.new["ad_events.events"], "count(*), max(_kafka_offset)") == [(20, 19)]


POINTS = ("lake.before_metadata", "lake.before_swap:2", "lake.after_swap", "upgrade.after_table:2")


@pytest.mark.parametrize("point", POINTS)
def test_an_upgrade_that_was_killed_is_finished_by_the_next(
    moving: Moving, make_rows: Any, point: str
) -> None:
    moving.be_new()
    killed_at(point, lambda: Lake.open(moving.settings).upgrade())
    lake = Lake.open(moving.settings)
    with pytest.raises(AdxError, match="adx upgrade"):
        lake.ensure_tables()
    lake.upgrade()
    lake.ensure_tables()
    for name, contract in moving.new.items():
        table = lake._tables.load(contract)
        assert table.properties["adx.contract-version"] == "2"
        assert len(table.metadata.schemas) == (1 if name == "fx.rates" else 2)
        assert len(moving.ask(contract, "*")) == 10
    moving.stream(moving.new["ad_events.events"], make_rows)


def test_upgrades_at_once_change_each_table_once(moving: Moving) -> None:
    moving.be_new()

    def upgrade() -> None:
        Lake.open(moving.settings).upgrade()

    assert together(*[upgrade] * 6) == [0] * 6
    for contract in moving.new.values():
        table = moving.lake._tables.load(contract)
        # The first snapshot is the rows', the second one the upgrade's.
        assert len(table.snapshots()) == 2
        assert len(moving.ask(contract, "*")) == 10


def test_an_upgrade_among_landings_loses_and_doubles_nothing(
    moving: Moving, make_rows: Any
) -> None:
    """Old code lands until it is stopped, with the upgrade at any moment; new code goes on."""
    old, new = moving.old["ad_events.events"], moving.new["ad_events.events"]

    def land() -> None:
        def on_and_on() -> None:
            while True:
                moving.stream(old, make_rows, count=3)

        with pytest.raises(AdxError, match="this code knows 1"):
            on_and_on()

    def upgrade() -> None:
        moving.be_new()
        Lake.open(moving.settings).upgrade()

    assert together(land, upgrade) == [0, 0]
    landed = moving.lake.stream_position(old)["id"][0]
    moving.be_new()
    moving.stream(new, make_rows)
    assert moving.ask(new, "count(*), count(distinct _kafka_offset), max(_kafka_offset)") == [
        (landed + 10, landed + 10, landed + 9)
    ]


def test_a_catalog_that_is_rebuilt_stands_at_the_upgrade(moving: Moving) -> None:
    moving.be_new()
    moving.lake.upgrade()
    for path in moving.settings.lake.glob(f"{CATALOG_FILE}*"):
        path.unlink()
    recover_catalog(moving.settings)
    lake = Lake.open(moving.settings)
    lake.ensure_tables()
    assert len(moving.ask(moving.new["ad_events.events"], "trace_id")) == 10


def test_two_versions_are_added_at_once(
    moving: Moving, contract_folders: Any, folders: tuple[Path, Path]
) -> None:
    """A lake that skipped a version gets the columns of both, numbered as if it had not."""
    third = contract_folders.newer(
        folders[1],
        "ad_events.events",
        lambda node: node["properties"]["auction"]["properties"].update(deal=TEXT),
    )
    contract_folders.use(third)
    events = load_contract("ad_events", "events")
    (upgrade,) = [item for item in moving.lake.upgrade() if item.table == events.name]
    assert (upgrade.from_version, upgrade.to_version) == (1, 3)
    assert upgrade.columns[-1] == "auction.deal"
    table = moving.lake._tables.load(events)
    assert table.schema().as_struct() == raw_iceberg_schema(events).as_struct()
    assert len(moving.ask(events, "auction.deal")) == 10
