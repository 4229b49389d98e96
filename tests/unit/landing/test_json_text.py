"""JSON inside a text: what is an object, and what becomes of personal values in it."""

import json

import pytest

from ingestion.landing.json_text import MAX_DEPTH, is_json_object, without_personal
from ingestion.landing.keys import hmac_hex

KEY = b"k" * 32
PATHS = ("user.eids", "user.buyeruid", "device.ifa", "imp.tag.id")


def hidden(value: str) -> str:
    return hmac_hex(KEY, value)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        ' {"a":[1,2.50,1e999,-0,null,true,"é\\n"]}\n',
        '{"a":' + "9" * 5000 + "}",
        '{"a":1,"a":2}',
        '{"a":' * (MAX_DEPTH - 1) + "{}" + "}" * (MAX_DEPTH - 1),
        '{"a":"' + "{[" * 40 + '"}',
        '{"a":"\\\\u0000 is a text"}',
    ],
)
def test_an_object_is_one(text: str) -> None:
    assert is_json_object(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", "[]", '"{}"', "1", "{", '{"a":1,}', "{'a':1}", "{a:1}", "{} {}", "{}x"),
        *('{"a":01}', '{"a":+1}', '{"a":.5}', '{"a":NaN}', '{"a":-Infinity}', "\ufeff{}"),
        *('{"a":"\t"}', '{"a":"\\u0000"}', '{"\\u0000":1}', '{"a":"\\ud800"}', '{"a":"\\x"}'),
        '{"a":' * MAX_DEPTH + "{}" + "}" * MAX_DEPTH,
        "[" * 100_000,
    ],
    ids=lambda text: text[:12],
)
def test_everything_else_is_not(text: str) -> None:
    assert not is_json_object(text)


def test_a_text_without_personal_values_is_kept_to_the_byte() -> None:
    for text in (' { "a" : 1.00 }', '{"eids":1,"user":{"x":"buyeruid"}}', '{"user":{"eids":[]}}'):
        assert without_personal(text, PATHS, KEY) == text


def test_all_values_below_a_path_are_pseudonyms_and_nothing_else_changes() -> None:
    text = (
        '{"user": {"eids":[{"source":"a.example","uids":[{"id":"x","atype":1.0}]},null,true],'
        '"buyeruid":"é","other":1.50},"device":{"ifa":7},"eids":"kept",'
        '"imp":[{"tag":{"id":"t1"}},{"tag":{"id":"t2"}},{"tag":5}],"user":{"buyeruid":"again"}}'
    )
    assert without_personal(text, PATHS, KEY) == (
        '{"user":{"eids":[{"source":"'
        + hidden("a.example")
        + '","uids":[{"id":"'
        + hidden("x")
        + '","atype":"'
        + hidden("1.0")
        + '"}]},null,true],"buyeruid":"'
        + hidden("é")
        + '","other":1.50},"device":{"ifa":"'
        + hidden("7")
        + '"},"eids":"kept",'
        '"imp":[{"tag":{"id":"'
        + hidden("t1")
        + '"}},{"tag":{"id":"'
        + hidden("t2")
        + '"}},{"tag":5}],"user":{"buyeruid":"'
        + hidden("again")
        + '"}}'
    )


@pytest.mark.parametrize("paths", [("user", "user.id"), ("user.id", "user")])
def test_a_path_takes_all_below_it_beside_a_longer_one(paths: tuple[str, str]) -> None:
    text = '{"user":{"id":"a","name":"b"}}'
    found = json.loads(without_personal(text, paths, KEY))
    assert found == {"user": {"id": hidden("a"), "name": hidden("b")}}


def test_a_name_cannot_hide_behind_escapes() -> None:
    text = '{"\\u0075ser":{"buyer\\u0075id":"secret"}}'
    found = json.loads(without_personal(text, PATHS, KEY))
    assert found == {"user": {"buyeruid": hidden("secret")}}
