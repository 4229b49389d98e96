"""The collector over ASGI, in process: answers, and that hostile requests change nothing."""

import asyncio
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from ingestion.producers.collector import MOST_BYTES, MOST_EVENTS, collector, split_batch
from ingestion.producers.producer import Producer
from tests.unit.producers.hostile_requests import HostileRequest, hostile_requests, valid_request
from tests.unit.producers.stand_ins import (
    Broker,
    CrashingDisk,
    impression,
    settings_of,
    user_event,
)

REQUESTS = int(os.environ.get("ADX_TEST_REQUESTS", "10000"))


class Collector:
    """The application, its producers and its broker."""

    def __init__(self, home: Path, **others: Any) -> None:
        self.broker = Broker()
        self.disk = CrashingDisk()
        self.producers = {
            topic: Producer(
                settings_of(home, **others), topic, connect=self.broker.connect, disk=self.disk
            )
            for topic in ("ad-events", "user-events")
        }
        for producer in self.producers.values():
            producer.start()
        self.app = collector(list(self.producers.values()))
        self.loop = asyncio.new_event_loop()

    def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        query: bytes = b"",
        headers: dict[str, str] | None = None,
        parts: int = 1,
        client: tuple[str, int] | None = ("192.0.2.9", 5),
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request; gives status, headers and body."""
        size = max(1, -(-len(body) // parts))
        chunks = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
        messages = iter(
            {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
            for number, chunk in enumerate(chunks, 1)
        )
        answer: dict[str, Any] = {"body": b""}

        async def receive() -> Any:
            return next(messages, {"type": "http.disconnect"})

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.update(status=message["status"], headers=message["headers"])
            else:
                answer["body"] += message.get("body", b"")

        sent = {"user-agent": "Mozilla/5.0", **(headers or {})}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode("utf-8", "surrogatepass"),
            "query_string": query,
            "root_path": "",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
            "client": client,
            "server": ("127.0.0.1", 80),
        }
        self.loop.run_until_complete(self.app(scope, receive, send))
        found = {name.decode(): value.decode() for name, value in answer["headers"]}
        return answer["status"], found, answer["body"]

    def post(self, topic: str, event: Any) -> tuple[int, dict[str, str], Any]:
        body = event if isinstance(event, bytes) else orjson.dumps(event)
        status, headers, content = self.call("POST", f"/v1/events/{topic}", body)
        return status, headers, orjson.loads(content)

    def journalled(self) -> list[int]:
        return [producer.status.journalled for producer in self.producers.values()]

    def close(self) -> None:
        for producer in self.producers.values():
            producer.close()
        self.loop.close()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    made: list[Collector] = []

    def start(**others: Any) -> Collector:
        made.append(Collector(tmp_path, **others))
        return made[-1]

    yield start
    for each in made:
        each.close()


def test_a_server_event_is_on_disk_when_it_is_answered(make: Any) -> None:
    web = make()
    status, _, told = web.post("user-events", user_event(1))
    assert (status, told["accepted"], told["first_seq"]) == (202, 1, 0)
    assert web.journalled() == [0, 1]
    status, _, told = web.post("ad-events", [impression(n) for n in range(500)])
    assert (status, told["accepted"], len(told["event_ids"])) == (202, 500, 500)
    assert web.journalled() == [500, 1]
    for producer in web.producers.values():
        assert producer.wait_until_sent(10)
    assert len(web.broker.log) == 501


def test_a_pixel_is_an_impression_of_the_client_that_asked(make: Any) -> None:
    web = make()
    query = urlencode(
        {
            "impression_id": "imp-1",
            "line_item_id": "li-1",
            "creative_id": "cr-1",
            "placement_id": "pl-1",
            "device_type": "mobile",
            "ad_format": "display",
            "channel": "display",
            "width": 300,
            "country": "",
            "latitude": "52.52",
            "consent.gdpr_applies": "false",
            "consent.personal": "true",
            "cb": "8472",
        }
    ).encode()
    status, headers, body = web.call("GET", "/v1/pixel/impression", query=query)
    assert (status, headers["content-type"], headers["cache-control"]) == (
        200,
        "image/gif",
        "no-store",
    )
    assert body.startswith(b"GIF89a")
    assert web.producers["ad-events"].wait_until_sent(10)
    event = orjson.loads(web.broker.log[0][1])
    assert event["event_type"] == "impression"
    assert event["impression"] == {
        "impression_id": "imp-1",
        "line_item_id": "li-1",
        "creative_id": "cr-1",
        "placement_id": "pl-1",
        "device_type": "mobile",
        "ad_format": "display",
        "channel": "display",
        "width": 300,
        "latitude": "52.52",
        "consent": {"gdpr_applies": False, "personal": True},
        "ip": "192.0.2.9",
        "user_agent": "Mozilla/5.0",
    }
    click = b"click_id=c-1&impression_id=imp-1"
    assert web.call("GET", "/v1/pixel/click", query=click)[0] == 200
    assert web.journalled() == [2, 0]
    assert web.call("HEAD", "/v1/pixel/click", query=click)[0] == 405
    assert web.journalled() == [2, 0]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (b"", "click.click_id"),
        (b"click_id=1&click_id=2", "click_id"),
        (b"click_id=c&impression_id=i&ip=192.0.2.1", "ip"),
        (b"click_id=c&impression_id=i&seq=1", "seq"),
        (b"click_id=c&impression_id=i&landing_url=%00", None),
        (b"&".join(b"cb=1" for _ in range(200)), None),
    ],
)
def test_a_pixel_that_is_no_event_gets_400_with_the_field(
    make: Any, query: bytes, field: str | None
) -> None:
    web = make()
    status, _, body = web.call("GET", "/v1/pixel/click", query=query)
    assert (status, orjson.loads(body)["field"]) == (400, field)
    assert web.journalled() == [0, 0]


def test_a_number_in_a_pixel_is_a_number(make: Any) -> None:
    web = make()
    query = b"impression_id=i&video_event=start&position_ms="
    status, _, body = web.call("GET", "/v1/pixel/video", query=query + b"1.5")
    assert (status, orjson.loads(body)["field"]) == (400, "position_ms")
    assert web.call("GET", "/v1/pixel/video", query=query + b"15")[0] == 200


def test_a_client_without_an_address_is_told(make: Any) -> None:
    web = make()
    query = b"click_id=c&impression_id=i"
    for client in (None, ("testclient", 1)):
        status, _, body = web.call("GET", "/v1/pixel/click", query=query, client=client)
        assert (status, orjson.loads(body)["field"]) == (400, "click.ip")


def test_a_batch_with_one_bad_event_is_refused_whole(make: Any) -> None:
    web = make()
    status, _, told = web.post(
        "ad-events", [impression(1), impression(2, device_type="toaster"), impression(3)]
    )
    assert (status, told["reason"], told["field"], told["index"]) == (
        400,
        "contract",
        "impression.device_type",
        1,
    )
    assert web.journalled() == [0, 0]


@pytest.mark.parametrize("parts", [1, 7])
def test_what_is_too_long_gets_413(make: Any, parts: int) -> None:
    web = make()
    path = "/v1/events/user-events"
    for body, declared in (
        (b"x" * (MOST_BYTES + 1), None),
        (b"x" * (17 * MOST_BYTES), None),
        (b"{}", str(MOST_BYTES + 1)),
        (b"{}", "9" * 5000),
        (orjson.dumps(user_event(1, padding="x" * 300_000)), None),
        (orjson.dumps([user_event(1)] * (MOST_EVENTS + 1)), None),
    ):
        headers = {} if declared is None else {"content-length": declared}
        status, _, told = web.call("POST", path, body, headers=headers, parts=parts)
        assert status == 413, body[:50]
        assert orjson.loads(told)["error"]
    assert web.journalled() == [0, 0]


def test_under_back_pressure_callers_get_503_and_when_to_come_back(make: Any) -> None:
    web = make(producer_journal_bytes=30_000)
    web.broker.away = True
    batch = [user_event(n) for n in range(20)]
    statuses = []
    for _ in range(10):
        status, headers, _ = web.post("user-events", batch)
        statuses.append(status)
    assert status == 503
    assert int(headers["retry-after"]) > 0
    taken = statuses.count(202)
    assert web.journalled() == [0, 20 * taken]
    assert 0 < taken < 10
    web.broker.away = False
    assert web.producers["user-events"].wait_until_sent(10)
    assert len(web.broker.log) == 20 * taken


def test_a_full_disk_gets_503_and_health_says_how_it_stands(make: Any) -> None:
    web = make()
    web.disk.room = 10
    status, headers, _ = web.post("user-events", user_event(1))
    assert (status, headers["retry-after"]) == (503, "30")
    assert web.call("GET", "/health")[0] == 200
    web.disk.room = None
    assert web.post("user-events", user_event(1))[0] == 202
    web.disk.broken = True
    assert web.post("user-events", user_event(1))[0] == 503
    status, _, body = web.call("GET", "/health")
    assert status == 503
    assert "did not confirm" in orjson.loads(body)[1]["problem"]
    web.disk.broken = False


def test_other_addresses_and_methods_are_told(make: Any) -> None:
    web = make()
    assert web.call("GET", "/")[0] == 404
    assert web.call("POST", "/v1/events/clicks", b"{}")[0] == 404
    assert web.call("GET", "/v1/events/ad-events")[0] == 405
    assert web.call("POST", "/v1/pixel/click", b"{}")[0] == 405


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b"{}", 1),
        (b' [ {"a":[1,"]"]} ,\n{"b":"\\"],"} ] ', 2),
        (b"[1,2.50,1e999,99999999999999999999999]", 4),
        (b"\xff[", 1),
        (b"", 1),
    ],
)
def test_a_body_is_split_without_changing_a_byte(body: bytes, count: int) -> None:
    found = split_batch(body)
    assert len(found) == count
    assert all(each in body for each in found)


def test_the_document_describes_every_address(make: Any) -> None:
    web = make()
    status, _, body = web.call("GET", "/openapi.json")
    assert status == 200
    document = json.loads(body)
    assert set(document["paths"]) == {
        "/v1/events/ad-events",
        "/v1/events/user-events",
        "/v1/pixel/impression",
        "/v1/pixel/viewability",
        "/v1/pixel/video",
        "/v1/pixel/click",
    }
    rng = random.Random(1)
    for path, operations in document["paths"].items():
        for method in operations:
            for _ in range(20):
                request = valid_request(document, method, path, rng)
                status, _, told = web.call(
                    request.method, request.path, request.body, query=request.query
                )
                assert status in {200, 202}, (request, told)


def test_hostile_requests_change_nothing(make: Any) -> None:
    web = make()
    document = json.loads(web.call("GET", "/openapi.json")[2])
    web.post("user-events", user_event(1))
    before = web.journalled()
    seen = set()
    for request in hostile_requests(document, REQUESTS, random.Random(7)):
        status, _, body = web.call(
            request.method,
            request.path,
            request.body,
            query=request.query,
            headers=request.headers,
            client=request.client,
        )
        _check(request, status, body)
        seen.add((request.kind, status))
    assert web.journalled() == before
    assert {status for _, status in seen} >= {400, 404, 405, 413}
    assert web.post("user-events", user_event(2))[0] == 202
    assert web.producers["user-events"].wait_until_sent(10)
    assert len(web.broker.log) == 2


def _check(request: HostileRequest, status: int, body: bytes) -> None:
    assert 400 <= status < 500, (request, status)
    if status == 400 and request.field is not None:
        assert orjson.loads(body)["field"] == request.field, request
