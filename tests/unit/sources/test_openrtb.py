"""OpenRTB 2.6 bid requests go through our records and come back as they were sent."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.contracts import load_contract
from ingestion.contracts.avro import avro_schema
from ingestion.errors import AdxError, ExitCode
from ingestion.landing import KeyStore, LandingContext
from ingestion.landing.avro_files import payload_of, strict_records, without_nulls
from ingestion.landing.json_text import Number
from ingestion.landing.strict import dump_json
from ingestion.sources.exchange.openrtb import to_record, to_request

NO_ADDRESS = "0.0.0.0"  # noqa: S104 - what a request without an address has
RECEIVED = datetime(2026, 3, 28, 5, 6, 7, 89, tzinfo=UTC)
CONTRACT = load_contract("exchange", "bid_requests")
SCHEMA = fastavro.parse_schema(dict(avro_schema(CONTRACT)))

EXAMPLE = """{
  "id": "80ce30c53c16e6ede735f123ef6e32361bfc7b22", "at": 1, "cur": ["USD"], "tmax": 120,
  "imp": [
    {"id": "1", "tagid": "top", "bidfloor": 0.030, "secure": 1, "ext": {"skadn": {"v": [1, 2.50]}},
     "banner": {"w": 300, "h": 250, "pos": 0, "format": [{"w": 300, "h": 250}]},
     "pmp": {"private_auction": 1, "deals": [
       {"id": "AB-Agency1-0001", "at": 1, "bidfloor": 2.500000000001, "wseat": ["Agency1"]}]}},
    {"id": "2", "bidfloor": 1e-2, "bidfloorcur": "EUR",
     "video": {"mimes": ["video/mp4"], "w": 640, "h": 480, "minduration": 5}}
  ],
  "site": {"id": "102855", "domain": "www.foobar.com", "cat": ["IAB3-1"],
           "publisher": {"id": "8953", "name": "foobar.com"}, "page": "https://www.foobar.com/1"},
  "device": {"ua": "Mozilla/5.0", "ip": "123.145.167.10", "devicetype": 2, "os": "OS X",
             "geo": {"country": "USA", "region": "CA", "lat": 37.789, "lon": -122.39419999999999},
             "ifa": "AA000DFE74168477C70D291f574D344790E0BB11"},
  "user": {"id": "456789876567897654678987656789", "yob": 1984, "gender": "F",
           "buyeruid": "545678765467876567898765678987654",
           "eids": [{"source": "id5.example", "uids": [{"id": "abc", "atype": 1}]}]},
  "regs": {"gdpr": 1, "coppa": 0, "gpp": "DBABMA~CPXxRfAPXxRfAAfKABENB"},
  "source": {"tid": "t1", "schain": {"complete": 1, "ver": "1.0",
             "nodes": [{"asi": "exchange.example", "sid": "1234", "hp": 1}]}},
  "_ours": {"_absent": 1}, "ext": {"nothing": null}
}"""


def parsed(text: str) -> Any:
    """A document in which numbers are their text."""
    return json.loads(text, parse_float=Number, parse_int=Number)


def record_of(text: str) -> dict[str, Any]:
    return to_record(text, exchange="openx", received_at=RECEIVED)


def through_avro(record: dict[str, Any]) -> dict[str, Any]:
    """The record as a reader of the file gets it."""
    data = io.BytesIO()
    fastavro.schemaless_writer(data, SCHEMA, record)
    data.seek(0)
    read: Any = fastavro.schemaless_reader(data, SCHEMA, None)
    return read


def test_a_request_as_the_specification_shows_it() -> None:
    record = record_of(EXAMPLE)
    assert {name: record[name] for name in ("exchange", "id", "at", "cur", "tmax", "app")} == {
        "exchange": "openx",
        "id": "80ce30c53c16e6ede735f123ef6e32361bfc7b22",
        "at": 1,
        "cur": ["USD"],
        "tmax": 120,
        "app": None,
    }
    assert record["received_ts"] == 1774674367000089
    assert record["imp"] == [
        {
            "id": "1",
            "tagid": "top",
            "ad_format": "display",
            "w": 300,
            "h": 250,
            "bidfloor": "0.030",
            "bidfloorcur": "USD",
            "deals": [{"id": "AB-Agency1-0001", "bidfloor": "2.500000000"}],
        },
        {
            "id": "2",
            "tagid": None,
            "ad_format": "video",
            "w": 640,
            "h": 480,
            "bidfloor": "0.010000000",
            "bidfloorcur": "EUR",
            "deals": [],
        },
    ]
    assert record["site"] == {
        "id": "102855",
        "domain": "www.foobar.com",
        "cat": ["IAB3-1"],
        "publisher_id": "8953",
    }
    assert record["device"] == {
        "ua": "Mozilla/5.0",
        "ip": "123.145.167.10",
        "device_type": "desktop",
        "os": "OS X",
        "geo": {"country": "US", "region": "CA", "lat": "37.789", "lon": "-122.394200000"},
    }
    assert record["user"] == {
        "id": "456789876567897654678987656789",
        "age_band": "35-44",
        "gender": "f",
    }
    assert record["regs"] == {"gdpr": True, "coppa": False, "gpp": "DBABMA~CPXxRfAPXxRfAAfKABENB"}
    assert record["schain"] == [{"asi": "exchange.example", "sid": "1234"}]
    assert parsed(to_request(through_avro(record))) == parsed(EXAMPLE)


def test_what_the_record_has_no_name_for_stays_where_it_was() -> None:
    ext = parsed(record_of(EXAMPLE)["ext"])
    assert ext["user"]["eids"][0]["uids"] == [{"id": "abc", "atype": Number("1")}]
    assert ext["imp"][0]["pmp"]["deals"][0]["bidfloor"] == Number("2.500000000001")
    assert ext["imp"][1] == {
        "bidfloor": Number("1e-2"),
        "video": {"mimes": ["video/mp4"], "minduration": Number("5")},
    }
    assert ext["device"] == {
        "ifa": "AA000DFE74168477C70D291f574D344790E0BB11",
        "geo": {"lon": Number("-122.39419999999999")},
    }
    assert "id" not in ext


def test_the_least_request_is_lawful_and_comes_back() -> None:
    text = '{"id":"1","imp":[{"id":"1"}]}'
    record = through_avro(record_of(text))
    assert (record["device"]["ip"], record["device"]["device_type"]) == (NO_ADDRESS, "desktop")
    assert parsed(record["ext"]) == {"_absent": ["/device", "/at"]}
    assert parsed(to_request(record)) == parsed(text)


def test_a_record_made_elsewhere_is_a_request_that_says_the_same() -> None:
    record = record_of(EXAMPLE) | {"ext": None}
    request = parsed(to_request(record))
    assert request["device"]["devicetype"] == Number("2")
    assert request["device"]["geo"]["country"] == "USA"
    assert request["imp"][1]["video"] == {"w": Number("640"), "h": Number("480")}
    assert request["regs"] == {"gdpr": Number("1"), "gpp": "DBABMA~CPXxRfAPXxRfAAfKABENB"}
    again = to_record(
        json.dumps(json.loads(to_request(record))), exchange="openx", received_at=RECEIVED
    )
    same = ("id", "site", "app", "regs", "schain", "at", "cur", "tmax")
    assert {name: again[name] for name in same} == {name: record[name] for name in same}


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"id":"1","id":"2"}', '{"id":NaN}', '{"id":"1"} x', '{"a":' * 70 + "1" + "}" * 70],
    ids=["nothing", "an array", "a key twice", "no number", "something behind it", "too deep"],
)
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(AdxError, match="no OpenRTB bid request") as caught:
        record_of(text)
    assert caught.value.exit_code == ExitCode.DATA


@pytest.mark.parametrize(
    "text",
    [
        '{"id":"1","at":{},"tmax":{},"cur":{},"imp":{},"device":{"devicetype":{},"ip":{}}}',
        '{"id":"1","at":[],"tmax":[],"regs":[],"device":{"devicetype":[],"geo":{}},"site":[]}',
        '{"id":"1","at":null,"device":{"devicetype":null},"site":{},"app":{},"user":{}}',
    ],
    ids=["objects", "arrays", "nulls"],
)
def test_empty_values_in_the_place_of_defaults_are_kept_too(text: str) -> None:
    assert parsed(to_request(through_avro(record_of(text)))) == parsed(text)


def test_types_that_openrtb_does_not_have_are_kept_too() -> None:
    text = (
        '{"id":7,"imp":[{"id":null,"bidfloor":"1","pmp":[]},3],"site":"x","app":{"cat":[1]},'
        '"device":{"ip":1,"ua":null,"geo":[],"devicetype":"2"},"user":[],"regs":null,'
        '"source":{"schain":{"nodes":[1]}},"at":"1","cur":"EUR","tmax":1.5,"_absent":["/id"]}'
    )
    assert parsed(to_request(through_avro(record_of(text)))) == parsed(text)


words = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)
ids = words.filter(bool)
flags = st.sampled_from([Number("0"), Number("1")])
counts = st.integers(0, 5000).map(lambda number: Number(str(number)))
prices = st.one_of(
    st.decimals(0, 1000, places=2).map(lambda number: Number(f"{number:f}")),
    st.from_regex(r"(0|[1-9][0-9]{0,12})(\.[0-9]{1,20})?([eE][+-]?[0-9])?", fullmatch=True).map(
        Number
    ),
)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), words, prices, counts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=6,
)


def has(required: dict[str, Any] | None = None, **optional: Any) -> st.SearchStrategy[Any]:
    """An object with some members, some of the optional ones, and perhaps an `ext`."""
    return st.fixed_dictionaries(
        required or {}, optional=optional | {"ext": st.dictionaries(words, anything, max_size=2)}
    )


texts = st.lists(words, max_size=3)
degrees = st.sampled_from(["0", "52.5", "-89.123456789012345", "1E1", "12.50", "-0.0"]).map(Number)
geo = has(
    lat=degrees,
    lon=degrees,
    type=counts,
    accuracy=counts,
    city=words,
    region=words,
    country=st.sampled_from(["DEU", "USA", "XKX"]),
    zip=words,
    utcoffset=counts,
)
publisher = has(id=words, name=words, cat=texts, domain=words, cattax=counts)
content = has(id=words, title=words, genre=words, len=counts, producer=has(id=words))
place = {
    "id": words,
    "name": words,
    "cat": texts,
    "publisher": publisher,
    "content": content,
    "keywords": words,
    "kwarray": texts,
    "privacypolicy": flags,
}
banner = has(
    w=counts,
    h=counts,
    pos=counts,
    battr=st.lists(counts, max_size=2),
    vcm=flags,
    format=st.lists(has(w=counts, h=counts, wratio=counts), max_size=2),
)
video = has(
    {"mimes": texts},
    w=counts,
    h=counts,
    minduration=counts,
    startdelay=counts,
    rqddurs=st.lists(counts, max_size=2),
    companionad=st.lists(banner, max_size=1),
    mincpmpersec=prices,
    durfloors=st.lists(has(mindur=counts, bidfloor=prices), max_size=1),
)
audio = has({"mimes": texts}, minduration=counts, feed=counts, nvol=counts)
native = has({"request": words}, ver=words, api=st.lists(counts, max_size=2))
deal = has(
    {"id": ids},
    bidfloor=prices,
    bidfloorcur=st.sampled_from(["USD", "JPY"]),
    at=counts,
    wseat=texts,
    wadomain=texts,
    guar=flags,
)
pmp = has(private_auction=flags, deals=st.lists(deal, max_size=2))
metric = has({"type": words, "value": prices}, vendor=words)
imp = has(
    {"id": ids},
    banner=banner,
    video=video,
    audio=audio,
    native=native,
    pmp=pmp,
    metric=st.lists(metric, max_size=1),
    tagid=words,
    bidfloor=prices,
    secure=flags,
    bidfloorcur=st.sampled_from(["USD", "EUR"]),
    instl=flags,
    exp=counts,
    rwdd=flags,
    qty=has({"multiplier": prices}, sourcetype=counts),
    iframebuster=texts,
)
user = has(
    id=words,
    buyeruid=words,
    yob=st.integers(1920, 2020).map(lambda year: Number(str(year))),
    gender=st.sampled_from(["M", "F", "O", "?"]),
    keywords=words,
    geo=geo,
    consent=words,
    eids=st.lists(has({"source": words}, uids=st.lists(has(id=words, atype=counts))), max_size=2),
    data=st.lists(
        has(id=words, segment=st.lists(has(id=words, value=words), max_size=2)), max_size=1
    ),
)
device = has(
    ua=words,
    ip=st.sampled_from(["203.0.113.9", "100.0.0.0", NO_ADDRESS]),
    os=words,
    ipv6=st.just("2001:db8::1"),
    devicetype=st.integers(1, 8).map(lambda n: Number(str(n))),
    geo=geo,
    ifa=words,
    dnt=flags,
    lmt=flags,
    make=words,
    ppi=counts,
    pxratio=prices,
    sua=has(browsers=st.lists(has({"brand": words}, version=texts), max_size=1)),
)
schain = has(
    {
        "complete": flags,
        "ver": words,
        "nodes": st.lists(has({"asi": words, "sid": words}, hp=flags, rid=words), max_size=3),
    }
)
requests = has(
    {"id": ids, "imp": st.lists(imp, min_size=1, max_size=3)},
    site=has(**place, domain=words, page=words, ref=words),
    app=has(**place, bundle=words, ver=words),
    dooh=has(id=words, venuetype=texts),
    device=device,
    user=user,
    test=flags,
    at=st.integers(1, 3).map(lambda number: Number(str(number))),
    tmax=counts,
    wseat=texts,
    cur=st.lists(st.sampled_from(["USD", "EUR"]), max_size=2),
    bcat=texts,
    badv=texts,
    bapp=texts,
    source=has(fd=flags, tid=words, pchain=words, schain=schain),
    regs=has(coppa=flags, gdpr=flags, us_privacy=words, gpp=words, gpp_sid=st.lists(counts)),
    x_unknown=anything,
)

many = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@given(request=requests)
@many
def test_every_request_of_the_shape_comes_back_without_loss(request: Any, tmp_path: Path) -> None:
    """Through the record, a file of Avro, and the landing's judgement."""
    text = dump_json(request)
    record = through_avro(record_of(text))
    assert parsed(to_request(record)) == parsed(text)
    plain = without_nulls(record | {"received_ts": 1774674367000089})
    context = LandingContext(CONTRACT, 1, RECEIVED, KeyStore(tmp_path / "keys"))
    (landed,) = strict_records(context, [plain]).to_pylist()
    assert landed["_error"] is None, payload_of(plain)
