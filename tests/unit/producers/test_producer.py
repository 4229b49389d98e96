"""What callers of a producer get, and what Kafka gets."""

import contextlib
import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from ingestion.contracts import contract_for_topic
from ingestion.errors import AdxError, ExitCode
from ingestion.landing.strict import judge_json
from ingestion.landing.verdict import Failure
from ingestion.producers import producer as producing
from ingestion.producers.events import EventRefusedError
from ingestion.producers.journal import segment_files
from ingestion.producers.lines import produce_lines
from ingestion.producers.producer import BackPressureError, Producer, open_producer
from ingestion.producers.records import Record, read_records
from tests.unit.producers.stand_ins import (
    Broker,
    CrashingDisk,
    headers_of,
    impression,
    settings_of,
    user_event,
)
from tests.waiting import wait_for

Make = Callable[..., Producer]


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def make(tmp_path: Path, broker: Broker) -> Iterator[Make]:
    with contextlib.ExitStack() as stack:

        def start(topic: str = "ad-events", disk: Any = None, **others: Any) -> Producer:
            producer = Producer(
                settings_of(tmp_path, **others), topic, connect=broker.connect, disk=disk
            )
            producer.start()
            stack.callback(producer.close)
            return producer

        yield start


def producer_records(home: Path) -> list[Record]:
    """What the one journal below a home holds."""
    (folder,) = {path.parent for path in home.rglob("*.log")}
    return [
        record
        for first, path in segment_files(folder)
        for record in read_records(path.read_bytes(), first)
    ]


def test_an_event_gets_its_envelope_and_keeps_its_text(make: Make, broker: Broker) -> None:
    producer = make()
    text = orjson.dumps(impression(1)).replace(b'"ad_format"', b'"x" : 1.10, "ad_format"')
    receipt = producer.accept(text)
    assert producer.wait_until_sent(10)
    ((key, value, headers),) = broker.log
    assert (key, headers) == (b"user_1", None)
    assert value.endswith(text[1:])
    event = orjson.loads(value)
    assert event["event_id"] == receipt.event_ids[0]
    assert (event["producer_id"], event["seq"]) == (receipt.producer_id, receipt.first_seq)
    verdict = judge_json(contract_for_topic("ad-events"), value)
    assert verdict.failure is None
    assert list(verdict.extras) == ["impression.x"]


def test_a_user_event_has_its_number_in_the_headers(make: Make, broker: Broker) -> None:
    producer = make("user-events")
    receipt = producer.accept(user_event(3), {"timestamp": "2023-10-23T12:34:56Z"})
    assert producer.wait_until_sent(10)
    assert [record[0] for record in broker.log] == [b"user_3", None]
    assert headers_of(broker.log[1]) == {"producer_id": receipt.producer_id, "seq": "1"}
    verdict = judge_json(contract_for_topic("user-events"), broker.log[0][1])
    assert verdict.failure is None
    assert verdict.values["event_id"] == receipt.event_ids[0]
    assert verdict.extras == {}


@pytest.mark.parametrize("count", [3, 300])
def test_numbers_are_given_without_a_gap_and_a_refused_batch_takes_none(
    make: Make, broker: Broker, count: int
) -> None:
    producer = make()
    batch = [impression(n) for n in range(count)]
    assert producer.accept(*batch).first_seq == 0
    bad = impression(1, country="Germany")
    with pytest.raises(EventRefusedError) as caught:
        producer.accept(*batch, bad, *batch)
    assert (caught.value.index, caught.value.failure.field) == (count, "impression.country")
    assert caught.value.exit_code == ExitCode.FAILED
    assert producer.accept(*batch).first_seq == count
    assert producer.wait_until_sent(10)
    events = [orjson.loads(value) for _, value, _ in broker.log]
    assert [event["seq"] for event in events] == list(range(2 * count))
    ids = [event["event_id"] for event in events]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (b"", None),
        (b"[]", None),
        (b"{", None),
        (b"{}", "event_type"),
        (b'{"event_type":"click"}', "event_ts"),
        (b'{"seq":1}', "seq"),
        (b'{"event_id":"01900000-0000-7000-8000-000000000000"}', "event_id"),
        (b'{"producer_id":"px"}', "producer_id"),
        (b'{"schema_version":1}', "schema_version"),
        (b'{"event_ts":1,"event_ts":2}', "event_ts"),
        (b'{"a":"\xff"}', None),
        (b"\xef\xbb\xbf{}", None),
        (b'{"a":NaN}', None),
        (b"[" * 100_000, None),
        (b'{"a":' * 100_000, None),
    ],
)
def test_what_is_no_event_is_refused_with_the_field_at_fault(
    make: Make, text: bytes, field: str | None
) -> None:
    producer = make()
    with pytest.raises(EventRefusedError) as caught:
        producer.accept(text)
    assert caught.value.failure.field == field
    many = [impression(n) for n in range(100)]
    with pytest.raises(EventRefusedError) as caught:
        producer.accept(*many, text)
    assert (caught.value.index, caught.value.failure.field) == (100, field)
    assert producer.status.journalled == 0


def test_an_event_without_a_json_form_is_refused(make: Make) -> None:
    with pytest.raises(EventRefusedError, match="no JSON form"):
        make().accept({"event_type": {1, 2}})


def test_the_longest_event_is_one_that_the_landing_accepts(make: Make, broker: Broker) -> None:
    producer = make()
    allowed = contract_for_topic("ad-events").max_record_bytes
    event = impression(1, page_url="")

    def fits(size: int) -> bool:
        event["impression"]["page_url"] = "x" * size
        return not isinstance(producer.judge([event])[0], Failure)

    longest = next(size for size in range(allowed, 0, -1) if fits(size))
    event["impression"]["page_url"] = "x" * longest
    producer.accept(event)
    assert producer.wait_until_sent(10)
    assert allowed - 40 < len(broker.log[0][1]) <= allowed


def test_over_the_high_water_mark_callers_are_told_and_later_taken(
    make: Make, broker: Broker
) -> None:
    broker.away = True
    producer = make("user-events", producer_journal_bytes=20_000)
    while producer.status.journal_bytes < 19_500:
        producer.accept(user_event())
    taken = producer.status.journalled
    with pytest.raises(BackPressureError, match="high-water mark is 20000") as caught:
        producer.accept(user_event(), user_event())
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
    assert caught.value.retry_after > 0
    broker.away = False
    assert producer.wait_until_sent(10)
    deadline = time.monotonic() + 10
    while True:
        try:
            assert producer.accept(user_event(taken)).first_seq == taken
            break
        except BackPressureError:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert producer.wait_until_sent(10)
    assert len(broker.log) == taken + 1


def test_what_kafka_has_does_not_count_for_the_mark(make: Make, broker: Broker) -> None:
    producer = make("user-events", producer_journal_bytes=20_000)
    for number in range(3):
        producer.accept(user_event(number, padding="x" * 18_000))
        assert producer.wait_until_sent(10)
        wait_for("the position", lambda: producer.status.journal_bytes == 0, 10)
    assert len(broker.log) == 3


def test_on_a_full_disk_callers_are_told_and_later_taken(make: Make, broker: Broker) -> None:
    disk = CrashingDisk()
    producer = make("user-events", disk=disk)
    producer.accept(user_event(0))
    disk.room = 100
    with pytest.raises(BackPressureError, match="is full"):
        producer.accept(user_event(1))
    disk.room = None
    assert producer.accept(user_event(2)).first_seq == 1
    assert producer.wait_until_sent(10)
    assert [orjson.loads(value)["event_name"] for _, value, _ in broker.log] == ["view 0", "view 2"]


def test_a_disk_that_does_not_confirm_stops_the_producer(make: Make, broker: Broker) -> None:
    disk = CrashingDisk()
    producer = make("user-events", disk=disk)
    producer.accept(user_event(0))
    disk.broken = True
    for _ in range(2):
        with pytest.raises(AdxError, match="did not confirm") as caught:
            producer.accept(user_event(1))
        assert not isinstance(caught.value, BackPressureError)
    assert producer.failed
    disk.broken = False


def test_a_producer_that_is_closed_while_its_disk_stalls_writes_over_nothing(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stalls(CrashingDisk):
        stalled = threading.Event()
        goes_on = threading.Event()

        def sync(self, handle: int) -> None:
            self.stalled.set()
            assert self.goes_on.wait(10)
            super().sync(handle)

    monkeypatch.setattr(producing, "_STOP_SECONDS", 0.1)
    disk = Stalls()
    producer = Producer(settings_of(tmp_path), "user-events", connect=broker.connect, disk=disk)
    producer.start()
    first = producer.submit(producer.check([user_event(0)]))
    assert disk.stalled.wait(10)
    second = producer.submit(producer.check([user_event(1)]))
    with pytest.raises(AdxError, match="has not been written") as caught:
        producer.close()
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
    with pytest.raises(AdxError, match="has not been written"):
        second.result(10)
    disk.goes_on.set()
    assert first.result(10).first_seq == 0
    producer.close()
    (record,) = producer_records(tmp_path)
    assert b"view 0" in record.value


def test_callers_share_an_fsync(make: Make) -> None:
    class Slow(CrashingDisk):
        syncs = 0

        def sync(self, handle: int) -> None:
            time.sleep(0.02)
            super().sync(handle)
            self.syncs += 1

    disk = Slow()
    producer = make("user-events", disk=disk)
    threads = [
        threading.Thread(target=lambda n=n: producer.accept(user_event(n))) for n in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert producer.status.journalled == 40
    assert disk.syncs < 20


def test_nothing_is_sent_before_it_is_on_disk(tmp_path: Path, broker: Broker) -> None:
    producer = Producer(settings_of(tmp_path), "user-events", connect=broker.connect)
    future = producer.submit(producer.check([user_event(0)]))
    producer.sender.step()
    assert not future.done()
    assert not broker.clients[-1].queue
    producer.commit()
    assert future.done()
    producer.sender.step()
    assert len(broker.log) == 1
    producer.close()


def test_a_client_that_fails_is_replaced_and_sends_again_what_was_not_acknowledged(
    tmp_path: Path, broker: Broker
) -> None:
    producer = Producer(settings_of(tmp_path), "user-events", connect=broker.connect)
    producer.submit(producer.check([user_event(n) for n in range(6)]))
    producer.commit()
    broker.away = True
    producer.sender.step()
    first = broker.clients[-1]
    first.deliver([0, 1, 3])
    assert producer.sender.position == 2
    first.fail()
    producer.sender.step()
    assert producer.sender.problem
    broker.away = False
    producer.sender._retry_at = 0.0
    while producer.sender.position < 6:
        producer.sender.step()
    assert len(broker.clients) == 2
    assert producer.sender.problem is None
    assert [headers_of(record)["seq"] for record in broker.log] == list("013") + list("2345")
    assert broker.log[2] == broker.log[4]
    producer.close()


def test_the_next_process_sends_what_was_not_acknowledged(tmp_path: Path, broker: Broker) -> None:
    broker.away = True
    for _ in range(2):
        producer = Producer(settings_of(tmp_path), "user-events", connect=broker.connect)
        producer.start()
        producer.accept(user_event(0), user_event(1))
        assert not producer.wait_until_sent(0.05)
        producer.close()
    broker.away = False
    producer = Producer(settings_of(tmp_path), "user-events", connect=broker.connect)
    producer.start()
    assert producer.wait_until_sent(10)
    producer.close()
    assert [headers_of(record)["seq"] for record in broker.log] == list("0123")
    assert Producer(settings_of(tmp_path), "user-events").sender.position == 4


def test_a_closed_producer_takes_nothing(make: Make, tmp_path: Path, broker: Broker) -> None:
    producer = Producer(settings_of(tmp_path), "user-events", connect=broker.connect)
    producer.start()
    producer.close()
    with pytest.raises(BackPressureError, match="is stopping"):
        producer.accept(user_event(0))


@pytest.mark.parametrize("name", ["", ".", "../px", "px/1", "px.1", "x" * 65, "é"])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(AdxError, match="is no name of a producer") as caught,
        open_producer(settings_of(tmp_path, producer_id=name), "ad-events"),
    ):
        pass
    assert caught.value.exit_code == ExitCode.CONFIGURATION


def test_an_unknown_topic_is_named(tmp_path: Path) -> None:
    with pytest.raises(AdxError, match="no topic clicks") as caught:
        Producer(settings_of(tmp_path), "clicks")
    assert caught.value.exit_code == ExitCode.USAGE


def test_lines_are_taken_one_by_one(make: Make, broker: Broker) -> None:
    producer = make("user-events")
    good = [orjson.dumps(user_event(n)) for n in range(200)]
    lines = [*good[:100], b"", b"nonsense", b'{"timestamp":1}', *good[100:]]
    refused: list[tuple[int, str | None]] = []
    report = produce_lines(
        producer,
        io.BytesIO(b"\n".join(lines)),
        patience=0,
        on_refused=lambda number, failure: refused.append((number, failure.field)),
    )
    assert (report.lines, report.accepted, report.refused) == (203, 200, 2)
    assert refused == [(102, None), (103, "timestamp")]
    assert producer.wait_until_sent(10)
    found = [orjson.loads(value)["event_name"] for _, value, _ in broker.log]
    assert found == [f"view {n}" for n in range(200)]


def test_a_line_without_an_end_does_not_fill_the_memory(make: Make) -> None:
    class Endless:
        left = 20

        def read(self, size: int) -> bytes:
            self.left -= 1
            return b"x" * size if self.left > 0 else b""

    refused: list[str] = []
    report = produce_lines(
        make("user-events"),
        Endless(),
        patience=0,
        on_refused=lambda _, failure: refused.append(failure.reason),
    )
    assert (report.accepted, refused) == (0, ["oversize"])


def test_lines_wait_for_room_and_say_where_they_stopped(make: Make, broker: Broker) -> None:
    broker.away = True
    producer = make("user-events", producer_journal_bytes=20_000)

    class Slowly:
        number = 0

        def read(self, _: int) -> bytes:
            self.number += 1
            return orjson.dumps(user_event(self.number)) + b"\n"

    pipe = Slowly()
    report = produce_lines(producer, pipe, patience=0.05, on_refused=lambda *_: None)
    assert report.waiting is not None
    assert report.lines == report.accepted == pipe.number - 1
    assert producer.status.journalled == report.accepted
