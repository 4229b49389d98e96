"""The FX API on loopback: paged JSON, and the failures that real ones have.

`GET /v1/rates?from=YYYY-MM-DD&to=YYYY-MM-DD&page=N` answers
`{"rates": [...], "next_page": N or null}`, dates inclusive, pages from 1. `from`, `to` and `page`
may be left out. What it shows ends with the day that the world has played last.

Planted, in the same order for every server: the first request gets 503; the first request for a
second page gets 429 with a Retry-After of one second; the first two for a third page get 503.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ingestion.adworld.config import WorldConfig, read_config
from ingestion.adworld.fx import shown
from ingestion.adworld.loopback import JsonHandler, serving
from ingestion.adworld.state import read_state

PAGE_ROWS = 100
_PLANTED: dict[int, tuple[HTTPStatus, ...]] = {
    1: (HTTPStatus.SERVICE_UNAVAILABLE,),
    2: (HTTPStatus.TOO_MANY_REQUESTS,),
    3: (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.SERVICE_UNAVAILABLE),
}


@contextmanager
def serve_fx(folder: Path, port: int = 0, *, failures: bool = True) -> Iterator[str]:
    """Serve the rates of a world while the context lasts.

    Args:
        folder: The world's folder.
        port: Port on loopback; 0 takes a free one.
        failures: Whether to answer with the planted failures as well.

    Yields:
        The base URL, without a slash at the end.

    Raises:
        AdxError: There is no world, or the port is taken.
    """
    config = read_config(folder)
    handler = _handler(config, lambda: read_state(folder).fx_day, failures)
    with serving("FX", handler, port) as url:
        yield url


def page_of(
    config: WorldConfig, shown_day: int, query: dict[str, list[str]]
) -> tuple[HTTPStatus, dict[str, Any]]:
    """The answer to one request, failures apart."""
    try:
        first = date.fromisoformat(query.get("from", ["0001-01-01"])[0])
        last = date.fromisoformat(query.get("to", ["9999-12-31"])[0])
        page = int(query.get("page", ["1"])[0])
    except ValueError as error:
        return HTTPStatus.BAD_REQUEST, {"error": str(error)}
    if page < 1:
        return HTTPStatus.BAD_REQUEST, {"error": "pages count from 1"}
    rows = [rate.document for rate in shown(config, shown_day) if first <= rate.rate_date <= last]
    end = page * PAGE_ROWS
    next_page = page + 1 if end < len(rows) else None
    return HTTPStatus.OK, {"rates": rows[end - PAGE_ROWS : end], "next_page": next_page}


def _handler(
    config: WorldConfig, shown_day: Callable[[], int], failures: bool
) -> type[JsonHandler]:
    asked: Counter[int] = Counter()
    lock = Lock()

    class Handler(JsonHandler):
        """Answers for one world."""

        def respond(self, _: bytes) -> None:
            url = urlsplit(self.path)
            if url.path != "/v1/rates":
                self._answer(HTTPStatus.NOT_FOUND, {"error": f"no such path: {url.path}"})
                return
            query = parse_qs(url.query)
            page = query.get("page", ["1"])[0]
            failure = self._failure(int(page) if page.isdigit() else 0)
            if failure is not None:
                self._answer(failure, {"error": failure.phrase})
                return
            self._answer(*page_of(config, shown_day(), query))

        def _failure(self, page: int) -> HTTPStatus | None:
            with lock:
                asked[page] += 1
                planted = _PLANTED.get(page, ()) if failures else ()
                return planted[asked[page] - 1] if asked[page] <= len(planted) else None

        def _answer(self, status: HTTPStatus, document: dict[str, Any]) -> None:
            self.answer(status, json.dumps(document).encode())

    return Handler
