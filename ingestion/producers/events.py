"""What a producer makes of an event: it is checked, gets its envelope, and a partition key.

The text of the caller is kept to the byte; what is minted is put in front of its members. So a
member that the caller may not send is a repeated key, which the strict parser refuses by name.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from ingestion.contracts import contract_for_topic
from ingestion.errors import AdxError, ExitCode
from ingestion.kafka.client import TOPICS
from ingestion.landing.json_text import Number
from ingestion.landing.strict import judge_json
from ingestion.landing.verdict import Failure
from ingestion.producers.quick import QuickCheck
from ingestion.producers.records import MOST_KEY_BYTES

Event = bytes | Mapping[str, Any]
Header = list[tuple[str, str | bytes]] | None

Ready = tuple[bytes, bytes]
"""An event that is a record of its contract as soon as it has its envelope: its text behind the
opening brace, and the key that decides its partition."""

_BLANKS: Final = b" \t\r\n"
_LONGEST_SEQ: Final = 2**63 - 1
_AT_ONCE: Final = 200
"""Events that are parsed at a time: the garbage collector looks through what lives longer."""
_ANY_ID: Final = "01900000-0000-7000-8000-000000000000"


class EventRefusedError(AdxError):
    """An event that is no record of its contract; nothing of its batch was accepted.

    Attributes:
        index: Its place in the batch, from 0.
        failure: Why.
    """

    def __init__(self, index: int, failure: Failure) -> None:
        super().__init__(
            f"Event {index + 1} was refused: {failure.message}",
            remedy="Correct it and send the batch again; none of it was accepted.",
            exit_code=ExitCode.FAILED,
        )
        self.index = index
        self.failure = failure


class Stream:
    """The events of one topic.

    Args:
        topic: Logical name of the topic.
        producer_id: The `producer_id` of its events.
    """

    def __init__(self, topic: str, producer_id: str) -> None:
        self.topic = topic
        self.contract = contract_for_topic(topic)
        self._producer = producer_id
        self._behind_id = f'","producer_id":"{producer_id}","seq":'
        self._behind_seq = f',"schema_version":{self.contract.version}'
        self._has_envelope = any(field.name == "seq" for field in self.contract.fields)
        self._minted: Callable[[str, int], bytes]
        if self._has_envelope:
            self._minted, self._key = self._envelope, _key_of_ad_event
        else:
            self._minted, self._key = _id_only, _key_of_user_event
        self._quick = QuickCheck(self.contract, self.reserved)
        minted = len(self._minted(_ANY_ID, _LONGEST_SEQ))
        self._surely_short = self.contract.max_record_bytes - minted

    @property
    def reserved(self) -> frozenset[str]:
        """Members that the producer mints."""
        return frozenset(orjson.loads(self._minted(_ANY_ID, 0) + b"}"))

    def records(
        self, events: Iterable[Ready], event_ids: Iterable[str], first: int
    ) -> list[tuple[bytes, bytes]]:
        """Keys and values of events: their texts with an envelope.

        Args:
            events: The events.
            event_ids: Their ids.
            first: Number of the first one.
        """
        minted = self._minted
        return [
            (key, minted(event_id, seq) + b"," + members)
            for seq, ((members, key), event_id) in enumerate(
                zip(events, event_ids, strict=True), first
            )
        ]

    def headers(self, seq: int) -> Header:
        """Record headers: what tells resends where the contract has no place for it."""
        if self._has_envelope:
            return None
        return [("producer_id", self._producer), ("seq", str(seq))]

    def check(self, events: Sequence[Event]) -> list[Ready]:
        """The events, if all of them keep the contract.

        Raises:
            EventRefusedError: One does not.
        """
        ready = []
        for index, verdict in enumerate(self.judge(events)):
            if isinstance(verdict, Failure):
                raise EventRefusedError(index, verdict)
            ready.append(verdict)
        return ready

    def judge(self, events: Sequence[Event]) -> list[Ready | Failure]:
        """What each event is: ready to get its envelope, or why not."""
        return [
            verdict
            for start in range(0, len(events), _AT_ONCE)
            for verdict in self._judge_some(events[start : start + _AT_ONCE])
        ]

    def _judge_some(self, events: Sequence[Event]) -> Iterable[Ready | Failure]:
        texts = [_text(event) for event in events]
        longest = self._surely_short
        short = [text for text in texts if isinstance(text, bytes) and len(text) < longest]
        plain = self._quick.batch(short)
        if len(plain) < len(texts):
            known = iter(plain)
            plain = [
                next(known) if isinstance(text, bytes) and len(text) < longest else None
                for text in texts
            ]
        key = self._key
        return [
            self._judge(text)
            if event is None or isinstance(text, Failure)
            else (text[1:], key(event))
            for text, event in zip(texts, plain, strict=True)
        ]

    def _judge(self, text: bytes | Failure) -> Ready | Failure:
        """What an event is that is no plain one."""
        if isinstance(text, Failure):
            return text
        failure = judge_json(self.contract, self._trial(text)).failure
        if failure is not None:
            return self._own(text, failure)
        return text[1:], self._key(_parsed(text))

    def _envelope(self, event_id: str, seq: int) -> bytes:
        return f'{{"event_id":"{event_id}{self._behind_id}{seq}{self._behind_seq}'.encode()

    def _trial(self, text: bytes) -> bytes:
        """The event with an envelope of the greatest length."""
        if not text.startswith(b"{"):
            return text  # the parser says what it is instead of an object
        minted = self._minted(_ANY_ID, _LONGEST_SEQ)
        # an event without any member has no comma to be put behind
        return minted + b"}" if text[1:].strip(_BLANKS) == b"}" else minted + b"," + text[1:]

    def _own(self, text: bytes, failure: Failure) -> Failure:
        """A failure in terms of the text that the caller sent."""
        if failure.reason != "parse":
            return failure
        alone = judge_json(self.contract, text).failure
        if alone is not None and alone.reason == "parse":
            return alone
        return Failure(
            "contract",
            failure.field,
            f"{failure.field} is given by the producer; leave it out."
            if failure.field in self.reserved
            else failure.message,
        )


def stream_of(topic: str, producer_id: str) -> Stream:
    """The stream of a topic.

    Raises:
        AdxError: There is no such topic.
    """
    if topic not in TOPICS:
        raise AdxError(
            f"There is no topic {topic}.",
            remedy=f"Use one of: {', '.join(TOPICS)}.",
            exit_code=ExitCode.USAGE,
        )
    return Stream(topic, producer_id)


def _text(event: Event) -> bytes | Failure:
    if isinstance(event, bytes):
        return event.strip(_BLANKS)
    try:
        return orjson.dumps(dict(event))
    except (TypeError, ValueError) as error:
        return Failure("parse", None, f"The event has no JSON form: {error}.")


def _parsed(text: bytes) -> Any:
    """An event that was accepted; its undeclared members may hold numbers that fit no float."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text, parse_int=Number, parse_float=Number)


def _id_only(event_id: str, _seq: int) -> bytes:
    return f'{{"event_id":"{event_id}"'.encode()


def _key_of_ad_event(event: Mapping[str, Any]) -> bytes:
    """User, else auction, else impression."""
    payload = event[event["event_type"]]
    key = payload.get("user_id") or payload.get("auction_id") or payload["impression_id"]
    return _bounded(str(key))


def _key_of_user_event(event: Mapping[str, Any]) -> bytes:
    return _bounded(str((event.get("user_identifiers") or {}).get("id") or ""))


def _bounded(key: str) -> bytes:
    return key.encode()[:MOST_KEY_BYTES]
