"""A service between a client and the emulator that can be told to fail."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import requests

from ingestion.settings import Settings

HOP_HEADERS = {"connection", "content-length", "transfer-encoding", "content-encoding", "host"}


@dataclass
class Answer:
    """How a request fails: an HTTP status, and Google's word and sentence for it."""

    status: int
    reason: str
    message: str

    @property
    def body(self) -> bytes:
        error = {"reason": self.reason, "message": self.message}
        return json.dumps(
            {"error": {"code": self.status, "message": self.message, "errors": [error]}}
        ).encode()


@dataclass
class Misbehaving:
    """The service.

    Attributes:
        url: Where it is.
        fails: What is failed: a text in the request's path or body, and the answer.
        failed: How many requests were.
        asked: Path and body of every request.
    """

    url: str = ""
    fails: dict[str, Answer] = field(default_factory=dict)
    failed: int = 0
    asked: list[tuple[str, bytes]] = field(default_factory=list)

    def answer(self, path: str, body: bytes) -> Answer | None:
        self.asked.append((path, body))
        for text, answer in self.fails.items():
            if text in path or text.encode() in body:
                self.failed += 1
                return answer
        return None


@contextmanager
def misbehaving(behind: str | None = None) -> Iterator[Misbehaving]:
    """Serve on loopback.

    Args:
        behind: Where requests go that are not failed; without it there is nothing to go to.
    """
    service = Misbehaving()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            failure = service.answer(self.path, body)
            if failure is not None or behind is None:
                failure = failure or Answer(404, "notFound", "there is nothing here")
                self._send(failure.status, {"Content-Type": "application/json"}, failure.body)
                return
            headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_HEADERS}
            headers["Host"] = self.headers["Host"]  # links that are answered lead back here
            answer = requests.request(
                self.command, behind + self.path, headers=headers, data=body, timeout=300
            )
            self._send(answer.status_code, dict(answer.headers), answer.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in HOP_HEADERS:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service.url = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield service
        finally:
            server.shutdown()


def through(service: Misbehaving, settings: Settings) -> Settings:
    """The same warehouse, asked by way of the service."""
    return settings.model_copy(update={"bigquery_endpoint": service.url})
