"""The quick check accepts nothing that the strict parser refuses, and does accept the usual."""

import copy
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest

from ingestion.adworld.hostile import hostile_cases, tricky_cases
from ingestion.contracts import contract_for_topic
from ingestion.landing.strict import judge_json
from ingestion.producers.quick import QuickCheck
from tests.unit.producers.stand_ins import impression, user_event

MINTED = {
    "event_id": "01900000-0000-7000-8000-000000000000",
    "producer_id": "px.1",
    "seq": 3,
    "schema_version": 1,
}
VIEW = {
    "event_type": "viewability",
    "event_ts": "2026-03-28T10:00:00Z",
    "viewability": {
        "impression_id": "imp-1",
        "sequence": 0,
        "start_ms": 0,
        "end_ms": 1000,
        "in_view_fraction": "0.5",
        "measurable": True,
        "playing": None,
    },
}
USUAL: dict[str, list[dict[str, Any]]] = {
    "ad-events": [
        MINTED | impression(1, country="DE", latitude="52.52", width=300, region="é", page_url=""),
        MINTED | VIEW,
    ],
    "user-events": [user_event(1), {"timestamp": "2023-10-23T12:34:56.123456Z"}],
}
ODD = (
    None, True, False, 0, -1, 1, 1.0, 2**63 - 1, 2**63, -(2**63) - 1, "", "x", "1", "NaN", "1e5",
    "2026-02-30T10:00:00Z", "2026-03-28T24:00:00Z", "2026-03-28T10:00:60Z", "1999-12-31T23:59:59Z",
    "2100-01-01T00:00:00Z", "2026-03-28T10:00:00", "2026-03-28 10:00:00Z", "2026-W13-6T10:00:00Z",
    "2026-03-28T10:00:00.1234567Z", "192.0.2.01", "192.0.2.256", "192.0.2", "٣.0.2.1", "::1",
    "\0", "\x7f", "52.123", "91", "-0", "0.5000000001", [], {}, [1], {"x": 1}, "click", "video",
)  # fmt: skip


@pytest.mark.parametrize("topic", list(USUAL))
def test_usual_events_are_accepted(topic: str) -> None:
    check = QuickCheck(contract_for_topic(topic), frozenset())
    for event in USUAL[topic]:
        assert check(orjson.dumps(event)) == event


@pytest.mark.parametrize("topic", list(USUAL))
def test_what_is_minted_is_doubted(topic: str) -> None:
    check = QuickCheck(contract_for_topic(topic), frozenset({"event_id"}))
    assert check(orjson.dumps(user_event(1, event_id=MINTED["event_id"]))) is None


@pytest.mark.parametrize("topic", list(USUAL))
def test_whatever_it_accepts_the_strict_parser_accepts(topic: str) -> None:
    contract = contract_for_topic(topic)
    check = QuickCheck(contract, frozenset())
    accepted = 0
    for text in (*_catalogue(contract.name), *_changed(topic)):
        if check(text) is not None:
            accepted += 1
            verdict = judge_json(contract, text)
            assert (verdict.failure, verdict.extras) == (None, {}), text
    assert accepted > 50


@pytest.mark.parametrize("topic", list(USUAL))
def test_a_batch_is_judged_as_its_events_alone(topic: str) -> None:
    contract = contract_for_topic(topic)
    check = QuickCheck(contract, frozenset())
    rng = random.Random(9)
    usual = [orjson.dumps(event) for event in USUAL[topic]]
    odd = [*_catalogue(contract.name), *rng.sample(list(_changed(topic)), 1_000)]
    texts = [*rng.choices(usual, k=3_000), *odd]
    rng.shuffle(texts)
    while texts:
        batch = [texts.pop() for _ in range(min(len(texts), rng.choice((1, 2, 7, 60))))]
        assert check.batch(batch) == [check(text) for text in batch]


def test_a_contract_that_wants_one_of_its_fields_is_left_to_the_strict_parser() -> None:
    contract = replace(contract_for_topic("user-events"), one_of=("event_name", "event_id"))
    check = QuickCheck(contract, frozenset())
    assert check.batch([orjson.dumps(user_event(n)) for n in range(3)]) == [None] * 3


REPEATED = (
    b'{"timestamp":"2023-10-23T12:34:56Z",%b"event_name":"a"}',
    b'{"timestamp":"2023-10-23T12:34:56Z","user_identifiers":{%b"id":"u"},"event_name":"a"}',
)


@pytest.mark.parametrize("template", REPEATED)
@pytest.mark.parametrize("blank", [b"", b" ", b"\t", b"\r\n"])
@pytest.mark.parametrize(
    "value", [b'"a"', b"null", b"1", b'{"id":"u"}', b'["a"]', b'"\\"\\n\\u00e9"', b'"\\\\"']
)
def test_a_key_that_comes_twice_is_seen_alone_and_in_a_batch(
    template: bytes, blank: bytes, value: bytes
) -> None:
    contract = contract_for_topic("user-events")
    check = QuickCheck(contract, frozenset())
    for name in (b"id", b"event_name", b"timestamp", b"tim\\u0065stamp", b"user_identifiers"):
        text = template % (b'"' + name + b'"' + blank + b":" + blank + value + b",")
        accepted = check(text) is not None
        assert not (accepted and judge_json(contract, text).failure), text
        good = template % b""
        assert [each is not None for each in check.batch([good, text, good])] == [
            True,
            accepted,
            True,
        ]


@pytest.mark.parametrize(
    ("name", "is_plain"),
    [
        (rb"\"quoted\" \/ \t \u00e9 \ud83d\ude00", True),
        (rb"\\", False),
        (rb"\u0000", False),
        (rb"\ud800", False),
        (rb"\ude00\ud83d", False),
    ],
)
def test_escapes_are_plain_where_their_quotes_can_be_told(name: bytes, is_plain: bool) -> None:
    check = QuickCheck(contract_for_topic("user-events"), frozenset())
    text = b'{"timestamp":"2023-10-23T12:34:56Z","event_name":"%b"}' % name
    assert (check(text) is not None) == is_plain


def test_a_backslash_at_the_end_of_a_text_hides_no_key_that_comes_twice() -> None:
    """Two quotes behind backslashes are as many as the name of a key has."""
    check = QuickCheck(contract_for_topic("user-events"), frozenset())
    ends = rb'"event_name":"a\\","user_identifiers":{"id":"b\\"},'
    assert (
        check(b'{%b"event_id":null,"event_id":null,"timestamp":"2023-10-23T12:34:56Z"}' % ends)
        is None
    )


def test_an_address_of_version_6_and_a_time_with_an_offset_are_plain() -> None:
    check = QuickCheck(contract_for_topic("ad-events"), frozenset())
    event = MINTED | impression(1, ip="2001:db8::7")
    assert check(orjson.dumps(event)) == event
    event["event_ts"] = "2026-03-28T10:00:00.123+02:00"
    assert check(orjson.dumps(event)) == event
    event["event_ts"] = "2026-03-28T10:00:00.123+02:60"
    assert check(orjson.dumps(event)) is None


def _catalogue(table: str) -> Iterator[bytes]:
    for case in (*hostile_cases(table), *tricky_cases(table)):
        text = case.build(1)
        if text is not None and len(text) < 200_000:
            yield text


def _changed(topic: str) -> Iterator[bytes]:
    for event in USUAL[topic]:
        for path in _paths(event, ()):
            for value in ODD:
                changed = copy.deepcopy(event)
                node = changed
                for name in path[:-1]:
                    node = node[name]
                node[path[-1]] = value
                yield orjson.dumps(changed, option=orjson.OPT_NON_STR_KEYS) if _fits(value) else b""
                if value is None:
                    del node[path[-1]]
                    yield orjson.dumps(changed)
                    node["more"] = 1
                    yield orjson.dumps(changed)
        text = orjson.dumps(event)
        rng = random.Random(5)
        for _ in range(3_000):
            place = rng.randrange(len(text))
            yield text[:place] + bytes([rng.randrange(256)]) + text[place + 1 :]
        for place in range(len(text)):
            yield text[:place] + b" " + text[place:]
            yield text[:place]


def _fits(value: Any) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**64


def _paths(node: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, value in node.items():
        yield (*above, name)
        if isinstance(value, dict):
            yield from _paths(value, (*above, name))
