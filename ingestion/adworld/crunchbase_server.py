"""The Crunchbase API on loopback, as its version 4 is documented, over the world's organisations.

    POST /api/v4/searches/<collection>       pages by `after_id`, `count` on every page
    GET  /api/v4/autocompletes               names that look like a text
    GET  /api/v4/entities/<collection>/<id>  by permalink or uuid, with cards
    GET  /api/v4/entities/<collection>/<id>/cards/<card>
    GET  /api/v4/deleted_entities            pages by `after_id`, a bare list

Every call needs the key (401), at most so many are answered a minute (429 with Retry-After), a
wrong request is refused (400) and so is an unknown entity (404), errors are lists of code and
message. It shows what is so at the end of the day that the world has played last.

Planted, for every server: the first call gets 503, the third one 429.
"""

import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from operator import itemgetter
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ingestion.adworld.companies import COLLECTIONS, KINDS, Collection, shown
from ingestion.adworld.config import WorldConfig, read_config
from ingestion.adworld.loopback import JsonHandler, serving
from ingestion.adworld.state import read_state
from ingestion.contracts import load_contract
from ingestion.landing.strict import dump_json

KEY = "adworld"
"""The user key that the server knows."""
CALLS_PER_MINUTE = 200
MAX_LIMIT = 1_000
CARD_LIMIT = 100
_PLANTED = {1: HTTPStatus.SERVICE_UNAVAILABLE, 3: HTTPStatus.TOO_MANY_REQUESTS}
_PREFIX = "/api/v4/"
_SORTED_BY = {"created_at", "updated_at"}
_CARDS: dict[str, tuple[Collection, str]] = {
    "raised_funding_rounds": ("funding_rounds", "funded_organization_identifier"),
    "acquirer_acquisitions": ("acquisitions", "acquirer_identifier"),
    "acquiree_acquisitions": ("acquisitions", "acquiree_identifier"),
    "founders": ("people", "primary_organization"),
}
"""Cards of an organisation: whose records they hold, and which field names it there."""

Properties = dict[str, Any]


@dataclass
class Refused(Exception):  # noqa: N818 - it is an answer
    """An answer that is an error."""

    status: HTTPStatus
    code: str
    message: str


@contextmanager
def serve_crunchbase(
    folder: Path,
    port: int = 0,
    *,
    failures: bool = True,
    calls_per_minute: int = CALLS_PER_MINUTE,
) -> Iterator[tuple[str, str]]:
    """Serve the organisations of a world while the context lasts.

    Args:
        folder: The world's folder.
        port: Port on loopback; 0 takes a free one.
        failures: Whether to answer with the planted failures as well.
        calls_per_minute: The limit that the server keeps.

    Yields:
        The base URL, version included, and the key.

    Raises:
        AdxError: There is no world, or the port is taken.
    """
    config = read_config(folder)
    directory = Directory(config, lambda: read_state(folder).played)
    gate = Gate(calls_per_minute, failures)
    with serving("Crunchbase", _handler(directory, gate), port) as url:
        yield f"{url}{_PREFIX.rstrip('/')}", KEY


class Gate:
    """Lets calls through: those with the key, at most so many a minute."""

    def __init__(self, calls_per_minute: int, failures: bool) -> None:
        self._times: deque[float] = deque(maxlen=calls_per_minute)
        self._failures = failures
        self._calls = 0
        self._lock = Lock()

    def check(self, key: str | None) -> None:
        """Count a call.

        Raises:
            Refused: It does not get through.
        """
        if key != KEY:
            raise Refused(HTTPStatus.UNAUTHORIZED, "LA401", "Unauthorized user_key")
        with self._lock:
            self._calls += 1
            planted = _PLANTED.get(self._calls) if self._failures else None
            now = time.monotonic()
            full = len(self._times) == self._times.maxlen and now - self._times[0] < 60
            if planted == HTTPStatus.SERVICE_UNAVAILABLE:
                raise Refused(planted, "SV503", "Service unavailable")
            if full or planted is not None:
                raise Refused(HTTPStatus.TOO_MANY_REQUESTS, "LA429", "Usage limit exceeded")
            self._times.append(now)


class Directory:
    """The organisations of a world as the API shows them."""

    def __init__(self, config: WorldConfig, played: Callable[[], int]) -> None:
        self._config = config
        self._played = played

    def _all(self, collection: str) -> list[Properties]:
        known = shown(self._config, self._played())
        changes = next((known[name] for name in COLLECTIONS if name == collection), None)
        if changes is None:
            raise _bad(f"no collection {collection}")
        return [change.properties for change in changes.values() if change.properties is not None]

    def search(self, collection: str, body: Any) -> Any:
        """One page of a search."""
        if collection not in KINDS or not isinstance(body, dict):
            raise _bad("no collection or no document")
        names = _fields(collection, body.get("field_ids"))
        found = [row for row in self._all(collection) if _matches(row, body.get("query", []))]
        order = body.get("order") or [{"field_id": "created_at", "sort": "asc"}]
        for by in reversed(order):
            if by.get("field_id") not in _SORTED_BY:
                raise _bad("no such order")
            found.sort(key=itemgetter(by["field_id"], "uuid"), reverse=by.get("sort") == "desc")
        page = _page(found, body.get("limit", 100), body.get("after_id"))
        return {
            "count": len(found),
            "entities": [
                {"uuid": row["uuid"], "properties": _selected(row, names)} for row in page
            ],
        }

    def autocomplete(self, query: str, collections: str, limit: int) -> Any:
        """Entities whose names look like a text: equal first, then beginning, then holding it."""
        wanted = query.casefold()
        found: list[tuple[int, str, Properties]] = []
        for collection in collections.split(","):
            for row in self._all(collection):
                identifier = row.get("identifier") or {}
                name, permalink = (
                    str(identifier.get(member, "")).casefold() for member in ("value", "permalink")
                )
                if wanted in name or wanted in permalink:
                    is_equal = wanted in {name, permalink}
                    rank = 0 if is_equal else 1 if name.startswith(wanted) else 2
                    found.append((rank, name, identifier))
        found.sort(key=lambda entry: (entry[0], entry[1], entry[2]["uuid"]))
        if not 1 <= limit <= 25:
            raise _bad("limit must be from 1 to 25")
        entities = [
            {"facet_ids": ["company"], "identifier": identifier, "short_description": None}
            for _, _, identifier in found[:limit]
        ]
        return {"count": len(found), "entities": entities}

    def entity(
        self, collection: str, entity_id: str, field_ids: Sequence[str], cards: Sequence[str]
    ) -> Any:
        """One entity, with the first records of its cards."""
        row = self._one(collection, entity_id)
        names = _fields(collection, field_ids or ["identifier"])
        return {
            "properties": _selected(row, names),
            "cards": {card: self._card(row, card)[:CARD_LIMIT] for card in cards},
        }

    def card(
        self, collection: str, entity_id: str, card: str, limit: int, after: str | None
    ) -> Any:
        """One page of a card."""
        row = self._one(collection, entity_id)
        if limit > CARD_LIMIT:
            raise _bad(f"limit must be from 1 to {CARD_LIMIT}")
        return {
            "properties": {"identifier": row["identifier"]},
            "cards": {card: _page(self._card(row, card), limit, after)},
        }

    def deleted(self, collections: str, limit: int, after: str | None, order: str) -> Any:
        """One page of the deleted entities."""
        kinds = {KINDS[name] for name in COLLECTIONS if name in collections.split(",")}
        found = [row for row in self._all("deleted_entities") if row["entity_def_id"] in kinds]
        found.sort(key=lambda row: (row["deleted_at"], row["uuid"]), reverse=order == "desc")
        return _page(found, limit, after)

    def _one(self, collection: str, entity_id: str) -> Properties:
        for row in self._all(collection):
            identifier = row.get("identifier") or {}
            if entity_id.lower() in (row["uuid"], identifier.get("permalink")):
                return row
        raise Refused(HTTPStatus.NOT_FOUND, "MD404", f"Entity not found: {entity_id}")

    def _card(self, row: Properties, card: str) -> list[Properties]:
        if card not in _CARDS:
            raise _bad(f"no card {card}")
        collection, refers = _CARDS[card]
        kind = KINDS[collection]
        found = [
            {**other, "entity_def_id": kind}
            for other in self._all(collection)
            if (other.get(refers) or {}).get("uuid") == row["uuid"]
        ]
        return sorted(found, key=lambda other: str(other["uuid"]))


def _bad(message: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, "MD400", message)


def _fields(collection: str, field_ids: Any) -> list[str]:
    known = {field.name for field in load_contract("crunchbase", collection).fields}
    if not isinstance(field_ids, list) or not field_ids or not known.issuperset(field_ids):
        raise _bad("field_ids must name fields of the collection")
    return field_ids


def _selected(row: Properties, names: list[str]) -> Properties:
    """What was asked for, as far as it is known; the identifier always comes."""
    return {name: row[name] for name in sorted({*names, "identifier"}) if row.get(name) is not None}


def _matches(row: Properties, query: Any) -> bool:
    for predicate in query:
        if (predicate.get("field_id"), predicate.get("operator_id")) != ("updated_at", "gte"):
            raise _bad("the stand-in knows one predicate: updated_at gte")
        if row["updated_at"] < predicate["values"][0]:
            return False
    return True


def _page(found: list[Properties], limit: Any, after: Any) -> list[Properties]:
    if type(limit) is not int or not 1 <= limit <= MAX_LIMIT:
        raise _bad(f"limit must be from 1 to {MAX_LIMIT}")
    start = 0
    if after is not None:
        places = [place for place, row in enumerate(found) if row["uuid"] == after]
        if not places:
            raise _bad("after_id is no entity of this search")
        start = places[0] + 1
    return found[start : start + limit]


def _handler(directory: Directory, gate: Gate) -> type[JsonHandler]:
    class Handler(JsonHandler):
        """Answers for one world."""

        def respond(self, body: bytes) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            path = url.path.removeprefix(_PREFIX)
            try:
                gate.check(self.headers.get("X-cb-user-key") or query.get("user_key"))
                is_post = self.command == "POST"
                document = self._posted(path, body) if is_post else self._got(path, query)
            except Refused as refused:
                error = [{"code": refused.code, "message": refused.message}]
                self.answer(refused.status, json.dumps(error).encode())
            else:
                self.answer(HTTPStatus.OK, dump_json(document).encode())

        def _posted(self, path: str, body: bytes) -> Any:
            match = re.fullmatch(r"searches/([a-z_]+)", path)
            if match is None:
                raise Refused(HTTPStatus.NOT_FOUND, "MD404", "No such path")
            try:
                document = json.loads(body)
            except ValueError as error:
                raise _bad("the body is no JSON document") from error
            return directory.search(match[1], document)

        def _got(self, path: str, query: dict[str, str]) -> Any:
            limit = query.get("limit", "25" if path == "autocompletes" else "100")
            if not limit.isdecimal():
                raise _bad("limit must be a number")
            if path == "autocompletes":
                collections = query.get("collection_ids", "organizations")
                return directory.autocomplete(query.get("query", ""), collections, int(limit))
            if path == "deleted_entities":
                collections = query.get("collection_ids", ",".join(KINDS))
                order = query.get("deleted_at_order", "desc")
                return directory.deleted(collections, int(limit), query.get("after_id"), order)
            match = re.fullmatch(r"entities/([a-z_]+)/([^/]+)(?:/cards/([a-z_]+))?", path)
            if match is None:
                raise Refused(HTTPStatus.NOT_FOUND, "MD404", "No such path")
            collection, entity_id, card = match[1], unquote(match[2]), match[3]
            if card is not None:
                after = query.get("after_id")
                return directory.card(collection, entity_id, card, int(limit), after)
            fields, cards = query.get("field_ids", ""), query.get("card_ids", "")
            return directory.entity(
                collection,
                entity_id,
                [name for name in fields.split(",") if name],
                [name for name in cards.split(",") if name],
            )

    return Handler
