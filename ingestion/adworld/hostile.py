"""Records that break their contract, each with the class it must fail with; and some that do not.

`hostile_cases()` is the catalogue that the ad world plants on the stream and in files, and that
the tests of the landing go through one by one. Every case has exactly one fault, so its class
never depends on which fault a parser sees first. `tricky_cases()` are records that look wrong and
are right: a landing that is too strict fails them.

Classes: `parse` (not one JSON document, not one CSV line), `schema` (another type than declared,
or a required field that is missing), `contract` (right type, value not allowed) and `oversize`.
"""

import gzip
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import orjson

Reason = Literal["parse", "schema", "contract", "privacy", "oversize"]
Document = dict[str, Any]
Lawful = Callable[[int], Document]

MAX_RECORD_BYTES = 262_144
AD_EVENTS = "ad_events.events"
USER_EVENTS = "user_events.events"
IMPRESSIONS = "adserver.impressions"
CLICKS = "adserver.clicks"
CONVERSIONS = "adserver.conversions"


@dataclass(frozen=True)
class HostileCase:
    """One way to be wrong.

    Attributes:
        name: What is wrong, unique within the table.
        table: `<source>.<table>` whose contract it breaks.
        reason: The class it must fail with.
        build: Makes the record as bytes without a line end (None: a tombstone); the argument
            makes records of one case differ from each other.
    """

    name: str
    table: str
    reason: Reason
    build: Callable[[int], bytes | None]


@dataclass(frozen=True)
class TrickyCase:
    """A record that obeys its contract, however odd it looks.

    Attributes:
        name: What is odd about it.
        table: `<source>.<table>` it belongs to.
        build: Makes the record as bytes without a line end.
        expected: Values it must have in the raw table, by dotted column name; timestamps as
            RFC 3339 text in UTC, decimals as text.
    """

    name: str
    table: str
    build: Callable[[int], bytes]
    expected: dict[str, str | int | bool | None]


# ---------------------------------------------------------------- records that are right


def _uuid(n: int) -> str:
    return f"01900000-0000-7000-8000-{n % (1 << 48):012x}"


def impression_fields(n: int) -> Document:
    """The fields of a lawful impression, without the envelope."""
    return {
        "impression_id": f"hostile-{n}",
        "exchange": "openx",
        "auction_id": f"auction-{n}",
        "imp_id": "1",
        "bid_id": f"bid-{n}",
        "line_item_id": "li-0001",
        "creative_id": "cr-0001",
        "placement_id": "pl-0001",
        "user_id": f"hostile-user-{n}",
        "ip": "203.0.113.9",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0",
        "country": "DE",
        "region": "BE",
        "latitude": "52.52",
        "longitude": "13.40",
        "device_type": "desktop",
        "ad_format": "display",
        "width": 300,
        "height": 250,
        "clearing_price_micros": 2_000_000,
        "currency": "EUR",
        "channel": "display",
        "experiment_arm": None,
        "page_url": "https://news.example/a",
        "is_prefetch": False,
        "consent": {"gdpr_applies": True, "tcf": "CPx", "gpp": None, "personal": True},
    }


def ad_event(n: int, kind: str = "impression") -> Document:
    """A lawful ad event with the payload of one type."""
    payloads: dict[str, Lawful] = {
        "impression": impression_fields,
        "viewability": lambda n: {
            "impression_id": f"hostile-{n}",
            "sequence": 0,
            "start_ms": 0,
            "end_ms": 1000,
            "in_view_fraction": "0.50",
            "measurable": True,
            "playing": None,
            "position_ms": None,
        },
        "video": lambda n: {
            "impression_id": f"hostile-{n}",
            "video_event": "start",
            "position_ms": 0,
        },
        "click": lambda n: {
            "click_id": f"hostile-{n}",
            "impression_id": f"hostile-{n}",
            "user_id": None,
            "ip": "203.0.113.9",
            "user_agent": "Mozilla/5.0",
            "landing_url": "https://shop.example/",
        },
    }
    return {
        "event_id": _uuid(n),
        "event_type": kind,
        "event_ts": "2026-03-28T12:00:00.000Z",
        "producer_id": "hostile",
        "seq": n,
        "schema_version": 1,
        kind: payloads[kind](n),
    }


def user_event(n: int) -> Document:
    """A lawful user action."""
    return {
        "timestamp": "2026-03-28T12:00:00Z",
        "event_name": "view",
        "user_identifiers": {"platform": "web", "id": f"hostile-user-{n}"},
        "product_information": {"name": "Wireless Mouse", "SKU": "SKU-1001"},
        "event_id": f"hostile-{n}",
    }


def file_impression(n: int) -> Document:
    """A lawful line of an ad server's impression file."""
    return {
        "event_id": _uuid(n),
        "event_ts": "2026-03-28T12:00:00.000Z",
        **impression_fields(n),
    }


def click_line(n: int) -> list[str]:
    """The fields of a lawful line of a click file."""
    return [
        f"hostile-{n}",
        "2026-03-28T12:00:00Z",
        f"hostile-{n}",
        "",
        "203.0.113.9",
        "Mozilla/5.0",
        "https://shop.example/",
    ]


def conversion_line(n: int) -> list[str]:
    """The fields of a lawful line of a conversion file."""
    return [
        f"hostile-{n}",
        "2026-03-28T12:00:00Z",
        "adv-001",
        "",
        f"acct-{n}",
        "purchase",
        "12.50",
        "EUR",
        f"order-{n}",
    ]


def _csv(fields: list[str]) -> bytes:
    return ",".join(fields).encode()


# ---------------------------------------------------------------- faults of the text


@dataclass(frozen=True)
class _JsonTable:
    """What the generic faults need to know about a table that carries JSON."""

    table: str
    lawful: Lawful
    text_field: str
    is_stream: bool


_JSON_TABLES = (
    _JsonTable(AD_EVENTS, ad_event, "producer_id", is_stream=True),
    _JsonTable(USER_EVENTS, user_event, "event_name", is_stream=True),
    _JsonTable(IMPRESSIONS, file_impression, "user_agent", is_stream=False),
)


def _nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def _text_faults(  # noqa: PLR0915 - a list of cases, one a line
    spec: _JsonTable,
) -> Iterator[tuple[str, Callable[[int], bytes | None]]]:
    """Ways in which bytes are not exactly one JSON document that text can carry."""
    field = spec.text_field.encode()

    def dump(n: int) -> bytes:
        return orjson.dumps(spec.lawful(n))

    def member(raw: bytes) -> Callable[[int], bytes]:
        """The lawful record with one more member, an unknown one, written as given."""
        return lambda n: dump(n)[:-1] + b"," + raw + b"}"

    def text(raw: bytes) -> Callable[[int], bytes]:
        """The lawful record whose text field holds these raw bytes."""

        def build(n: int) -> bytes:
            document = spec.lawful(n)
            document[spec.text_field] = "@@"
            return orjson.dumps(document).replace(b'"@@"', b'"' + raw + b'"')

        return build

    if spec.is_stream:
        yield "tombstone", lambda _: None
        yield "empty value", lambda _: b""
        yield "white space only", lambda _: b"  \t "
        yield "two documents on two lines", lambda n: dump(n) + b"\n" + dump(n + 1)
    yield "truncated object", lambda n: dump(n)[:-9]
    yield "closing brace missing", lambda n: dump(n)[:-1]
    yield "trailing garbage", lambda n: dump(n) + b" x"
    yield "trailing brace", lambda n: dump(n) + b"}"
    yield "two documents", lambda n: dump(n) + dump(n + 1)
    yield "two documents with a space", lambda n: dump(n) + b" " + dump(n + 1)
    yield "trailing comma after the document", lambda n: dump(n) + b","
    yield "not a number", member(b'"x_score":NaN')
    yield "infinity", member(b'"x_score":Infinity')
    yield "negative infinity", member(b'"x_score":-Infinity')
    yield "trailing comma in object", lambda n: dump(n)[:-1] + b",}"
    yield "trailing comma in array", member(b'"x_list":[1,2,]')
    yield "block comment", lambda n: b"/* hi */" + dump(n)
    yield "single quotes", lambda n: dump(n).replace(b'"', b"'")
    yield "byte order mark", lambda n: b"\xef\xbb\xbf" + dump(n)
    yield "lone high surrogate", text(b"a\\ud800b")
    yield "lone low surrogate", text(b"a\\udc00b")
    yield "surrogates in the wrong order", text(b"\\udc00\\ud800")
    yield "invalid UTF-8", text(b"a\xffb")
    yield "truncated UTF-8 sequence", text(b"a\xe2\x82")
    yield "overlong UTF-8", text(b"a\xc0\xafb")
    yield "surrogate in UTF-8", text(b"a\xed\xa0\x80b")
    yield "NUL escape", text(b"a\\u0000b")
    yield "raw NUL", text(b"a\x00b")
    yield "raw control character", text(b"a\x01b")
    yield "raw tab", text(b"a\tb")
    yield "unknown escape", text(b"\\x41")
    yield "duplicate key", lambda n: dump(n)[:-1] + b',"' + field + b'":"again"}'
    yield (
        "duplicate key hidden by an escape",
        lambda n: dump(n)[:-1] + b',"' + field[:-1] + b"\\u%04x" % field[-1] + b'":"again"}',
    )
    yield "duplicate key in an unknown object", member(b'"x_o":{"a":1,"a":2}')
    yield "nesting of 40", member(b'"x_deep":' + _nested(40))
    yield "nesting of 100,000", member(b'"x_deep":' + _nested(100_000))
    yield "leading zero", member(b'"x_n":01')
    yield "plus sign", member(b'"x_n":+1')
    yield "hexadecimal number", member(b'"x_n":0x10')
    yield "number without a whole part", member(b'"x_n":.5')
    yield "number without decimals", member(b'"x_n":1.')
    yield "capital literal", member(b'"x_b":True')
    yield "undefined", member(b'"x_b":undefined')
    yield "unquoted key", member(b"x_key:1")
    yield "missing colon", member(b'"x_key" 1')
    yield "missing comma", lambda n: dump(n)[:-1] + b' "x_key":1}'
    yield "unterminated string", lambda n: dump(n)[:-1] + b',"x_s":"abc}'
    yield "CSV line", lambda n: _csv(click_line(n))
    yield "HTML page", lambda n: b"<html><body>503 backend %d</body></html>" % n
    yield "log line", lambda n: b"2026-03-28 12:00:00 ERROR producer %d lost its buffer" % n
    yield "UTF-16", lambda n: dump(n).decode().encode("utf-16-le").replace(b"\n", b"\x0b")
    yield (
        "compressed by mistake",
        lambda n: gzip.compress(dump(n), mtime=0).replace(b"\n", b"\x0b").replace(b"\r", b"\x0b"),
    )


def _padded(lawful: Lawful, size: int) -> Callable[[int], bytes]:
    """The lawful record with an unknown field that makes it `size` bytes long."""

    def build(n: int) -> bytes:
        bare = orjson.dumps({**lawful(n), "x_pad": ""})
        return bare[:-2] + b"x" * (size - len(bare)) + b'"}'

    return build


# ---------------------------------------------------------------- faults of fields


def _set(document: Document, path: str, value: object) -> Document:
    *parents, last = path.split(".")
    node = document
    for parent in parents:
        node = node[parent]
    node[last] = value
    return document


def _without(document: Document, path: str) -> Document:
    *parents, last = path.split(".")
    node = document
    for parent in parents:
        node = node[parent]
    del node[last]
    return document


class _Raw:
    """A JSON text that a serialiser would not write, in the place of a value."""

    def __init__(self, text: bytes) -> None:
        self.text = text


def _dump(document: object) -> bytes:
    """JSON of a document in which `_Raw` texts stand for themselves."""
    raws: list[bytes] = []

    def default(value: object) -> object:
        if isinstance(value, _Raw):
            raws.append(value.text)
            return "@@raw@@"
        raise TypeError(type(value).__name__)

    dumped = orjson.dumps(document, default=default)
    for raw in raws:
        dumped = dumped.replace(b'"@@raw@@"', raw, 1)
    return dumped


def _changed(lawful: Lawful, path: str, value: object) -> Callable[[int], bytes]:
    """The lawful record with another value at a path."""
    return lambda n: _dump(_set(lawful(n), path, value))


def _dropped(lawful: Lawful, path: str) -> Callable[[int], bytes]:
    """The lawful record without the member at a path."""
    return lambda n: _dump(_without(lawful(n), path))


_Fault = tuple[str, Reason, str, object]
"""What is wrong, its class, the dotted path of the field, and the value there."""

_CsvFault = tuple[str, Reason, int, str]
"""What is wrong, its class, the column, and the value there."""

_BAD_TIMESTAMPS: tuple[tuple[str, str], ...] = (
    ("timestamp without a zone", "2026-03-28T12:00:00"),
    ("timestamp with a space", "2026-03-28 12:00:00Z"),
    ("timestamp with 7 decimals", "2026-03-28T12:00:00.1234567Z"),
    ("30 February", "2026-02-30T12:00:00Z"),
    ("29 February of a common year", "2026-02-29T12:00:00Z"),
    ("month 13", "2026-13-01T12:00:00Z"),
    ("hour 25", "2026-03-28T25:00:00Z"),
    ("minute 60", "2026-03-28T12:60:00Z"),
    ("timestamp before 2000", "1999-12-31T23:59:59.999999Z"),
    ("timestamp from 2100 on", "2100-01-01T00:00:00Z"),
    ("offset of 24 hours", "2026-03-28T12:00:00+24:00"),
    ("offset without a colon", "2026-03-28T12:00:00+0100"),
    ("date without a time", "2026-03-28"),
    ("empty timestamp", ""),
    ("epoch as text", "1774699200"),
    ("timestamp in words", "yesterday at noon"),
)

_BAD_DECIMALS: tuple[tuple[str, str], ...] = (
    ("decimal with an exponent", "1e0"),
    ("decimal with a plus sign", "+0.5"),
    ("decimal with a leading zero", "00.5"),
    ("decimal without a whole part", ".5"),
    ("decimal without decimals", "0."),
    ("decimal that is not a number", "NaN"),
    ("decimal with a comma", "0,5"),
    ("decimal with a space", " 0.5"),
    ("empty decimal", ""),
    ("decimal with 10 decimals", "0.1234567890"),
)


def _type_faults(prefix: str) -> Iterator[_Fault]:
    """Values of another JSON type than the declared one, below `prefix` (an impression)."""
    width, price = f"{prefix}width", f"{prefix}clearing_price_micros"
    yield "integer as text", "schema", width, "300"
    yield "integer with a decimal point", "schema", width, 300.0
    yield "integer with an exponent", "schema", width, _Raw(b"3e2")
    yield "integer as true", "schema", width, True
    yield "integer beyond 64 bits", "schema", price, _Raw(b"9223372036854775808")
    yield "integer of 40 digits", "schema", price, _Raw(b"1" * 40)
    yield "integer as object", "schema", price, {"micros": 5}
    yield "decimal as number", "schema", f"{prefix}latitude", 52.52
    yield "text as number", "schema", f"{prefix}impression_id", 12345
    yield "text as object", "schema", f"{prefix}user_agent", {"name": "Mozilla"}
    yield "text as list", "schema", f"{prefix}creative_id", ["cr-0001"]
    yield "enum as number", "schema", f"{prefix}device_type", 1
    yield "boolean as text", "schema", f"{prefix}is_prefetch", "false"
    yield "boolean as number", "schema", f"{prefix}is_prefetch", 0
    yield "object as text", "schema", f"{prefix}consent", '{"personal":true}'
    yield "object as list", "schema", f"{prefix}consent", []
    yield "nested boolean as text", "schema", f"{prefix}consent.personal", "true"
    yield "required text is null", "schema", f"{prefix}line_item_id", None
    yield "required object is null", "schema", f"{prefix}consent", None
    yield "required nested boolean is null", "schema", f"{prefix}consent.personal", None


def _value_faults(prefix: str) -> Iterator[_Fault]:
    """Values of the right type that an impression may not have."""
    yield "enum value unknown", "contract", f"{prefix}device_type", "fridge"
    yield "enum value in capitals", "contract", f"{prefix}ad_format", "DISPLAY"
    yield "enum value with a space", "contract", f"{prefix}channel", "social "
    yield "enum value empty", "contract", f"{prefix}channel", ""
    yield "negative width", "contract", f"{prefix}width", -1
    yield "negative price", "contract", f"{prefix}clearing_price_micros", -2_000_000
    yield "country of three letters", "contract", f"{prefix}country", "DEU"
    yield "currency of four letters", "contract", f"{prefix}currency", "EURO"
    yield "empty identifier", "contract", f"{prefix}impression_id", ""
    yield "latitude beyond the pole", "contract", f"{prefix}latitude", "90.01"
    yield "longitude beyond the date line", "contract", f"{prefix}longitude", "-180.01"
    yield "latitude with 3 decimals", "contract", f"{prefix}latitude", "52.521"
    yield "decimal with 30 whole digits", "contract", f"{prefix}longitude", "1" * 30
    yield "IP octet out of range", "privacy", f"{prefix}ip", "203.0.113.256"
    yield "IP of three octets", "privacy", f"{prefix}ip", "203.0.113"
    yield "IP with a port", "privacy", f"{prefix}ip", "203.0.113.9:443"
    yield "IP in words", "privacy", f"{prefix}ip", "localhost"
    yield "IP empty", "privacy", f"{prefix}ip", ""
    yield "IPv6 with a wrong digit", "privacy", f"{prefix}ip", "2001:db8::g"
    yield "IPv6 with two gaps", "privacy", f"{prefix}ip", "2001::db8::1"


def _event_id_faults() -> Iterator[_Fault]:
    yield "event id is no UUID", "contract", "event_id", "not-a-uuid"
    yield "event id too short", "contract", "event_id", "01900000-0000-7000-8000-00000000000"
    yield (
        "event id with a wrong digit",
        "contract",
        "event_id",
        "0190000g-0000-7000-8000-000000000000",
    )
    yield "event id as number", "schema", "event_id", 7


def _envelope_faults() -> Iterator[_Fault]:
    """Values that the envelope of an ad event may not have."""
    yield "event type unknown", "contract", "event_type", "bid"
    yield "event type in capitals", "contract", "event_type", "Impression"
    yield "payload of another type", "contract", "event_type", "click"
    yield "payload is null", "contract", "impression", None
    yield "payload is text", "schema", "impression", "{}"
    yield "payload is a list", "schema", "impression", [{}]
    yield "payload is empty", "schema", "impression", {}
    yield "event_ts is null", "schema", "event_ts", None
    yield "event_ts as epoch", "schema", "event_ts", 1_774_699_200
    yield "seq as text", "schema", "seq", "1"
    yield "seq negative", "contract", "seq", -1
    yield "schema version 0", "contract", "schema_version", 0
    yield "schema version 2", "contract", "schema_version", 2
    yield "producer empty", "contract", "producer_id", ""


_PAYLOAD_FAULTS: tuple[tuple[str, Reason, str, object], ...] = (
    ("viewability", "contract", "sequence", -1),
    ("viewability", "schema", "start_ms", "0"),
    ("viewability", "contract", "in_view_fraction", "1.01"),
    ("viewability", "contract", "in_view_fraction", "-0.10"),
    ("viewability", "schema", "in_view_fraction", 0.5),
    ("viewability", "schema", "measurable", None),
    ("video", "contract", "video_event", "rewind"),
    ("video", "schema", "position_ms", 1.5),
    ("video", "contract", "impression_id", ""),
    ("click", "schema", "click_id", None),
    ("click", "privacy", "ip", "300.1.1.1"),
    ("click", "schema", "landing_url", 404),
)


def _user_event_faults() -> Iterator[_Fault]:
    yield "timestamp is null", "schema", "timestamp", None
    yield "timestamp as epoch", "schema", "timestamp", 1_774_699_200
    yield "event name as number", "schema", "event_name", 3
    yield "event name as object", "schema", "event_name", {}
    yield "identifiers as text", "schema", "user_identifiers", "u1"
    yield "identifiers as list", "schema", "user_identifiers", []
    yield "user id as number", "schema", "user_identifiers.id", 12345
    yield "platform as boolean", "schema", "user_identifiers.platform", True
    yield "product as text", "schema", "product_information", "Mouse"
    yield "SKU as number", "schema", "product_information.SKU", 1001
    yield "product name as list", "schema", "product_information.name", ["Wireless Mouse"]
    yield "event id as number", "schema", "event_id", 7


def _json_cases(spec: _JsonTable) -> Iterator[HostileCase]:
    """The faults that every table of JSON records knows."""
    for name, text in _text_faults(spec):
        yield HostileCase(name, spec.table, "parse", text)
    for name, size in (("one byte too long", MAX_RECORD_BYTES + 1), ("300 kB", 300_000)):
        yield HostileCase(name, spec.table, "oversize", _padded(spec.lawful, size))
    yield HostileCase("top level is a list", spec.table, "schema", lambda n: b"[%d]" % n)
    yield HostileCase("top level is text", spec.table, "schema", lambda n: b'"event %d"' % n)
    yield HostileCase("top level is a number", spec.table, "schema", lambda n: b"%d" % n)
    yield HostileCase("top level is a boolean", spec.table, "schema", lambda _: b"true")
    yield HostileCase("empty object", spec.table, "schema", lambda _: b"{}")


def _field_cases(table: str, lawful: Lawful, faults: Iterable[_Fault]) -> Iterator[HostileCase]:
    for name, reason, path, value in faults:
        yield HostileCase(name, table, reason, _changed(lawful, path, value))


def _missing_cases(table: str, lawful: Lawful, fields: Iterable[str]) -> Iterator[HostileCase]:
    for field in fields:
        yield HostileCase(f"{field} missing", table, "schema", _dropped(lawful, field))


def _ad_event_cases() -> Iterator[HostileCase]:
    """Faults of the envelope, of its union, and of each payload."""
    impression_faults = (
        *_envelope_faults(),
        *_type_faults("impression."),
        *_value_faults("impression."),
        *_event_id_faults(),
        *_timestamp_faults("event_ts"),
    )
    yield from _field_cases(AD_EVENTS, ad_event, impression_faults)
    envelope = ("event_id", "event_type", "event_ts", "producer_id", "seq", "schema_version")
    yield from _missing_cases(AD_EVENTS, ad_event, envelope)
    yield HostileCase(
        "two payloads",
        AD_EVENTS,
        "contract",
        lambda n: _dump({**ad_event(n, "click"), **ad_event(n), "event_type": "click"}),
    )
    yield HostileCase(
        "no payload", AD_EVENTS, "contract", lambda n: _dump(_without(ad_event(n), "impression"))
    )
    for kind, reason, field, value in _PAYLOAD_FAULTS:
        faults: list[_Fault] = [(f"{kind} {field} {value}", reason, f"{kind}.{field}", value)]
        yield from _field_cases(AD_EVENTS, _of_kind(kind), faults)
    yield from _field_cases(AD_EVENTS, _of_kind("viewability"), _fraction_faults())


def _of_kind(kind: str) -> Lawful:
    return lambda n: ad_event(n, kind)


def _timestamp_faults(path: str) -> Iterator[_Fault]:
    return ((name, "contract", path, value) for name, value in _BAD_TIMESTAMPS)


def _fraction_faults() -> Iterator[_Fault]:
    return (
        (name, "contract", "viewability.in_view_fraction", value) for name, value in _BAD_DECIMALS
    )


def _latitude_faults() -> Iterator[_Fault]:
    # Not the one with 10 decimals: it would break the scale of a latitude as well.
    return ((name, "contract", "latitude", value) for name, value in _BAD_DECIMALS[:-1])


# ---------------------------------------------------------------- faults of CSV lines


def _csv_cases(
    table: str,
    lawful: Callable[[int], list[str]],
    text_at: int,
    faults: Iterable[_CsvFault],
) -> Iterator[HostileCase]:
    """Faults of a CSV table; columns 0 to 2 are required, column 1 is the timestamp.

    Args:
        table: The table.
        lawful: Makes a lawful line.
        text_at: Column that may hold any text.
        faults: Faults of this table alone.
    """

    def put(at: int, value: str) -> Callable[[int], bytes]:
        def build(n: int) -> bytes:
            fields = lawful(n)
            fields[at] = value
            return _csv(fields)

        return build

    def raw(value: bytes) -> Callable[[int], bytes]:
        def build(n: int) -> bytes:
            fields = [field.encode() for field in lawful(n)]
            fields[text_at] = value
            return b",".join(fields)

        return build

    yield HostileCase("one field too few", table, "parse", lambda n: _csv(lawful(n)[:-1]))
    yield HostileCase("one field too many", table, "parse", lambda n: _csv([*lawful(n), "x"]))
    yield HostileCase("one field alone", table, "parse", lambda n: b"hostile-%d" % n)
    yield HostileCase("unquoted comma", table, "parse", raw(b"a,b"))
    yield HostileCase("text behind a closing quote", table, "parse", raw(b'"a"b'))
    yield HostileCase("invalid UTF-8", table, "parse", raw(b"a\xffb"))
    yield HostileCase("truncated UTF-8 sequence", table, "parse", raw(b"a\xe2\x82"))
    yield HostileCase("raw NUL", table, "parse", raw(b"a\x00b"))
    yield HostileCase("JSON line", table, "parse", lambda n: orjson.dumps(file_impression(n)))
    yield HostileCase("key missing", table, "schema", put(0, ""))
    yield HostileCase("timestamp missing", table, "schema", put(1, ""))
    yield HostileCase("required reference missing", table, "schema", put(2, ""))
    for name, value in _BAD_TIMESTAMPS:
        if value:
            yield HostileCase(name, table, "contract", put(1, value))
    for name, reason, at, value in faults:
        yield HostileCase(name, table, reason, put(at, value))
    yield HostileCase("one field of 262,144 bytes", table, "oversize", raw(b"x" * MAX_RECORD_BYTES))


def _click_line_faults() -> Iterator[_CsvFault]:
    yield "IP missing", "schema", 4, ""
    yield "user agent missing", "schema", 5, ""
    yield "IP octet out of range", "privacy", 4, "203.0.113.256"
    yield "IP with a port", "privacy", 4, "203.0.113.9:443"
    yield "IP in words", "privacy", 4, "localhost"


def _conversion_line_faults() -> Iterator[_CsvFault]:
    yield "conversion type missing", "schema", 5, ""
    yield "conversion type unknown", "contract", 5, "refund"
    yield "conversion type in capitals", "contract", 5, "Purchase"
    yield "negative value", "contract", 6, "-1.00"
    yield "value in words", "contract", 6, "twelve"
    yield "currency of two letters", "contract", 7, "EU"
    for name, value in _BAD_DECIMALS:
        if value and "," not in value:
            yield name, "contract", 6, value


# ---------------------------------------------------------------- the catalogue


@cache
def hostile_cases(table: str | None = None) -> tuple[HostileCase, ...]:
    """The catalogue, in a fixed order; of one table if it is named."""
    cases: list[HostileCase] = []
    for spec in _JSON_TABLES:
        cases += _json_cases(spec)
    cases += _ad_event_cases()
    user_faults = (*_user_event_faults(), *_timestamp_faults("timestamp"))
    cases += _field_cases(USER_EVENTS, user_event, user_faults)
    cases += _missing_cases(USER_EVENTS, user_event, ["timestamp"])
    impression_faults = (
        *_type_faults(""),
        *_value_faults(""),
        *_event_id_faults(),
        *_timestamp_faults("event_ts"),
        *_latitude_faults(),
    )
    cases += _field_cases(IMPRESSIONS, file_impression, impression_faults)
    required = ("event_id", "event_ts", "impression_id", "ip", "channel", "consent")
    cases += _missing_cases(IMPRESSIONS, file_impression, required)
    cases += _csv_cases(CLICKS, click_line, 5, _click_line_faults())
    cases += _csv_cases(CONVERSIONS, conversion_line, 8, _conversion_line_faults())
    return tuple(case for case in cases if table in (None, case.table))


def _tricky_ad_events() -> Iterator[TrickyCase]:
    def event(
        name: str, expected: dict[str, str | int | bool | None], **members: object
    ) -> TrickyCase:
        return TrickyCase(name, AD_EVENTS, lambda n: _dump({**ad_event(n), **members}), expected)

    noon = "2026-03-28T12:00:00.000000Z"
    yield event("lower case t and z", {"event_ts": noon}, event_ts="2026-03-28t12:00:00z")
    yield event("offset", {"event_ts": noon}, event_ts="2026-03-28T17:30:00+05:30")
    yield event(
        "offset of 23:59",
        {"event_ts": "2026-03-27T12:01:00.000000Z"},
        event_ts="2026-03-28T12:00:00+23:59",
    )
    yield event("offset of -00:00", {"event_ts": noon}, event_ts="2026-03-28T12:00:00-00:00")
    yield event(
        "six decimals of a second",
        {"event_ts": "2026-03-28T12:00:00.123456Z"},
        event_ts="2026-03-28T12:00:00.123456Z",
    )
    yield event(
        "one decimal of a second",
        {"event_ts": "2026-03-28T12:00:00.500000Z"},
        event_ts="2026-03-28T12:00:00.5Z",
    )
    yield event(
        "leap day",
        {"event_ts": "2024-02-29T00:00:00.000000Z"},
        event_ts="2024-02-29T00:00:00Z",
    )
    yield event(
        "first instant allowed",
        {"event_ts": "2000-01-01T00:00:00.000000Z"},
        event_ts="2000-01-01T00:00:00Z",
    )
    yield event(
        "largest integer", {"seq": 9_223_372_036_854_775_807}, seq=9_223_372_036_854_775_807
    )
    yield event("text that is a number", {"producer_id": "5"}, producer_id="5")
    yield event("emoji", {"producer_id": "phone-📱"}, producer_id="phone-📱")
    yield event("other payloads null", {"event_type": "impression"}, click=None, video=None)
    yield event(
        "unknown nested field", {"event_type": "impression"}, x_new={"a": [{"b": {"c": 1}}]}
    )
    yield TrickyCase(
        "white space around",
        AD_EVENTS,
        lambda n: b" \n\t" + _dump(ad_event(n)) + b"\r\n ",
        {"event_type": "impression"},
    )
    yield TrickyCase(
        "members in another order",
        AD_EVENTS,
        lambda n: _dump(dict(reversed(ad_event(n).items()))),
        {"event_type": "impression"},
    )
    yield TrickyCase(
        "escaped letters",
        AD_EVENTS,
        lambda n: _dump({**ad_event(n), "producer_id": "@@"}).replace(
            b"@@", b"\\u0061\\/\\ud83d\\ude00"
        ),
        {"producer_id": "a/😀"},
    )
    yield TrickyCase(
        "escaped backslash before u0000",
        AD_EVENTS,
        lambda n: _dump({**ad_event(n), "producer_id": "a\\u0000"}),
        {"producer_id": "a\\u0000"},
    )
    yield TrickyCase(
        "key spelt with an escape",
        AD_EVENTS,
        lambda n: _dump(ad_event(n)).replace(b'"seq"', b'"s\\u0065q"'),
        {"event_type": "impression"},
    )
    yield TrickyCase(
        "as long as allowed",
        AD_EVENTS,
        _padded(ad_event, MAX_RECORD_BYTES),
        {"event_type": "impression"},
    )
    for name, ip in (
        ("IPv6", "2001:db8::1"),
        ("IPv6 loopback", "::1"),
        ("IPv4 in IPv6", "::ffff:203.0.113.9"),
    ):
        yield TrickyCase(
            name,
            AD_EVENTS,
            _changed(ad_event, "impression.ip", ip),
            {"event_type": "impression"},
        )
    for name, fraction, value in (
        ("negative zero", "-0", "0"),
        ("nine decimals", "0.123456789", "0.123456789"),
        ("whole decimal", "1", "1"),
    ):
        yield TrickyCase(
            f"fraction: {name}",
            AD_EVENTS,
            _changed(_of_kind("viewability"), "viewability.in_view_fraction", fraction),
            {"viewability.in_view_fraction": value},
        )


def _tricky_user_events() -> Iterator[TrickyCase]:
    yield TrickyCase(
        "timestamp alone",
        USER_EVENTS,
        lambda _: b'{"timestamp":"2023-10-23T12:34:56Z"}',
        {"event_datetime": "2023-10-23T12:34:56.000000Z", "user_id": None, "SKU": None},
    )
    yield TrickyCase(
        "objects null",
        USER_EVENTS,
        lambda n: _dump({**user_event(n), "user_identifiers": None, "product_information": None}),
        {"platform": None, "product_name": None},
    )
    yield TrickyCase(
        "objects empty",
        USER_EVENTS,
        lambda n: _dump({**user_event(n), "user_identifiers": {}, "product_information": {}}),
        {"user_id": None, "SKU": None},
    )


def _tricky_lines() -> Iterator[TrickyCase]:
    yield TrickyCase(
        "quoted comma",
        CLICKS,
        lambda n: _csv([*click_line(n)[:5], '"Mozilla/5.0 (KHTML, like Gecko)"', ""]),
        {"user_agent": "Mozilla/5.0 (KHTML, like Gecko)", "landing_url": None},
    )
    yield TrickyCase(
        "quoted quote",
        CLICKS,
        lambda n: _csv([*click_line(n)[:5], '"say ""hi"""', ""]),
        {"user_agent": 'say "hi"'},
    )
    yield TrickyCase(
        "all fields quoted",
        CONVERSIONS,
        lambda n: _csv([f'"{field}"' for field in conversion_line(n)]),
        {"conversion_type": "purchase", "value": "12.5", "currency": "EUR"},
    )
    yield TrickyCase(
        "optional fields empty",
        CONVERSIONS,
        lambda n: _csv([*conversion_line(n)[:3], "", "", "signup", "", "", ""]),
        {"account_id": None, "value": None, "currency": None, "order_id": None},
    )


@cache
def tricky_cases(table: str | None = None) -> tuple[TrickyCase, ...]:
    """Records that must land, in a fixed order; of one table if it is named."""
    cases = (*_tricky_ad_events(), *_tricky_user_events(), *_tricky_lines())
    return tuple(case for case in cases if table in (None, case.table))
