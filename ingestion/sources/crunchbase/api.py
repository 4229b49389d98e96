"""What the Crunchbase API (version 4) offers, as calls that give all or nothing.

    POST searches/<collection>       {"field_ids", "query", "order", "limit", "after_id"}
                                     -> {"count", "entities": [{"uuid", "properties"}]}
    GET  autocompletes?query=        -> {"count", "entities": [{"identifier"}]}
    GET  entities/<collection>/<id>  ?field_ids=&card_ids=  -> {"properties", "cards"}
    GET  entities/<collection>/<id>/cards/<card>  ?card_field_ids=&limit=&after_id=
    GET  deleted_entities            ?collection_ids=&limit=&after_id=
                                     -> [{"uuid", "entity_def_id", "deleted_at"}]

A page's cursor (`after_id`) is the uuid of the last record of the page before it. Pages are asked
for until one is not full, and what came is compared with what the API says there is.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from ingestion.sources.crunchbase.client import Client, lies
from ingestion.sources.progress import Advance

LIMIT: Final = 1_000
"""Records of a page; the most that the API gives."""
CARD_LIMIT: Final = 100
"""Records of a card; the most that the API gives."""
AUTOCOMPLETE_LIMIT: Final = 25
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True)
class Looked:
    """One organisation as the entity lookup gives it: its fields, and records by card."""

    properties: Any
    cards: dict[str, list[Any]]


class Api:
    """The calls that landings need.

    Args:
        client: Makes them.
        advance: Told of every page.
    """

    def __init__(self, client: Client, advance: Advance) -> None:
        self._client = client
        self._advance = advance

    def search(
        self, collection: str, field_ids: Sequence[str], updated_since: str | None
    ) -> list[Any]:
        """All entities of a collection that were changed since a day; all of them without one.

        Raises:
            AdxError: The API cannot be used, or what it gives cannot be right as a whole.
        """
        path = f"searches/{collection}"
        query = [
            {
                "type": "predicate",
                "field_id": "updated_at",
                "operator_id": "gte",
                "values": [updated_since],
            }
        ]
        counts: list[int] = []

        def page(after: str | None) -> Any:
            document: dict[str, Any] = {
                "field_ids": list(field_ids),
                "query": [] if updated_since is None else query,
                # creation never changes, so that nothing moves across the cursor while it is read
                "order": [{"field_id": "created_at", "sort": "asc"}],
                "limit": LIMIT,
            }
            if after is not None:
                document["after_id"] = after
            answer = self._client.post(path, document)
            if not isinstance(answer, dict) or type(answer.get("count")) is not int:
                raise lies(f"answered something that is no page to {path}")
            counts.append(answer["count"])
            return answer.get("entities")

        entities = self._pages(path, page, LIMIT)
        # What is made or deleted meanwhile moves the count; beyond that it must be right.
        if not min(counts) <= len(entities) <= max(counts):
            raise lies(
                f"says that {path} has {counts[-1]} records, but sends {len(entities)} of them"
            )
        return entities

    def deleted(self, collections: Sequence[str]) -> list[Any]:
        """All deleted entities of some collections, the first deleted first.

        Raises:
            AdxError: As in `search`.
        """

        def page(after: str | None) -> Any:
            cursor = {} if after is None else {"after_id": after}
            return self._client.get(
                "deleted_entities",
                collection_ids=",".join(collections),
                deleted_at_order="asc",
                limit=str(LIMIT),
                **cursor,
            )

        return self._pages("deleted_entities", page, LIMIT)

    def autocomplete(self, name: str) -> list[dict[str, Any]]:
        """Identifiers of the organisations whose names look like a text, the best first.

        Raises:
            AdxError: The API cannot be used, or answers something else.
        """
        answer = self._client.get(
            "autocompletes",
            query=name,
            collection_ids="organizations",
            limit=str(AUTOCOMPLETE_LIMIT),
        )
        self._advance("autocompletes")
        entities = answer.get("entities") if isinstance(answer, dict) else None
        if not isinstance(entities, list):
            raise lies("answered something that is no list to autocompletes")
        found = [entity.get("identifier") for entity in entities if isinstance(entity, dict)]
        return [
            identifier
            for identifier in found
            if isinstance(identifier, dict) and uuid_of(identifier) is not None
        ]

    def organization(
        self, entity_id: str, field_ids: Sequence[str], cards: Mapping[str, Sequence[str]]
    ) -> Looked:
        """An organisation by permalink or uuid, with all records of its cards.

        Args:
            entity_id: Permalink or uuid.
            field_ids: Fields of the organisation.
            cards: Fields of the records of each card.

        Raises:
            UnknownEntityError: There is none.
            AdxError: As in `search`.
        """
        path = f"entities/organizations/{quote(entity_id, safe='')}"
        answer = self._client.get(path, field_ids=",".join(field_ids), card_ids=",".join(cards))
        self._advance(entity_id)
        found = answer.get("cards") if isinstance(answer, dict) else None
        if not isinstance(found, dict) or not isinstance(answer.get("properties"), dict):
            raise lies(f"answered something that is no entity to {path}")
        return Looked(
            answer["properties"],
            {
                card: self._card(f"{path}/cards/{card}", found.get(card, []), card, fields)
                for card, fields in cards.items()
            },
        )

    def _card(self, path: str, first: Any, card: str, field_ids: Sequence[str]) -> list[Any]:
        def page(after: str | None) -> Any:
            if after is None:
                return first
            answer = self._client.get(
                path,
                card_field_ids=",".join(field_ids),
                limit=str(CARD_LIMIT),
                after_id=after,
            )
            cards = answer.get("cards") if isinstance(answer, dict) else None
            return cards.get(card) if isinstance(cards, dict) else None

        return self._pages(path, page, CARD_LIMIT)

    def _pages(self, path: str, page: Callable[[str | None], Any], limit: int) -> list[Any]:
        """The records of all pages.

        Raises:
            AdxError: A page is no list, is too long or has no cursor, or a record comes again.
        """
        records: list[Any] = []
        seen: set[str] = set()
        after: str | None = None
        while True:
            found = page(after)
            if not isinstance(found, list) or len(found) > limit:
                raise lies(f"answered something that is no page to {path}")
            for record in found:
                uuid = uuid_of(record)
                if uuid in seen:
                    raise lies(f"sends record {uuid} of {path} twice: its cursor repeats itself")
                if uuid is not None:
                    seen.add(uuid)
            records += found
            self._advance(path)
            if len(found) < limit:
                return records
            after = uuid_of(found[-1])
            if after is None:
                raise lies(f"ends a page of {path} with a record that has no uuid, no cursor")


def uuid_of(record: Any) -> str | None:
    """The uuid of a record; None if it has none."""
    uuid = record.get("uuid") if isinstance(record, dict) else None
    if uuid is None and isinstance(record, dict) and isinstance(record.get("identifier"), dict):
        uuid = record["identifier"].get("uuid")
    return uuid.lower() if isinstance(uuid, str) and _UUID.fullmatch(uuid) else None
