"""What the reference parser says where the catalogue of hostile records does not ask."""

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.contracts import load_contract
from ingestion.landing.strict import dump_json, judge_json
from ingestion.landing.values import Number

USER_EVENTS = load_contract("user_events", "events")
AD_EVENTS = load_contract("ad_events", "events")
STAMP = b'"timestamp":"2023-10-23T12:34:56Z"'


def failure(value: bytes | None) -> tuple[str, str | None]:
    found = judge_json(USER_EVENTS, value).failure
    assert found is not None
    return found.reason, found.field


def test_unknown_fields_are_extras_by_dotted_path() -> None:
    verdict = judge_json(
        USER_EVENTS,
        b'{%s,"new":{"a":[1,2.50]},"user_identifiers":{"id":"u","age.band":null}}' % STAMP,
    )
    assert verdict.failure is None
    assert verdict.extras == {
        "new": {"a": [1, Number("2.50")]},
        "user_identifiers.age\\.band": None,
    }
    assert json.loads(dump_json(verdict.extras)) == {
        "new": {"a": [1, 2.5]},
        "user_identifiers.age\\.band": None,
    }


def test_numbers_of_extras_keep_every_digit() -> None:
    verdict = judge_json(USER_EVENTS, b'{%s,"n":[1.10,1e400,%s]}' % (STAMP, b"9" * 50))
    assert dump_json(verdict.extras) == '{"n":[1.10,1e400,' + "9" * 50 + "]}"


def test_type_faults_come_before_value_faults() -> None:
    assert failure(b'{"timestamp":"yesterday","event_name":5}') == ("schema", "event_name")


def test_the_field_at_fault_is_named_by_its_path() -> None:
    assert failure(b'{%s,"user_identifiers":{"id":5}}' % STAMP) == ("schema", "user_identifiers.id")


def test_a_repeated_key_is_named_only_if_it_is_declared() -> None:
    assert failure(b'{%s,"event_name":"a","event_name":"a"}' % STAMP) == ("parse", "event_name")
    found = judge_json(USER_EVENTS, b'{%s,"secret":1,"secret":2}' % STAMP).failure
    assert found is not None
    assert found.field is None
    assert "secret" not in found.message


@pytest.mark.parametrize(("depth", "is_good"), [(31, True), (32, False)])
def test_32_levels_are_the_deepest(depth: int, is_good: bool) -> None:
    nested = b'{%s,"x":%s%s}' % (STAMP, b"[" * depth, b"]" * depth)
    assert (judge_json(USER_EVENTS, nested).failure is None) == is_good


@pytest.mark.parametrize("unit", [b"[", b'{"a":'])
def test_bottomless_nesting_is_a_parse_failure(unit: bytes) -> None:
    assert failure(b'{"x":' + unit * 20_000)[0] == "parse"


def test_the_union_rule_names_the_payload() -> None:
    event = (
        b'{"event_id":"01900000-0000-7000-8000-000000000000","event_type":"video",'
        b'"event_ts":"2026-03-28T12:00:00Z","producer_id":"p","seq":0,"schema_version":1}'
    )
    found = judge_json(AD_EVENTS, event).failure
    assert found is not None
    assert (found.reason, found.field) == ("contract", "video")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    ),
    st.binary(max_size=3),
    st.integers(0, 200),
)
@settings(max_examples=400, deadline=None, derandomize=True)
def test_the_parser_takes_the_documents_that_another_strict_parser_takes(
    value: object, noise: bytes, at: int
) -> None:
    """orjson keeps RFC 8259 as well, but for repeated keys, which are left out here."""
    document = orjson.dumps({"timestamp": "2023-10-23T12:34:56Z", "x": value})
    document = document[:at] + noise + document[at:]
    try:
        theirs = orjson.loads(document)
    except orjson.JSONDecodeError:
        theirs = None
    found = judge_json(USER_EVENTS, document).failure
    if theirs is None:
        assert found is not None
        assert found.reason == "parse"
    elif found is not None and found.reason == "parse":
        assert any(word in found.message for word in ("twice", "NUL", "deep", "surrogate"))
