"""Nothing personal leaves the landing, and both paths replace it alike."""

import hmac
import json
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.adworld.hostile import ad_event
from ingestion.landing import LandingContext, land_json
from ingestion.landing.keys import hmac_hex, hmac_hexes
from ingestion.landing.privacy import ip_prefix, strip_query

RFC_4231 = [
    (
        b"\x0b" * 20,
        "Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        b"Jefe",
        "what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
]


@pytest.mark.parametrize(("key", "text", "digest"), RFC_4231)
def test_pseudonyms_are_hmac_sha_256(key: bytes, text: str, digest: str) -> None:
    assert hmac_hex(key, text) == digest
    assert hmac_hexes(key, [text, None]) == [digest, None]


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1), st.binary(max_size=64)
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_pseudonyms_of_many_texts_are_pythons(texts: list[str], key: bytes) -> None:
    expected = [hmac.new(key, text.encode(), "sha256").hexdigest() for text in texts]
    assert hmac_hexes(key, texts) == expected


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("10.200.30.255", "10.200.30.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::1", "::/48"),
    ],
)
def test_the_prefix_of_an_ip_is_coarse(address: str, prefix: str) -> None:
    assert ip_prefix(ip_address(address)) == prefix


@pytest.mark.parametrize(
    ("url", "stripped"),
    [
        ("https://a.example/b?user=1#top", "https://a.example/b"),
        ("https://a.example/b#top?user=1", "https://a.example/b"),
        ("https://a.example", "https://a.example"),
        ("?user=1", ""),
    ],
)
def test_a_url_loses_its_query(url: str, stripped: str) -> None:
    assert strip_query(url) == stripped


def land_impression(
    context: LandingContext, make_lineage: Callable, **members: Any
) -> list[dict[str, Any]]:
    """One impression by the vectorised path, and again by the strict one (an unknown field)."""
    event = ad_event(1)
    event["impression"] |= members
    odd = {**event, "x": 1}
    values = [json.dumps(document).encode() for document in (event, odd)]
    landed = land_json(context, pa.array(values, pa.binary()), make_lineage(context.contract, 2))
    assert landed["_error"].null_count == 2
    return landed["impression"].to_pylist()


def test_both_paths_replace_ids_ips_and_urls_alike(
    make_context: Callable, make_lineage: Callable
) -> None:
    context = make_context("ad_events.events")
    fast, strict = land_impression(
        context,
        make_lineage,
        user_id="Zoë",
        ip="203.0.113.9",
        page_url="https://news.example/a?user=Zoë#x",
    )
    assert fast == strict
    key = context.keys.pseudonym_key()
    assert fast["user_id"] == hmac_hex(key, "Zoë")
    assert fast["ip"] == hmac_hex(key, "203.0.113.9")
    assert fast["ip_prefix"] == "203.0.113.0/24"
    assert fast["page_url"] == "https://news.example/a"


def test_without_consent_the_id_is_dropped_and_the_event_stays(
    make_context: Callable, make_lineage: Callable
) -> None:
    consent = {"gdpr_applies": True, "personal": False}
    for row in land_impression(make_context("ad_events.events"), make_lineage, consent=consent):
        assert row["user_id"] is None
        assert row["ip"] is not None


def test_two_spellings_of_an_ipv6_address_are_one_pseudonym(
    make_context: Callable, make_lineage: Callable
) -> None:
    context = make_context("ad_events.events")
    short, _ = land_impression(context, make_lineage, ip="2001:db8::1")
    long, _ = land_impression(context, make_lineage, ip="2001:0DB8:0:0::0001")
    assert short["ip"] == long["ip"] == hmac_hex(context.keys.pseudonym_key(), "2001:db8::1")
    assert short["ip_prefix"] == "2001:db8::/48"


def test_user_events_keep_the_id_and_add_its_pseudonym(
    make_context: Callable, make_lineage: Callable
) -> None:
    context = make_context("user_events.events")
    event = b'{"timestamp":"2023-10-23T12:34:56Z","user_identifiers":{"id":"user_12345"}}'
    landed = land_json(context, pa.array([event]), make_lineage(context.contract, 1))
    (row,) = landed.to_pylist()
    assert row["user_id"] == "user_12345"
    assert row["user_pseudonym"] == hmac_hex(context.keys.pseudonym_key(), "user_12345")


def test_extras_are_encrypted(make_context: Callable, make_lineage: Callable) -> None:
    context = make_context("user_events.events")
    event = b'{"timestamp":"2023-10-23T12:34:56Z","user_identifiers":{"email":"zoe@example.org"}}'
    landed = land_json(context, pa.array([event]), make_lineage(context.contract, 1))
    (token,) = landed["_extras"].to_pylist()
    assert "email" not in token
    assert context.keys.decrypt(token) == b'{"user_identifiers.email":"zoe@example.org"}'
