"""Contexts, lineage and generated records for the tests of the landing core."""

import copy
import json
import random
import string
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ingestion.contracts import Contract, Field, load_contract
from ingestion.contracts.schema import position_columns
from ingestion.landing import KeyStore, LandingContext

LOADED_AT = datetime(2026, 3, 29, 1, 2, 3, 456789, tzinfo=UTC)


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys")


@pytest.fixture
def make_context(keys: KeyStore) -> Callable[..., LandingContext]:
    """`make_context("ad_events.events")`; the same keys for all contexts of a test."""

    def make(name: str, **others: Any) -> LandingContext:
        source, table = name.split(".")
        return LandingContext(load_contract(source, table), 7, LOADED_AT, keys, **others)

    return make


@pytest.fixture
def make_lineage() -> Callable[[Contract, int], pa.Table]:
    """`make_lineage(contract, count)`: positions 0, 1, 2, ... of one topic partition or file."""

    def make(contract: Contract, count: int) -> pa.Table:
        positions: dict[str, Any] = {
            "_kafka_topic": pa.repeat(pa.scalar("topic"), count),
            "_kafka_topic_id": pa.repeat(pa.scalar("topic-uuid"), count),
            "_kafka_partition": pa.repeat(pa.scalar(3, pa.int32()), count),
            "_kafka_offset": pa.array(range(count), pa.int64()),
            "_source_file": pa.repeat(pa.scalar("a.jsonl"), count),
            "_source_line": pa.array(range(1, count + 1), pa.int64()),
        }
        return pa.table({name: positions[name] for name in position_columns(contract)})

    return make


class RecordMaker:
    """Random records of a contract: lawful ones, and ones with things done to them."""

    def __init__(self, contract: Contract, seed: int) -> None:
        self._contract = contract
        self._random = random.Random(seed)
        self._is_plain = True

    def lawful(self) -> bytes:
        """A record that the contract allows, written as some producer might."""
        return self._write(self._document())

    def hostile(self) -> bytes | None:
        """A record with one or more things done to its members or its bytes."""
        document = self._document()
        for _ in range(self._random.choice((0, 1, 1, 1, 2, 3))):
            self._change_members(document)
        data: bytes = self._write(document)
        for _ in range(self._random.choice((0, 0, 0, 1, 1, 2))):
            data = self._change_bytes(data)
        return data

    def _document(self) -> dict[str, Any]:
        self._is_plain = self._random.random() < 0.6
        document = self._struct(self._contract.fields)
        union = self._contract.union
        if union is not None:
            for member in union.members:
                if member != document[union.discriminator]:
                    document.pop(member, None)
                    if self._random.random() < 0.2:
                        document[member] = None
                elif document.get(member) is None:
                    field = next(f for f in self._contract.fields if f.name == member)
                    document[member] = self._struct(field.fields)
        if self._random.random() < 0.3:
            members = list(document.items())
            self._random.shuffle(members)
            document = dict(members)
        return document

    def _struct(self, fields: Sequence[Field]) -> dict[str, Any]:
        document: dict[str, Any] = {}
        for field in fields:
            if not field.required and self._random.random() < 0.3:
                if self._random.random() < 0.4:
                    document[field.name] = None
                continue
            document[field.name] = self._value(field)
        return document

    def _value(self, field: Field) -> Any:
        pick = self._random
        makers: dict[str, Callable[[], Any]] = {
            "struct": lambda: self._struct(field.fields),
            "int": lambda: self._integer(field),
            "bool": lambda: pick.random() < 0.5,
            "dec": lambda: self._decimal(field),
            "ts": self._timestamp,
            "date": lambda: pick.choice(("2026-03-28", "2024-02-29", "1999-12-31", "0001-01-01")),
            "uuid": lambda: (
                f"{pick.getrandbits(32):08x}-0000-7000-8000-{pick.getrandbits(48):012X}"
            ),
            "enum": lambda: pick.choice(field.values),
            "str": lambda: self._text(field),
        }
        return makers[field.type]()

    def _integer(self, field: Field) -> int:
        low = int(field.minimum) if field.minimum is not None else -(2**63)
        high = int(field.maximum) if field.maximum is not None else 2**63 - 1
        pick = self._random
        return pick.choice((low, high, pick.randint(low, high), min(high, max(low, 300))))

    def _decimal(self, field: Field) -> str:
        text = self._random.choice(("0", "1", "0.5", "-0", "0.00", "1.0"))
        if field.maximum is None:
            longest = "1" * 29 + ".123456789"
            text = self._random.choice((text, longest, "9999999.25"))
        return text.replace("-", "") if field.minimum is not None else text

    def _timestamp(self) -> str:
        pick = self._random
        usual = f"2026-03-{pick.randint(1, 31):02d}T{pick.randint(0, 23):02d}:15:01.123Z"
        return pick.choice((usual, *_TIMESTAMPS))

    def _text(self, field: Field) -> str:
        pick = self._random
        if field.pii == "ip":
            return pick.choice(("203.0.113.9", "10.0.0.255", "2001:db8::1", "0.0.0.0"))  # noqa: S104
        if field.pii == "url":
            return pick.choice(("https://a.example/b?c=1#d", "https://a.example", "#x?y", "?", ""))
        if field.length is not None:
            return "".join(pick.choice("ABCdéß€𝒳") for _ in range(field.length))
        choices = (
            "",
            "x",
            "user_1",
            "Zoë \U0001f4f1",
            '"',
            "\\",
            "a/b\n\t",
            "null",
            "true",
            "5",
            "{}",
        )
        if self._is_plain:
            return "".join(pick.choices("abcXYZ 0123456789-_./()é€", k=pick.randint(1, 30)))
        text = pick.choice(choices) + "".join(pick.choices(string.printable, k=pick.randint(0, 12)))
        return text or "y" * field.min_length

    def _write(self, document: Any) -> bytes:
        pick = self._random
        style = pick.random()
        if style < 0.6:
            text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
        elif style < 0.8:
            text = json.dumps(document)
        elif style < 0.9:
            text = json.dumps(document, indent=2, ensure_ascii=False)
        else:
            text = json.dumps(document, separators=(" , ", " : ")).replace("/", "\\/")
        return text.encode(errors="surrogatepass")

    def _change_members(self, document: dict[str, Any]) -> None:
        pick = self._random
        node = document
        while (inner := [v for v in node.values() if isinstance(v, dict)]) and pick.random() < 0.6:
            node = pick.choice(inner)
        names = list(node) or ["a"]
        name = pick.choice(names)
        match pick.randrange(6):
            case 0:
                node.pop(name, None)
            case 1 | 2:
                node[name] = copy.deepcopy(pick.choice(_STRANGE_VALUES))
            case 3:
                node[pick.choice(_NAMES)] = copy.deepcopy(pick.choice(_STRANGE_VALUES))
            case 4:
                node[name.upper()] = node.get(name)
            case _:
                node[name] = str(node.get(name))

    def _change_bytes(self, data: bytes) -> bytes:
        pick = self._random
        at = pick.randrange(len(data) + 1)
        match pick.randrange(6):
            case 0:
                return data[:at] + pick.choice(_STRANGE_BYTES) + data[at:]
            case 1:
                return data[:at] + data[at + pick.randint(1, 4) :]
            case 2:
                return data[:at] + bytes([pick.randrange(256)]) + data[at + 1 :]
            case 3:
                old, new = pick.choice(_SWAPS)
                return data.replace(old, new, 1)
            case 4:
                places = [i for i, byte in enumerate(data) if byte in b'{},:"']
                at = pick.choice(places) if places else 0
                return data[:at] + pick.choice(_STRANGE_BYTES) + data[at:]
            case _:
                member = b'"%s":%s,' % (pick.choice(_NAMES).encode(), pick.choice(_STRANGE_BYTES))
                places = [i for i, byte in enumerate(data) if byte == ord("{")]
                at = pick.choice(places) + 1 if places else 0
                return data[:at] + member + data[at:]


_TIMESTAMPS = (
    "2026-03-28T12:00:00Z",
    "2026-03-28T23:59:59.999999Z",
    "2024-02-29T00:00:00.5Z",
    "2000-01-01T00:00:00Z",
    "2099-12-31T23:59:59Z",
    "2026-03-28t12:00:00.12z",
    "2026-03-28T00:30:00+05:30",
    "2026-03-28T23:30:00.25-01:00",
    "2100-01-01T00:30:00+23:59",
)
_NAMES = (
    *("event_id", "event_ts", "seq", "impression", "click", "user_id", "ip", "width", "consent"),
    *("personal", "timestamp", "SKU", "sku", "id", "platform", "x", "", "a.b", "rate", "Zoë"),
)
_STRANGE_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        5,
        2**63,
        -(2**63) - 1,
        10**30,
        1.5,
        5.0,
        1e300,
        -0.0,
        "",
        "5",
        "x",
    ),
    *("true", "null", "NaN", "1e2", "-", "a\0b", "\ud800", "2026-02-30T00:00:00Z", "::1", "1.2.3"),
    *([], {}, [1], {"a": 1}, [[[]]], {"b": None}, "2026-03-28T12:00:00", "0.1234567890", "1" * 30),
    *("2000-01-01T00:30:00+01:00", "2026-03-28T12:00:00+24:00", "2026-03-28T12:00:00-05:60"),
)
_STRANGE_BYTES = (
    *(
        b",",
        b"}",
        b"{",
        b"]",
        b"[",
        b":",
        b'"',
        b"\\",
        b" ",
        b"\n",
        b"\t",
        b"\x00",
        b"\xff",
        b"\x0b",
    ),
    *(
        b"null",
        b"NaN",
        b"Infinity",
        b"-inf",
        b"1E2",
        b"1e5",
        b"-0",
        b"01",
        b"+1",
        b"1.",
        b"5",
        b"1.0",
    ),
    *(
        b'"x"',
        b"\xef\xbb\xbf",
        b"\\u0000",
        b"\\ud800",
        b"\\u0041",
        b"//",
        b"/**/",
        b"\xc2\xa0",
        b"{}",
    ),
    *(b'"a":null', b'"a":1,"a":2', b"[1,2,]", b'"\\u0061":1', b"[" * 40 + b"]" * 40),
)
_SWAPS = (
    *((b'"', b"'"), (b":", b"="), (b"}", b",}"), (b"}", b"}}"), (b"{", b"{{"), (b",", b",,")),
    *((b'":"', b'":'), (b":true", b":True"), (b":null", b":NULL"), (b"\\", b""), (b'":', b'" :')),
    *((b"0", b"00"), (b"1", b"1.0"), (b"3", b"3e0"), (b"300", b"3E2"), (b"e", b"\\u0065")),
)


@pytest.fixture
def make_records() -> Callable[[Contract, int], RecordMaker]:
    """`make_records(contract, seed)`: a source of random records."""
    return RecordMaker
