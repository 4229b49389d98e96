"""Literal cases of the cross-engine macros: what each of them gives, on every judge.

The expected values were worked out by hand or come from the source named beside them, never from
running the code. `macro_judges` runs them on DuckDB, on GoogleSQL's reference executor and on a
BigQuery client.
"""

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

D = Decimal
ADR = Path(__file__).resolve().parents[2] / "docs/decisions/adr-0003-hash-contract.md"
INT64_MAX = 9_223_372_036_854_775_807
INT64_MIN = "(-9223372036854775807 - 1)"
BIG = 9_000_000_000_000_000_000


@dataclass(frozen=True)
class Case:
    """An expression of a model, and the value that it has on every engine."""

    name: str
    expression: str
    expected: Any


def call(macro: str, *arguments: Any) -> str:
    """A macro call as a model writes it."""
    return "{{ " + f"{macro}({', '.join(map(repr, arguments))})" + " }}"


def dec(number: str) -> str:
    """A decimal, exactly."""
    return f"cast('{number}' as numeric(38, 9))"


def null(kind: str) -> str:
    """A null that has a type."""
    return f"cast(null as {kind})"


def ts(text: str) -> str:
    """A timestamp in UTC."""
    return f"timestamp '{text}'"


def day(text: str) -> str:
    """A date."""
    return f"date '{text}'"


def txt(text: str) -> str:
    """A text that every engine reads as it is: quotes, backslashes and controls by their number."""
    parts = re.split(r"([\x00-\x1f\\'])", text)
    terms = [
        f"chr({ord(part)})" if number % 2 else f"'{part}'" for number, part in enumerate(parts)
    ]
    kept = [term for term in terms if term != "''"] or ["''"]
    return f"({' || '.join(kept)})" if len(kept) > 1 else kept[0]


def utc(text: str) -> dt.datetime:
    """The expected moment."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


NOON = ts("2026-03-29 12:00:00.000001")
PREAMBLE = """
{%- set is_bigquery = target.type == 'bigquery' %}
{%- set texts = 'array<string>' if is_bigquery else 'varchar[]' %}
{%- set struct = "struct('{}' as name)" if is_bigquery else "{{'name': '{}'}}" %}
{%- set x, y, z = struct.format('x'), struct.format('y'), struct.format('z') %}
"""
"""What expressions may use besides the macros: the type of a list of texts, and some structs."""

Row = tuple[str, str, Any]

RATES: list[Row] = [
    ("two thirds round up", call("rate", "2", "3"), D("0.666666667")),
    ("a negative quotient rounds away from zero", call("rate", "-2", "3"), D("-0.666666667")),
    ("a negative divisor", call("rate", "2", "-3"), D("-0.666666667")),
    ("two negatives", call("rate", "-2", "-3"), D("0.666666667")),
    ("one third rounds down", call("rate", "1", "3"), D("0.333333333")),
    ("nothing of three", call("rate", "0", "3"), D(0)),
    ("null over zero", call("rate", "1", "0"), None),
    ("null for zero over zero", call("rate", "0", "0"), None),
    ("null of an unknown numerator", call("rate", null("bigint"), "3"), None),
    ("null of an unknown denominator", call("rate", "3", null("bigint")), None),
    ("half a billionth rounds up", call("rate", "1", "2000000000"), D("0.000000001")),
    ("minus half a billionth rounds down", call("rate", "-1", "2000000000"), D("-0.000000001")),
    ("less than half a billionth is zero", call("rate", "1", "2000000001"), D(0)),
    ("nine trillion million by seven", call("rate", BIG, "7"), D("1285714285714285714.285714286")),
    ("seven by nine trillion million", call("rate", "7", BIG), D(0)),
    ("a large number by itself", call("rate", BIG, BIG), D(1)),
]

DIVIDED: list[Row] = [
    ("a tie rounds up", call("divide_rounded", dec("10.000000005"), "10"), D("1.000000001")),
    ("a negative tie", call("divide_rounded", dec("-10.000000005"), "10"), D("-1.000000001")),
    ("below a tie", call("divide_rounded", dec("10.000000004"), "10"), D("1.000000000")),
    ("by an FX rate", call("divide_rounded", "1", dec("1.084500000")), D("0.922083910")),
    (
        "twenty digits",
        call("divide_rounded", dec("12345678901234567890"), "1"),
        D("12345678901234567890"),
    ),
]

MULTIPLIED: list[Row] = [
    ("a tie rounds up", call("multiply_rounded", dec("0.000000001"), dec("0.5")), D("0.000000001")),
    (
        "a negative tie rounds down",
        call("multiply_rounded", dec("-0.000000001"), dec("0.5")),
        D("-0.000000001"),
    ),
    (
        "below a tie is zero",
        call("multiply_rounded", dec("0.000000001"), dec("0.499999999")),
        D(0),
    ),
    (
        "eighteen digits by ten",
        call("multiply_rounded", dec("123456789.123456789"), dec("1.084512345")),
        D("133890411.878450617"),
    ),
    ("integers", call("multiply_rounded", "3", "4"), D(12)),
    ("null", call("multiply_rounded", "3", null("numeric(38, 9)")), None),
]

MONEY: list[Row] = [
    ("micro-units", call("micros_to_amount", "1234567"), D("1.234567")),
    ("a negative micro-unit", call("micros_to_amount", "-1"), D("-0.000001")),
    ("no micro-units", call("micros_to_amount", "0"), D(0)),
    ("many micro-units", call("micros_to_amount", BIG), D("9000000000000")),
    ("unknown micro-units", call("micros_to_amount", null("bigint")), None),
    ("nano-units", call("nanos_to_amount", "4000000"), D("0.004")),
    ("a negative nano-unit", call("nanos_to_amount", "-1"), D("-0.000000001")),
    ("many nano-units", call("nanos_to_amount", f"{BIG} + 1"), D("9000000000.000000001")),
]

MICROS: list[Row] = [
    ("forward", call("micros_between", NOON, ts("2026-03-29 12:00:02")), 1_999_999),
    ("backward", call("micros_between", ts("2026-03-29 12:00:02"), NOON), -1_999_999),
    ("moved back", call("add_micros", NOON, "-2"), utc("2026-03-29 11:59:59.999999")),
]

DATES: list[Row] = [
    ("past the end of February", call("add_days", day("2026-02-28"), "1"), dt.date(2026, 3, 1)),
    ("back into February", call("add_days", day("2026-03-01"), "-1"), dt.date(2026, 2, 28)),
]

BERLIN, LOS_ANGELES, KOLKATA = "'Europe/Berlin'", "'America/Los_Angeles'", "'Asia/Kolkata'"

# Berlin springs forward on 2026-03-29 at 01:00 UTC, and back on 2026-10-25 at 01:00 UTC.
ZONES: list[Row] = [
    (
        "Berlin, last second before spring",
        call("date_in_zone", ts("2026-03-28 22:59:59"), BERLIN),
        dt.date(2026, 3, 28),
    ),
    (
        "Berlin, midnight before spring",
        call("date_in_zone", ts("2026-03-28 23:00:00"), BERLIN),
        dt.date(2026, 3, 29),
    ),
    (
        "Berlin, last second of spring day",
        call("date_in_zone", ts("2026-03-29 21:59:59"), BERLIN),
        dt.date(2026, 3, 29),
    ),
    (
        "Berlin, midnight after spring",
        call("date_in_zone", ts("2026-03-29 22:00:00"), BERLIN),
        dt.date(2026, 3, 30),
    ),
    (
        "Los Angeles, the day before",
        call("date_in_zone", ts("2026-03-29 06:59:59"), LOS_ANGELES),
        dt.date(2026, 3, 28),
    ),
    (
        "Kolkata, half an hour",
        call("date_in_zone", ts("2026-03-29 18:30:00"), KOLKATA),
        dt.date(2026, 3, 30),
    ),
]

TEXT_FORMS: list[Row] = [
    ("a negative decimal", call("text_of", dec("-0.5"), "decimal"), "-0.500000000"),
    ("trailing zeros of a decimal", call("text_of", dec("12"), "decimal"), "12.000000000"),
    ("a negative integer", call("text_of", "-7", "integer"), "-7"),
    ("microseconds", call("text_of", NOON, "timestamp"), "2026-03-29T12:00:00.000001Z"),
    (
        "midnight",
        call("text_of", ts("2026-03-29 00:00:00"), "timestamp"),
        "2026-03-29T00:00:00.000000Z",
    ),
    ("a date", call("text_of", day("2026-03-09"), "date"), "2026-03-09"),
    ("true", call("text_of", "true", "boolean"), "true"),
    ("false", call("text_of", "1 = 2", "boolean"), "false"),
    ("an unknown boolean", call("text_of", null("boolean"), "boolean"), None),
]

TEXT: list[Row] = [
    ("trimmed on both sides", call("trim_space", "' a b  '"), "a b"),
    ("a no-break space is no space", call("trim_space", "'\u00a0a\u00a0'"), "\u00a0a\u00a0"),
]

DOMAINS: list[Row] = [
    (
        "port, path, query and fragment",
        call("url_domain", "'https://www.Advertiser1.example:443/a?b=c#d'"),
        "advertiser1.example",
    ),
    ("user and password", call("url_domain", "'http://user:pass@www2.example'"), "www2.example"),
    ("a second www", call("url_domain", "' shop.example/www.other.example'"), "shop.example"),
    ("nothing but www", call("url_domain", "'WWW.EXAMPLE'"), "example"),
    ("a bare domain", call("url_domain", "'advertiser1.example'"), "advertiser1.example"),
    ("no host", call("url_domain", "'https:///path'"), None),
    ("empty", call("url_domain", "''"), None),
    ("null", call("url_domain", null("string")), None),
]

EMPTY_LIST = "{{ %s('cast([] as {})'.format(texts)) }}"
MISSING_LIST = "{{ %s('cast(null as {})'.format(texts)) }}"

SERIES = (
    "(select string_agg(cast(n as string), ',' order by n) from {{ integer_series(%r, %r, 'n') }})"
)

ELEMENTS = """(
    select string_agg(made.id || cast(slots.place as string) || slots.element.name, ' '
        order by made.id, slots.place)
    from (
        select 'a' as id, [{{ x }}, {{ y }}] as slots
        union all
        select 'b' as id, [{{ z }}] as slots
    ) as made
    cross join {{ list_elements('made.slots', 'slots') }}
)"""

# A missing list is empty, as BigQuery stores it; nulls are no texts.
LISTS: list[Row] = [
    ("length", call("list_length", "['a', 'b']"), 2),
    ("length of an empty list", EMPTY_LIST % "list_length", 0),
    ("length of a missing list", MISSING_LIST % "list_length", 0),
    ("as text", call("list_to_text", "['a', 'b']"), "a, b"),
    ("as text, without nulls", call("list_to_text", "['a', null, 'b']", "/"), "a/b"),
    ("an empty list as text", EMPTY_LIST % "list_to_text", ""),
    ("a missing list as text", MISSING_LIST % "list_to_text", ""),
    ("elements with their places", ELEMENTS, "a0x a1y b0z"),
    ("a series", SERIES % ("1 + 2", "5"), "3,4,5"),
    ("a series of one", SERIES % ("-1", "-1"), "-1"),
    ("a series of nothing", SERIES % ("3", "2"), None),
]

CASTS: list[Row] = [
    ("a negative integer", call("safe_integer", "'-42'"), -42),
    ("leading zeros", call("safe_integer", "'007'"), 7),
    ("a fraction is no integer", call("safe_integer", "'1.5'"), None),
    ("an exponent is no integer", call("safe_integer", "'1e3'"), None),
    ("a hexadecimal is no integer", call("safe_integer", "'0x10'"), None),
    ("a space is no digit", call("safe_integer", "' 1'"), None),
    ("one more than 64 bits hold", call("safe_integer", "'9223372036854775808'"), None),
    ("the largest integer", call("safe_integer", "'9223372036854775807'"), INT64_MAX),
    ("empty is no integer", call("safe_integer", "''"), None),
    ("a trailing zero", call("safe_decimal", "'1.50'"), D("1.5")),
    ("the smallest negative decimal", call("safe_decimal", "'-0.000000001'"), D("-0.000000001")),
    ("ten decimals are too many", call("safe_decimal", "'0.0000000001'"), None),
    ("an exponent is no decimal", call("safe_decimal", "'1e3'"), None),
    ("a bare point is no decimal", call("safe_decimal", "'.5'"), None),
    ("NaN is no decimal", call("safe_decimal", "'NaN'"), None),
]

HASHES: list[Row] = [
    (
        "of a text",
        "{{ hash_to_text(md5_hash(\"'a'\")) }}",
        "0cc175b9c0f1b6a831c399e269772661",  # RFC 1321, appendix A.5
    ),
    ("of nothing", "{{ hash_to_text(hash_zero()) }}", "0" * 32),
]


def _vectors() -> list[Row]:
    """The golden vectors of the decision record: a call, below it `hashed text -> hash`."""
    found = re.findall(r"^(hash\w+\(.*\))\n  .* -> (\w+)$", ADR.read_text(), re.MULTILINE)
    return [
        (call, "{{ hash_to_text(" + call + ") }}", None if digest == "null" else digest)
        for call, digest in found
    ]


GROUPS: dict[str, list[Row]] = {
    "rate": RATES,
    "divide_rounded": DIVIDED,
    "multiply_rounded": MULTIPLIED,
    "money": MONEY,
    "micros": MICROS,
    "dates": DATES,
    "date_in_zone": ZONES,
    "text_of": TEXT_FORMS,
    "text": TEXT,
    "url_domain": DOMAINS,
    "lists": LISTS,
    "safe casts": CASTS,
    "hashes": HASHES,
    "golden vectors": _vectors(),
}

CASES: tuple[Case, ...] = tuple(
    Case(f"{group}: {name}", expression, expected)
    for group, rows in GROUPS.items()
    for name, expression, expected in rows
)

EMULATOR_DIFFERS: dict[str, str] = {}
"""Cases that the emulator gets wrong, and why; the reference executor judges them."""
