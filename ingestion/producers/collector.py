"""The collector: pixels, clicks and server events over HTTP, into producers.

`POST /v1/events/<topic>` takes one event or an array of them, all or none; `GET
/v1/pixel/<payload>` takes one ad event from the parameters of its address. Both answer when the
events are on disk. What is no record of the contract gets 400 with the field at fault, what is too
long 413, and what cannot be taken now 503 with a Retry-After.
"""

import asyncio
import json
import signal
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ingestion.contracts import Field
from ingestion.errors import AdxError, ExitCode
from ingestion.landing.values import read_text
from ingestion.landing.verdict import Failure, Violation
from ingestion.producers.events import Event, EventRefusedError, Ready
from ingestion.producers.openapi import IGNORED_PARAMETER, openapi, pixel_fields
from ingestion.producers.producer import BackPressureError, Producer, Receipt

MOST_BYTES: Final = 1024 * 1024
MOST_EVENTS: Final = 1000
_MOST_READ: Final = 16 * MOST_BYTES
"""Bytes that are read of a body that is too long, and forgotten: a connection that is closed on
somebody who still sends is reset, and the answer is lost with it (RFC 9112, section 9.6)."""

_MOST_PARAMETERS: Final = 100
_LONG_BODY: Final = 32 * 1024
"""Bytes from which on a body is checked in a thread, so that others need not wait for it."""

_GIF: Final = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_BLANKS: Final = " \t\r\n"

Endpoint = Callable[[Request], Awaitable[Response]]


def collector(producers: Sequence[Producer]) -> Starlette:
    """The application.

    Args:
        producers: One for each topic that is collected; started, and closed by whoever made them.
    """
    document = openapi(
        [(each.topic, each.contract, each.reserved) for each in producers],
        most_bytes=MOST_BYTES,
        most_events=MOST_EVENTS,
    )

    async def describe(_: Request) -> Response:
        return JSONResponse(document)

    async def health(_: Request) -> Response:
        failed = any(each.failed for each in producers)
        return JSONResponse(
            [asdict(each.status) for each in producers], status_code=503 if failed else 200
        )

    routes = [Route("/openapi.json", describe), Route("/health", health)]
    for each in producers:
        routes.append(Route(f"/v1/events/{each.topic}", _Events(each).post, methods=["POST"]))
        union = each.contract.union
        for field in each.contract.fields if union is not None else ():
            if union is not None and field.name in union.members:
                pixel = _Pixel(each, union.discriminator, field)
                routes.append(Route(f"/v1/pixel/{field.name}", pixel.get, methods=["GET"]))
    made = Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: _refused,
            EventRefusedError: _refused_event,
            AdxError: _unavailable,
            ClientDisconnect: _gone,
        },
    )
    made.router.redirect_slashes = False
    return made


def serve(producers: Sequence[Producer], host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; requests that are under way are answered.

    Args:
        producers: One for each topic that is collected.
        host: Address to listen on.
        port: Port to listen on.

    Raises:
        AdxError: Something else listens there.
    """
    config = uvicorn.Config(
        collector(producers),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
    )
    # uvicorn raises a signal again when it is done with it; the producers are to be closed then
    before = {
        number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        uvicorn.Server(config).run()
    except SystemExit as error:
        raise AdxError(
            f"The collector cannot listen on {host}:{port}.",
            remedy="Stop what listens there, or give it another --port.",
            exit_code=ExitCode.BUSY,
        ) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Events:
    """Takes batches for one producer."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._checking = ThreadPoolExecutor(1, thread_name_prefix="check")

    async def post(self, request: Request) -> Response:
        body = await _body(request)
        if len(body) < _LONG_BODY:
            ready = self._check(body)
        else:
            loop = asyncio.get_running_loop()
            ready = await loop.run_in_executor(self._checking, self._check, body)
        receipt = await asyncio.wrap_future(self._producer.submit(ready))
        return JSONResponse(_told(receipt), status_code=202)

    def _check(self, body: bytes) -> list[Ready]:
        return self._producer.check(split_batch(body))


class _Pixel:
    """Takes one kind of ad event from an address."""

    def __init__(self, producer: Producer, discriminator: str, payload: Field) -> None:
        self._producer = producer
        self._discriminator = discriminator
        self._payload = payload.name
        self._fields = pixel_fields(payload)
        self._from_request = {field.name for field in payload.fields} & {"ip", "user_agent"}

    async def get(self, request: Request) -> Response:
        if request.method != "GET":  # a HEAD is no impression
            raise HTTPException(405, headers={"Allow": "GET"})
        ready = self._producer.check([self._event(request)])
        await asyncio.wrap_future(self._producer.submit(ready))
        return Response(_GIF, media_type="image/gif", headers={"Cache-Control": "no-store"})

    def _event(self, request: Request) -> Event:
        payload = self._parameters(request.scope.get("query_string", b""))
        known = {
            "ip": request.client.host if request.client else "",
            "user_agent": request.headers.get("user-agent", ""),
        }
        payload |= {name: known[name] for name in self._from_request}
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return _dumped(
            {
                self._discriminator: self._payload,
                "event_ts": moment,
                self._payload: payload,
            }
        )

    def _parameters(self, query: bytes) -> dict[str, Any]:
        try:
            pairs = parse_qsl(
                query.decode("ascii", "replace"),
                keep_blank_values=True,
                max_num_fields=_MOST_PARAMETERS,
            )
        except ValueError as error:
            raise _bad(None, f"There are more than {_MOST_PARAMETERS} parameters.") from error
        payload: dict[str, Any] = {}
        seen = set()
        for name, text in pairs:
            if name == IGNORED_PARAMETER:
                continue
            if name in seen:
                raise _bad(name, f"The parameter {name} is there twice.")
            seen.add(name)
            field = self._fields.get(name)
            if field is None:
                raise _bad(name, f"{name} is no parameter of {self._payload}.")
            if text == "":
                continue  # as in CSV: nothing means null
            place = payload
            *outer, inner = name.split(".")
            for each in outer:
                place = place.setdefault(each, {})
            try:
                place[inner] = read_text(field, name, text)
            except Violation as violation:
                raise EventRefusedError(0, violation.failure) from violation
        return payload


def split_batch(body: bytes) -> list[bytes]:
    """The texts of the events of a body: one object, or an array of them.

    What is neither comes back whole, for the parser to say what is wrong with it.

    Raises:
        EventRefusedError: The array has no events, or is no JSON from some place on.
        HTTPException: It has too many.
    """
    try:
        text = body.decode().strip(_BLANKS)
    except UnicodeDecodeError:
        return [body]
    if not text.startswith("["):
        return [body]
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    events: list[bytes] = []
    place = _skip(text, 1)
    while True:
        try:
            _, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            message = f"The array is no JSON: a value is expected at character {place + 1}."
            raise EventRefusedError(len(events), Failure("parse", None, message)) from error
        events.append(text[place:end].encode("utf-8", "surrogatepass"))
        if len(events) > MOST_EVENTS:
            raise HTTPException(413, f"There are more than {MOST_EVENTS} events.")
        place = _skip(text, end)
        if text.startswith(",", place):
            place = _skip(text, place + 1)
        elif text[place:] == "]":
            return events
        else:
            message = f"The array is no JSON: , or ] is expected at character {place + 1}."
            raise EventRefusedError(len(events) - 1, Failure("parse", None, message))


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in _BLANKS:
        place += 1
    return place


async def _body(request: Request) -> bytes:
    declared = request.headers.get("content-length", "")
    size = int(declared[:19]) if declared.isdecimal() else 0
    waits = "expect" in request.headers  # for our leave to send a body at all
    if size > (MOST_BYTES if waits else _MOST_READ):
        raise _too_long()
    parts, read = [], 0
    async for part in request.stream():
        read += len(part)
        if read > _MOST_READ:
            raise _too_long()
        if read <= MOST_BYTES:
            parts.append(part)
    if max(size, read) > MOST_BYTES:
        raise _too_long()
    return b"".join(parts)


def _too_long() -> HTTPException:
    return HTTPException(413, f"The body has more than {MOST_BYTES} bytes.")


def _bad(field: str | None, message: str) -> EventRefusedError:
    return EventRefusedError(0, Failure("contract", field, message))


def _dumped(event: Mapping[str, Any]) -> Event:
    """JSON of an event; texts that have none (half a surrogate pair) are left to the parser."""
    try:
        return orjson.dumps(event)
    except TypeError:
        return json.dumps(event).encode()


def _told(receipt: Receipt) -> dict[str, Any]:
    return {
        "accepted": len(receipt.event_ids),
        "producer_id": receipt.producer_id,
        "first_seq": receipt.first_seq,
        "event_ids": list(receipt.event_ids),
    }


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - that is what it is registered for
    return JSONResponse(
        {"error": error.detail}, status_code=error.status_code, headers=error.headers
    )


async def _refused_event(_: Request, error: Exception) -> Response:
    assert isinstance(error, EventRefusedError)  # noqa: S101 - as above
    failure = error.failure
    return JSONResponse(
        {
            "error": failure.message,
            "reason": failure.reason,
            "field": failure.field,
            "index": error.index,
        },
        status_code=413 if failure.reason == "oversize" else 400,
    )


async def _unavailable(_: Request, error: Exception) -> Response:
    wait = error.retry_after if isinstance(error, BackPressureError) else 60
    return JSONResponse(
        {"error": error.message if isinstance(error, AdxError) else str(error)},
        status_code=503,
        headers={"Retry-After": str(wait)},
    )


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)
