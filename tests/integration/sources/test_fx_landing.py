"""Landing exchange rates: paging, retries, look-back, an API that lies."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings
from ingestion.sources.fx import api, land

pytestmark = pytest.mark.slow

TABLES = ("fx.",)
TODAY = date(2026, 4, 1)


def rate(day, text, base="USD", quote="EUR", **more):
    return {"rate_date": day, "base": base, "quote": quote, "rate": text, **more}


class Api:
    """An FX API whose rates and failures a test sets."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.rates: list[object] = []
        self.page_rows = 2
        self.failures: list[tuple[int, dict[str, str]]] = []
        self.body: bytes | None = None
        self.next_page: object = ...
        self.requests: list[dict[str, str]] = []

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        self.requests.append(query)
        if self.failures:
            return (*self.failures.pop(0), b"{}")
        if self.body is not None:
            return 200, {}, self.body
        shown = [
            item
            for item in self.rates
            if not isinstance(item, dict)
            or not isinstance(item.get("rate_date"), str)
            or query["from"] <= item["rate_date"] <= query["to"]
        ]
        page = int(query.get("page", "1"))
        end = page * self.page_rows
        following = page + 1 if end < len(shown) else None
        document = {
            "rates": shown[end - self.page_rows : end],
            "next_page": following if self.next_page is ... else self.next_page,
        }
        return 200, {}, json.dumps(document).encode()


@contextmanager
def serving() -> Iterator[Api]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = served.answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Api(f"http://127.0.0.1:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def fx(monkeypatch) -> Iterator[Api]:
    monkeypatch.setattr(api, "BACKOFF_SECONDS", 0.01)
    with serving() as served:
        yield served


@pytest.fixture
def fx_settings(settings: Settings, fx: Api) -> Settings:
    return settings.model_copy(update={"fx_url": fx.url})


def poll(settings):
    return land(settings, today=lambda: TODAY)


def landed(raw):
    return [(str(row["rate_date"]), row["base"], row["rate"]) for row in raw("fx.rates", "good")]


def test_all_pages_are_read_through_rate_limits_and_outages(fx, fx_settings, raw):
    fx.rates = [rate(f"2026-03-{day:02d}", "1.084500000") for day in range(20, 25)]
    fx.failures = [(503, {}), (429, {"Retry-After": "1"}), (500, {}), (503, {})]
    report = poll(fx_settings)
    (table,) = report.tables
    assert (table.read, table.loaded, table.failed) == (5, 5, 0)
    assert landed(raw)[0] == ("2026-03-20", "USD", Decimal("1.0845"))
    assert len(fx.requests) == 4 + 3


def test_a_second_poll_asks_for_the_last_days_and_lands_nothing_twice(fx, fx_settings, raw):
    fx.rates = [rate("2026-03-20", "1.08"), rate("2026-03-28", "1.09")]
    poll(fx_settings)
    (table,) = poll(fx_settings).tables
    assert (table.read, table.unchanged, table.commits) == (0, 1, 0)
    assert fx.requests[-1]["from"] == "2026-03-21"
    assert len(raw("fx.rates")) == 2


def test_a_late_and_a_corrected_rate_are_landed(fx, fx_settings, raw):
    fx.rates = [rate("2026-03-27", "1.08"), rate("2026-03-28", "1.09")]
    poll(fx_settings)
    fx.rates = [
        rate("2026-03-26", "1.07"),
        rate("2026-03-27", "1.0801"),
        rate("2026-03-28", "1.090000000"),
    ]
    (table,) = poll(fx_settings).tables
    assert (table.read, table.unchanged) == (2, 1)
    assert landed(raw)[2:] == [
        ("2026-03-26", "USD", Decimal("1.07")),
        ("2026-03-27", "USD", Decimal("1.0801")),
    ]


def test_what_the_api_sends_in_a_wrong_type_fails_once(fx, fx_settings, raw):
    fx.rates = [
        rate("2026-03-28", 1.09),
        rate("2026-03-28", "1.09", base=None),
        rate("2026-03-28", "1e3"),
        "no object",
        17,
        rate("2026-03-28", "1.1", base="GBP", source="ecb"),
    ]
    (first,) = poll(fx_settings).tables
    (second,) = poll(fx_settings).tables
    assert (first.read, first.loaded, first.failed, first.drift) == (6, 1, 5, 1)
    assert first.failed_by_reason == {"schema": 4, "contract": 1}
    assert (second.read, second.unchanged) == (0, 6)
    assert len(raw("fx.rates")) == 6


def test_a_rate_that_two_pages_repeat_is_landed_once(fx, fx_settings, raw):
    fx.rates = [rate("2026-03-27", "1.08")] * 3
    poll(fx_settings)
    assert len(raw("fx.rates")) == 1


def test_a_date_far_ahead_does_not_hide_what_comes_later(fx, fx_settings, raw):
    fx.rates = [rate("2026-03-28", "1.09"), rate("2098-01-01", "2")]
    poll(fx_settings)
    fx.rates.append(rate("2026-03-31", "1.10"))
    poll(fx_settings)
    assert [day for day, _, _ in landed(raw)] == ["2026-03-28", "2098-01-01", "2026-03-31"]


def test_an_outage_that_stays_is_one_sentence_after_a_bounded_number_of_tries(
    fx, fx_settings, monkeypatch
):
    monkeypatch.setattr(api, "MAX_ATTEMPTS", 3)
    fx.failures = [(503, {})] * 10
    with pytest.raises(AdxError, match="answered 503 Service Unavailable") as error:
        poll(fx_settings)
    assert error.value.exit_code == ExitCode.UNAVAILABLE
    assert len(fx.requests) == 3


def test_a_refusal_is_not_asked_again(fx, fx_settings):
    fx.failures = [(403, {})]
    with pytest.raises(AdxError, match="answered 403 Forbidden"):
        poll(fx_settings)
    assert len(fx.requests) == 1


@pytest.mark.parametrize(
    "body", [b"<html>hello</html>", b"[]", b'{"rates": {"a": 1}}', b"{}", b'{"rates": null}']
)
def test_an_answer_that_is_no_page_is_one_sentence(fx, fx_settings, body):
    fx.body = body
    with pytest.raises(AdxError, match="not a page of rates") as error:
        poll(fx_settings)
    assert error.value.exit_code == ExitCode.DATA


@pytest.mark.parametrize("next_page", [1, "2", True])
def test_pages_that_lead_nowhere_end_the_landing(fx, fx_settings, next_page, raw):
    fx.rates = [rate("2026-03-28", "1.09")]
    fx.next_page = next_page
    with pytest.raises(AdxError, match="follows page 1"):
        poll(fx_settings)
    assert raw("fx.rates") == []


def test_an_api_that_is_down_is_one_sentence(settings, monkeypatch):
    monkeypatch.setattr(api, "MAX_ATTEMPTS", 2)
    monkeypatch.setattr(api, "BACKOFF_SECONDS", 0.01)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(AdxError, match="cannot be reached") as error:
        land(settings.model_copy(update={"fx_url": url}))
    assert error.value.exit_code == ExitCode.UNAVAILABLE
