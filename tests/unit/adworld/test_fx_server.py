import json
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ingestion.adworld import create_world, serve_fx
from ingestion.adworld.config import WorldConfig
from ingestion.adworld.fx import LATE_DAY, MISSING, seen, shown
from ingestion.adworld.state import read_state, write_state
from ingestion.errors import AdxError

CONFIG = WorldConfig(5, 900, 3, date(2026, 3, 28))


@pytest.fixture
def world(tmp_path: Path) -> Path:
    create_world(tmp_path, CONFIG.seed, CONFIG.scale)
    _show(tmp_path, 1)
    return tmp_path


def _show(folder: Path, day: int) -> None:
    state = read_state(folder)
    state.fx_day = day
    write_state(folder, state)


def _get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - a loopback URL of ours
        return dict(json.loads(answer.read()))


def _all(url: str, get: Callable[[str], dict[str, Any]] = _get) -> list[dict[str, Any]]:
    rates, page = [], 1
    while page:
        answer = get(f"{url}/v1/rates?page={page}")
        rates += answer["rates"]
        page = answer["next_page"]
    return rates


def test_pages_give_every_rate_once(world: Path) -> None:
    with serve_fx(world, failures=False) as url:
        assert _all(url) == [rate.document for rate in shown(CONFIG, 1)]


def test_dates_bound_what_is_given(world: Path) -> None:
    with serve_fx(world, failures=False) as url:
        answer = _get(f"{url}/v1/rates?from=2026-03-27&to=2026-03-27")
        assert {rate["rate_date"] for rate in answer["rates"]} == {"2026-03-27"}
        assert answer["next_page"] is None


def test_failures_are_planted_and_pass(world: Path) -> None:
    seen_statuses: list[tuple[int, str | None]] = []

    def patient(url: str) -> dict[str, Any]:
        while True:
            try:
                return _get(url)
            except urllib.error.HTTPError as error:
                seen_statuses.append((error.code, error.headers["Retry-After"]))

    with serve_fx(world) as url:
        assert _all(url, patient) == [rate.document for rate in shown(CONFIG, 1)]
    assert seen_statuses == [(503, None), (429, "1"), (503, None), (503, None)]


def test_nonsense_is_a_bad_request(world: Path) -> None:
    with serve_fx(world, failures=False) as url:
        for query in ("from=yesterday", "page=0", "page=x"):
            with pytest.raises(urllib.error.HTTPError, match="400"):
                _get(f"{url}/v1/rates?{query}")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            _get(f"{url}/rates")


def test_a_running_server_shows_the_days_that_are_played(world: Path) -> None:
    with serve_fx(world, failures=False) as url:
        first = _all(url)
        _show(world, 2)
        assert _all(url) == first  # the second day's rates come a day late
        _show(world, 3)
        dates = {rate["rate_date"] for rate in _all(url)}
    assert {"2026-03-29", "2026-03-30"} <= dates
    assert LATE_DAY == 2


def test_a_taken_port_is_named(world: Path) -> None:
    with serve_fx(world) as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(AdxError, match=f"port {port}"), serve_fx(world, port):
            pass


def test_missing_rates_are_missing_and_a_restated_one_is_seen_twice() -> None:
    good = [rate for rate in seen(CONFIG, 3) if rate.bad is None]
    places = [(rate.rate_date, *rate.pair) for rate in good]
    for day, base, quote in MISSING:
        assert (CONFIG.date_of(day), base, quote) not in places
    restated = [rate for rate in good if places.count((rate.rate_date, *rate.pair)) > 1]
    assert len(restated) == 2
    assert len({rate.document["rate"] for rate in restated}) == 2
    now = [rate.document["rate"] for rate in shown(CONFIG, 3) if rate.pair == ("USD", "EUR")]
    assert restated[1].document["rate"] in now
    assert restated[0].document["rate"] not in now
