"""HTTP servers of the ad world: on loopback, for as long as a context lasts."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from ingestion.errors import AdxError, ExitCode

RETRY_AFTER_SECONDS = 1


class JsonHandler(BaseHTTPRequestHandler):
    """Answers with JSON."""

    def do_GET(self) -> None:
        """A request without a body."""
        self.respond(b"")

    def do_POST(self) -> None:
        """A request with a body."""
        self.respond(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def respond(self, body: bytes) -> None:
        """Answer the request of `self.command` and `self.path`."""
        raise NotImplementedError

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - overridden
        """A server in a test or a demo has nothing to say on stderr."""

    def answer(self, status: HTTPStatus, content: bytes) -> None:
        """Send an answer; 429 says when to come again."""
        self.send_response(status)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            self.send_header("Retry-After", str(RETRY_AFTER_SECONDS))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving(name: str, handler: type[JsonHandler], port: int) -> Iterator[str]:
    """Serve while the context lasts.

    Args:
        name: What is served, for the error.
        handler: Answers the requests.
        port: Port on loopback; 0 takes a free one.

    Yields:
        The base URL, without a slash at the end.

    Raises:
        AdxError: The port is taken.
    """
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise AdxError(
            f"The {name} server cannot listen on port {port}: {error.strerror}.",
            remedy="Stop what uses the port, or use port 0 for a free one.",
            exit_code=ExitCode.UNAVAILABLE,
        ) from error
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
