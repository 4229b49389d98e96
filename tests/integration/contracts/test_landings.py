"""Batch landings before and after an upgrade: files, SQL tables, packages that a kill left."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ingestion.contracts import load_contract
from ingestion.errors import AdxError
from ingestion.lake import Lake
from ingestion.lake.duckdb import connect
from ingestion.settings import Settings
from ingestion.sources import adserver, campaigns
from tests.integration.lake.processes import killed_at

FIRST = "click_id,event_ts,impression_id,user_id,ip,user_agent,landing_url"
OPTIONAL = {"type": ["string", "null"], "description": "x"}


def line(number: int, *more: str) -> str:
    fields = [
        f"c{number}",
        "2026-03-28T10:00:00Z",
        f"i{number}",
        "u1",
        "203.0.113.9",
        "agent/1",
        "",
    ]
    return ",".join([*fields, *more])


@pytest.fixture
def drop(settings: Settings) -> Callable[..., Path]:
    """Put a file of clicks into the drop folder, as producers do: whole, by a rename."""
    folder = settings.drop / "adserver"
    folder.mkdir(parents=True)

    def put(name: str, *lines: str) -> Path:
        hidden = folder / f"{name}.tmp"
        hidden.write_text("\n".join([*lines, ""]))
        return hidden.rename(folder / name)

    return put


@pytest.fixture
def days(contract_folders: Any) -> tuple[Path, Path]:
    """The contracts before and after."""
    tables = ("adserver.clicks", "adserver.impressions", "adserver.conversions")
    before = contract_folders.first(*tables, "campaigns.publishers")
    after = contract_folders.newer(before, "adserver.clicks", button)
    return before, contract_folders.newer(
        after, "campaigns.publishers", lambda node: node["properties"].update(owner=OPTIONAL)
    )


def test_files_of_both_versions_land_after_the_upgrade(
    settings: Settings, contract_folders: Any, days: tuple[Path, Path], drop: Any, ask: Any
) -> None:
    contract_folders.use(days[0])
    drop("clicks-1.csv", FIRST, line(1))
    adserver.land(settings)
    late = drop("clicks-2.csv", FIRST, line(2), "broken")
    new = drop("clicks-3.csv", f"{FIRST},button", line(3, "left"), line(4, ""))

    contract_folders.use(days[1])
    with pytest.raises(AdxError, match=r"adserver\.clicks is at version 1.*adx upgrade"):
        adserver.land(settings)
    assert late.exists()
    assert new.exists()
    Lake.open(settings).upgrade()
    report = adserver.land(settings)
    assert {file.name: file.outcome for file in report.files} == {
        "clicks-2.csv": "loaded",
        "clicks-3.csv": "loaded",
    }
    landed = ask(
        "adserver.clicks",
        "select _source_file, click_id, button, _contract_version, _error.reason "
        "order by _source_file, _source_line",
    )
    assert landed == [
        ("clicks-1.csv", "c1", None, 1, None),
        ("clicks-2.csv", "c2", None, 2, None),
        ("clicks-2.csv", None, None, 2, "parse"),
        ("clicks-3.csv", "c3", "left", 2, None),
        ("clicks-3.csv", "c4", None, 2, None),
    ]

    contract_folders.use(days[0])
    waiting = drop("clicks-5.csv", FIRST, line(5))
    with pytest.raises(AdxError, match="this code knows 1"):
        adserver.land(settings)
    assert waiting.exists()


def test_a_header_of_no_version_is_refused_with_those_that_are(
    settings: Settings, contract_folders: Any, days: tuple[Path, Path], drop: Any
) -> None:
    contract_folders.use(days[1])
    drop("clicks-1.csv", f"{FIRST},other", line(1, "x"))
    (file,) = adserver.land(settings).files
    assert file.outcome == "failed"
    (reason,) = (settings.drop / "adserver").parent.rglob("*.reason.json")
    assert f"{FIRST},button or, as before: {FIRST}" in reason.read_text()


def test_a_table_gets_its_column_when_the_source_has_it(
    settings: Settings, contract_folders: Any, days: tuple[Path, Path], ask: Any
) -> None:
    path = settings.world / "campaigns.db"
    path.parent.mkdir(parents=True)

    def execute(*statements: str) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    execute(
        "create table publishers (publisher_id text, name text, domain text, updated_at text)",
        "insert into publishers values ('p1', 'One', 'one.example', '2026-03-01T00:00:00.000000Z')",
    )
    contract_folders.use(days[0])
    campaigns.land(settings)
    contract_folders.use(days[1])
    Lake.open(settings).upgrade()
    # The contract may come before the column: nothing is new, and nothing is landed again.
    (before,) = campaigns.land(settings).tables
    assert (before.loaded, before.failed) == (0, 0)
    execute(
        "alter table publishers add column owner text",
        "insert into publishers values "
        "('p2', 'Two', 'two.example', '2026-03-02T00:00:00.000000Z', 'Holding')",
    )
    campaigns.land(settings)
    assert ask(
        "campaigns.publishers", "select publisher_id, owner, _contract_version order by all"
    ) == [("p1", None, 1), ("p2", "Holding", 2)]


def button(node: dict[str, Any]) -> None:
    node["properties"]["button"] = OPTIONAL


def longer_records(node: dict[str, Any]) -> None:
    node["x-max-bytes"] *= 2


@pytest.mark.parametrize("change", [button, longer_records])
def test_a_package_that_old_code_left_is_landed_anew(
    settings: Settings, contract_folders: Any, days: tuple[Path, Path], drop: Any, change: Any
) -> None:
    """Killed between extract and commit, upgraded, landed by the new code: each row once."""
    contract_folders.use(days[0])
    drop("clicks-1.csv", FIRST, line(1), line(2))
    killed_at("dlt.after_extract", lambda: adserver.land(settings))
    contract_folders.use(contract_folders.newer(days[0], "adserver.clicks", change))
    lake, clicks = Lake.open(settings), load_contract("adserver", "clicks")
    lake.upgrade()
    adserver.land(settings)
    with connect(settings) as connection:
        relation = lake.duckdb_relation_sql(clicks, lake.head(clicks).metadata_location)
        landed = f"from ({relation}) select click_id, _contract_version order by all"
        assert connection.execute(landed).fetchall() == [("c1", 2), ("c2", 2)]
