"""One drain of hand-made records, looked at from every side; then drains that must land nothing."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from ingestion.errors import AdxError
from ingestion.kafka import TOPICS, describe_topics
from ingestion.lake import Lake
from ingestion.settings import Settings
from ingestion.streaming import TopicReport, spark

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("spark")]

LETTER = Path(__file__).with_name("user_actions.jsonl").read_bytes().splitlines()
ACTIONS: list[tuple[bytes | None, list[tuple[str, bytes | None]] | None]] = [
    *((line, None) for line in LETTER),
    (b'{"timestamp":"2023-10-24T00:30:00+01:00"}', [("event_id", b"from-header")]),
    (b'{"timestamp":"2023-10-24T00:30:00Z","event_id":"own"}', [("event_id", b"from-header")]),
    (b'{"event_name":"view"}', None),
    (b'{"timestamp":"yesterday","event_name":"view"}', None),
    (None, None),
    (b"", None),
    (b'{"timestamp":"2023-10-24T00:30:00Z","colour":"blue"}', None),
    (b'{"event_name":"' + b"x" * 300_000 + b'"}', None),
]
SEVEN = ("event_datetime", "event_date", "event_name", "user_id", "platform", "product_name", "SKU")


def click(number: int) -> bytes:
    text = f"00000000-0000-7000-8000-{number:012d}"
    return json.dumps(
        {
            "event_id": text,
            "event_type": "click",
            "event_ts": f"2026-03-2{8 + number % 2}T10:00:00Z",
            "producer_id": "test",
            "seq": number,
            "schema_version": 1,
            "click": {
                "click_id": text,
                "impression_id": text,
                "ip": "192.0.2.7",
                "user_agent": "test",
            },
        }
    ).encode()


@dataclass
class Landed:
    settings: Settings
    reports: dict[str, TopicReport]
    rows: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def landed(
    make_stream_settings: Callable[..., Settings],
    make_topics: Callable[..., list[str]],
    send: Callable[..., None],
    drain: Callable[..., list[TopicReport]],
    raw_rows: Callable[..., list[dict[str, Any]]],
) -> Landed:
    settings = make_stream_settings(stream_batch_records=40)
    make_topics(settings)
    values, headers = zip(*ACTIONS, strict=True)
    send(settings, "user-events", values, partition=1, headers=headers)
    for partition in (0, 1):
        send(settings, "ad-events", [click(number) for number in range(50)], partition=partition)
    reports = {report.topic: report for report in drain(settings)}
    return Landed(settings, reports, {topic: raw_rows(settings, topic) for topic in TOPICS})


def test_every_record_of_both_topics_is_exactly_one_row(landed: Landed) -> None:
    for topic in describe_topics(landed.settings):
        logical = topic.name.removeprefix(landed.settings.kafka_topic_prefix)
        rows = landed.rows[logical]
        assert [(row["_kafka_partition"], row["_kafka_offset"]) for row in rows] == [
            (partition, offset) for partition in (0, 1) for offset in range(topic.end[partition])
        ]
        assert {row["_kafka_topic"] for row in rows} == {topic.name}
        assert {row["_kafka_topic_id"] for row in rows} == {topic.topic_id}


def test_read_is_loaded_and_failed(landed: Landed) -> None:
    clicks, actions = landed.reports["ad-events"], landed.reports["user-events"]
    assert (clicks.read, clicks.loaded, clicks.failed, clicks.lag) == (100, 100, 0, 0)
    assert (actions.read, actions.loaded, actions.failed, actions.lag) == (11, 6, 5, 0)
    assert actions.failed_by_reason == {"parse": 2, "schema": 1, "contract": 1, "oversize": 1}
    assert actions.drift == 1


def test_user_actions_land_to_the_letter(landed: Landed) -> None:
    rows = [{name: row[name] for name in SEVEN} for row in landed.rows["user-events"][:3]]
    texts = [
        ("12:34:56", "view", "user_12345", "web", "Wireless Mouse", "SKU-1001"),
        ("12:35:10", "click", "user_67890", "mobile", "Bluetooth Headphones", "SKU-2002"),
        ("12:36:05", "purchase", "user_12345", "web", "Mechanical Keyboard", "SKU-3003"),
    ]
    assert rows == [
        dict(
            zip(
                SEVEN,
                (datetime.fromisoformat(f"2023-10-23T{time}Z"), date(2023, 10, 23), *others),
                strict=True,
            )
        )
        for time, *others in texts
    ]
    pseudonyms = [row["user_pseudonym"] for row in landed.rows["user-events"][:3]]
    assert pseudonyms[0] == pseudonyms[2] != pseudonyms[1]


def test_missing_fields_of_a_user_action_are_null_and_its_date_is_utc(landed: Landed) -> None:
    row = landed.rows["user-events"][3]
    assert {name: row[name] for name in SEVEN} == {
        **dict.fromkeys(SEVEN),
        "event_datetime": datetime(2023, 10, 23, 23, 30, tzinfo=UTC),
        "event_date": date(2023, 10, 23),
    }
    assert row["_error"] is None or row["_error"]["reason"] is None


def test_the_event_id_is_the_values_own_else_the_headers(landed: Landed) -> None:
    assert [row["_event_id"] for row in landed.rows["user-events"][2:5]] == [
        None,
        "from-header",
        "own",
    ]


def test_failed_records_keep_their_place_and_name_their_reason(landed: Landed) -> None:
    failed = {
        row["_kafka_offset"]: row["_error"]["reason"]
        for row in landed.rows["user-events"]
        if row["_error"] is not None and row["_error"]["reason"] is not None
    }
    assert failed == {5: "schema", 6: "contract", 7: "parse", 8: "parse", 10: "oversize"}


def test_a_batch_is_one_commit_with_one_number_and_one_time(landed: Landed) -> None:
    rows = landed.rows["ad-events"]
    assert landed.reports["ad-events"].batches == 3  # 40 + 40 + 20 records
    stamps = {(row["_ingest_seq"], row["_loaded_at"]) for row in rows}
    assert sorted(seq for seq, _ in stamps) == [1, 2, 3]
    counts = [sum(row["_ingest_seq"] == seq for row in rows) for seq in (1, 2, 3)]
    assert counts == [40, 40, 20]


def test_files_of_user_actions_are_parquet_by_event_date(landed: Landed) -> None:
    data = landed.settings.lake / "tables" / "raw_user_events" / "events" / "data"
    folders = {path.parent.name for path in data.rglob("*.parquet")}
    assert {"event_date=2023-10-23", "event_date=2023-10-24"} <= folders


def test_the_ledger_holds_every_batch(landed: Landed) -> None:
    ledger = Lake.open(landed.settings).read_ops("run_ledger").to_pylist()
    by_table = {
        table: [row for row in ledger if row["subject"] == table]
        for table in ("ad_events.events", "user_events.events")
    }
    assert sorted(row["ingest_seq"] for row in by_table["ad_events.events"]) == [1, 2, 3]
    (actions,) = by_table["user_events.events"]
    assert (actions["kind"], actions["read"], actions["loaded"], actions["failed"]) == (
        "land_stream",
        11,
        6,
        5,
    )
    details = json.loads(actions["details"])
    assert details["end"] == {"1": 11}
    assert details["failed_by_reason"]["oversize"] == 1
    assert not list((landed.settings.home / "ledger").iterdir())


def test_a_second_drain_lands_nothing_and_does_not_even_start_spark(
    landed: Landed,
    drain: Callable[..., list[TopicReport]],
    raw_rows: Callable[..., list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lake = Lake.open(landed.settings)
    before = lake.pin()

    def fail(settings: Settings) -> None:
        raise AssertionError(settings)

    monkeypatch.setattr(spark, "start_spark", fail)
    assert [report.batches for report in drain(landed.settings)] == [0, 0]
    assert lake.pin() == before


def test_nothing_is_left_of_a_finished_run(landed: Landed) -> None:
    left = [path.name for path in landed.settings.checkpoints.iterdir()]
    assert [name for name in left if not name.startswith("spark")] == []


def test_a_lake_that_cannot_be_written_is_named_and_nothing_is_lost(
    stream_settings: Settings,
    make_topics: Callable[..., list[str]],
    send: Callable[..., None],
    drain: Callable[..., list[TopicReport]],
    raw_rows: Callable[..., list[dict[str, Any]]],
) -> None:
    make_topics(stream_settings)
    send(stream_settings, "user-events", LETTER)
    lake = Lake.open(stream_settings)
    lake.ensure_tables()
    blocked = stream_settings.lake / "tables" / "raw_user_events" / "events" / "data"
    blocked.parent.mkdir(parents=True, exist_ok=True)
    Path(blocked).write_text("a file, not a folder")
    with pytest.raises(AdxError, match=r"events/data") as caught:
        drain(stream_settings)
    assert caught.value.exit_code == 4
    blocked.unlink()
    drain(stream_settings)
    assert [row["_kafka_offset"] for row in raw_rows(stream_settings, "user-events")] == [0, 1, 2]
