"""Pins and windows."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ingestion.contracts import Contract
from ingestion.errors import AdxError
from ingestion.lake import BatchClaim, DataFile, Lake, Pin, StreamClaim, fence
from ingestion.lake.duckdb import connect
from ingestion.settings import Settings

Write = Callable[..., list[DataFile]]
MakeRows = Callable[..., pa.Table]


def land(lake: Lake, contract: Contract, write: Write, count: int) -> None:
    """Bring some more rows of a stream."""
    position = lake.stream_position(contract).get("id", {}).get(0, 0)
    seq = lake.head(contract).ingest_seq
    files = write(contract, count, seq=seq + 1, start=position)
    claim = StreamClaim("topic", "id", {0: position}, {0: position + count})
    lake.commit_files(contract, files, claim, expected_seq=seq)


def test_pinning_again_without_news_gives_the_same_pin(
    lake: Lake, events: Contract, write: Write
) -> None:
    land(lake, events, write, 10)
    first = lake.pin()
    assert first.number == 1
    assert lake.pin() == first
    assert lake.pins() == [first]


def test_each_pin_continues_where_the_one_before_ended(
    lake: Lake, events: Contract, rates: Contract, write: Write, make_rows: MakeRows
) -> None:
    land(lake, events, write, 10)
    first = lake.pin()
    land(lake, events, write, 10)
    land(lake, events, write, 10)
    lake.commit_rows(rates, make_rows(rates, 3), BatchClaim("fx", "load 1"))
    second = lake.pin()
    assert [pin.number for pin in lake.pins()] == [1, 2]
    assert lake.pins() == [first, second]
    ranges = {name: (table.from_seq, table.to_seq) for name, table in second.tables.items()}
    assert ranges == {"ad_events.events": (1, 3), "fx.rates": (0, 1), "adserver.clicks": (0, 0)}
    assert second.tables["adserver.clicks"].snapshot_id is None


def test_a_commit_without_rows_is_no_news(lake: Lake, events: Contract, write: Write) -> None:
    land(lake, events, write, 10)
    first = lake.pin()
    lake.commit_files(events, [], StreamClaim("t", "id", {0: 10}, {0: 11}), expected_seq=1)
    assert lake.pin() == first


def test_a_pin_keeps_what_it_saw(
    lake: Lake, settings: Settings, events: Contract, write: Write
) -> None:
    land(lake, events, write, 10)
    pinned = lake.pin().tables["ad_events.events"]
    land(lake, events, write, 10)
    sql = lake.duckdb_relation_sql(events, pinned.metadata_location)
    found = connect(settings).execute(f"select count(*), max(_ingest_seq) from ({sql})").fetchall()
    assert found == [(10, 1)]


def test_a_rival_who_pins_first_is_not_overwritten(
    lake: Lake,
    settings: Settings,
    events: Contract,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rival = Lake.open(settings)
    land(lake, events, write, 10)
    theirs: list[Pin] = []
    pending = [lambda: theirs.append(rival.pin())]

    def hook(name: str) -> None:
        if name == "lake.before_metadata" and pending:
            pending.pop()()

    monkeypatch.setattr(fence, "failpoint", hook)
    assert [lake.pin()] == theirs
    assert lake.pins() == theirs


def test_news_between_two_rival_pins_makes_two_pins(
    lake: Lake,
    settings: Settings,
    events: Contract,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rival = Lake.open(settings)
    land(lake, events, write, 10)

    def pin_and_land() -> None:
        rival.pin()
        land(lake, events, write, 10)

    pending: list[Callable[[], Any]] = [pin_and_land]

    def hook(name: str) -> None:
        if name == "lake.before_metadata" and pending:
            pending.pop()()

    monkeypatch.setattr(fence, "failpoint", hook)
    lake.pin()
    ranges = [
        (pin.number, pin.tables["ad_events.events"].from_seq, pin.tables["ad_events.events"].to_seq)
        for pin in lake.pins()
    ]
    assert ranges == [(1, 0, 1), (2, 1, 2)]


def test_a_window_names_the_dates_it_touches(
    lake: Lake, events: Contract, rates: Contract, write: Write, make_rows: MakeRows
) -> None:
    land(lake, events, write, 1)  # 2026-03-28
    first = lake.pin()
    land(lake, events, write, 2)  # 2026-03-29 and 2026-03-30
    lake.commit_rows(rates, make_rows(rates, 2, start=1), BatchClaim("fx", "load 1"))
    second = lake.pin()
    same_day = replace(first, pinned_at=second.pinned_at)
    window = lake.window(same_day, second)
    assert json.loads(window.to_json()) == {
        "pin": 2,
        "previous_pin": 1,
        "again": None,
        "is_first_of_day": False,
        "tables": {
            "ad_events.events": {
                "from_seq": 1,
                "to_seq": 2,
                "touched_dates": ["2026-03-29", "2026-03-30"],
                "min_effective_date": None,
            },
            "adserver.clicks": {
                "from_seq": 0,
                "to_seq": 0,
                "touched_dates": [],
                "min_effective_date": None,
            },
            "fx.rates": {
                "from_seq": 0,
                "to_seq": 1,
                "touched_dates": [],
                "min_effective_date": "2026-03-29",
            },
        },
    }
    yesterday = replace(first, pinned_at=second.pinned_at - timedelta(days=1))
    assert lake.window(yesterday, second).is_first_of_day
    everything = lake.window(None, second)
    assert everything.previous_pin is None
    assert everything.is_first_of_day
    assert everything.tables["ad_events.events"].touched_dates == (
        date(2026, 3, 28),
        date(2026, 3, 29),
        date(2026, 3, 30),
    )


def test_failed_rows_touch_no_date(lake: Lake, events: Contract, write: Write) -> None:
    land(lake, events, write, 9)
    first = lake.pin()
    land(lake, events, write, 1)  # the tenth row fails
    window = lake.window(first, lake.pin())
    assert window.tables["ad_events.events"].touched_dates == ()


def test_a_window_over_a_lost_file_is_one_clear_sentence(
    lake: Lake, events: Contract, write: Write
) -> None:
    land(lake, events, write, 10)
    pin = lake.pin()
    for file in Path(lake.location(events)).rglob("*.parquet"):
        file.unlink()
    with pytest.raises(AdxError, match=r"data files of ad_events\.events cannot be read") as caught:
        lake.window(None, pin)
    assert "adx reconcile" in caught.value.remedy


def test_a_window_reads_the_files_of_the_window_only(
    lake: Lake, settings: Settings, events: Contract, write: Write
) -> None:
    for _ in range(10):
        land(lake, events, write, 3)
    sql = lake.duckdb_relation_sql(events, lake.head(events).metadata_location, "good")
    window = f"select distinct event_date from ({sql}) where _ingest_seq between 9 and 9"
    plan = connect(settings).execute(f"explain analyze {window}").fetchall()[0][1]
    assert "Total Files Read: 3" in plan, plan
