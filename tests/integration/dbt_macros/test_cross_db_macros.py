"""Each cross-engine macro on literal values.

DuckDB and GoogleSQL's reference executor must both give the value that was worked out by hand.
"""

import datetime as dt
import re
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

ADR = Path(__file__).resolve().parents[3] / "docs/decisions/adr-0003-hash-contract.md"
D = Decimal
BIG = 9_000_000_000_000_000_000

NOON = "timestamp '2026-03-29 12:00:00.000001'"

CASES: list[tuple[str, Any]] = [
    # `#1.5#` stands for an exact decimal.
    # Rounded half away from zero from the exact quotient; null over nothing.
    ("rate('2', '3')", D("0.666666667")),
    ("rate('-2', '3')", D("-0.666666667")),
    ("rate('2', '-3')", D("-0.666666667")),
    ("rate('-2', '-3')", D("0.666666667")),
    ("rate('1', '3')", D("0.333333333")),
    ("rate('0', '3')", D(0)),
    ("rate('1', '0')", None),
    ("rate('0', '0')", None),
    ("rate('cast(null as bigint)', '3')", None),
    ("rate('3', 'cast(null as bigint)')", None),
    ("rate('1', '2000000000')", D("0.000000001")),
    ("rate('-1', '2000000000')", D("-0.000000001")),
    ("rate('1', '2000000001')", D(0)),
    (f"rate('{BIG}', '7')", D("1285714285714285714.285714286")),
    (f"rate('7', '{BIG}')", D(0)),
    (f"rate('{BIG}', '{BIG}')", D(1)),
    ("divide_rounded(#10.000000005#, '10')", D("1.000000001")),
    ("divide_rounded(#-10.000000005#, '10')", D("-1.000000001")),
    ("divide_rounded(#10.000000004#, '10')", D("1.000000000")),
    (
        "divide_rounded(#1#, #1.084500000#)",
        D("0.922083910"),
    ),
    (
        "divide_rounded(#12345678901234567890#, '1')",
        D("12345678901234567890"),
    ),
    (
        "multiply_rounded(#0.000000001#, #0.5#)",
        D("0.000000001"),
    ),
    (
        "multiply_rounded(#-0.000000001#, #0.5#)",
        D("-0.000000001"),
    ),
    (
        "multiply_rounded(#0.000000001#, #0.499999999#)",
        D(0),
    ),
    (
        "multiply_rounded(#123456789.123456789#, #1.084512345#)",
        D("133890411.878450617"),
    ),
    ("multiply_rounded('3', '4')", D(12)),
    ("multiply_rounded('3', 'cast(null as numeric(38, 9))')", None),
    # Money: integers of micro-units and nano-units, exactly.
    ("micros_to_amount('1234567')", D("1.234567")),
    ("micros_to_amount('-1')", D("-0.000001")),
    ("micros_to_amount('0')", D(0)),
    (f"micros_to_amount('{BIG}')", D("9000000000000")),
    ("micros_to_amount('cast(null as bigint)')", None),
    ("nanos_to_amount('4000000')", D("0.004")),
    ("nanos_to_amount('-1')", D("-0.000000001")),
    (f"nanos_to_amount('{BIG} + 1')", D("9000000000.000000001")),
    # Time.
    (f"micros_between({NOON!r}, \"timestamp '2026-03-29 12:00:02'\")", 1_999_999),
    (f"micros_between(\"timestamp '2026-03-29 12:00:02'\", {NOON!r})", -1_999_999),
    (f"add_micros({NOON!r}, '-2')", dt.datetime(2026, 3, 29, 11, 59, 59, 999_999, tzinfo=dt.UTC)),
    ("add_days(\"date '2026-02-28'\", '1')", dt.date(2026, 3, 1)),
    ("add_days(\"date '2026-03-01'\", '-1')", dt.date(2026, 2, 28)),
    # Berlin springs forward on 2026-03-29 at 01:00 UTC.
    (
        "date_in_zone(\"timestamp '2026-03-28 22:59:59'\", \"'Europe/Berlin'\")",
        dt.date(2026, 3, 28),
    ),
    (
        "date_in_zone(\"timestamp '2026-03-28 23:00:00'\", \"'Europe/Berlin'\")",
        dt.date(2026, 3, 29),
    ),
    (
        "date_in_zone(\"timestamp '2026-03-29 21:59:59'\", \"'Europe/Berlin'\")",
        dt.date(2026, 3, 29),
    ),
    (
        "date_in_zone(\"timestamp '2026-03-29 22:00:00'\", \"'Europe/Berlin'\")",
        dt.date(2026, 3, 30),
    ),
    (
        "date_in_zone(\"timestamp '2026-03-29 06:59:59'\", \"'America/Los_Angeles'\")",
        dt.date(2026, 3, 28),
    ),
    (
        "date_in_zone(\"timestamp '2026-03-29 18:30:00'\", \"'Asia/Kolkata'\")",
        dt.date(2026, 3, 30),
    ),
    # Text.
    ("text_of(#-0.5#, 'decimal')", "-0.500000000"),
    ("text_of(#12#, 'decimal')", "12.000000000"),
    ("text_of('-7', 'integer')", "-7"),
    (f"text_of({NOON!r}, 'timestamp')", "2026-03-29T12:00:00.000001Z"),
    ("text_of(\"timestamp '2026-03-29 00:00:00'\", 'timestamp')", "2026-03-29T00:00:00.000000Z"),
    ("text_of(\"date '2026-03-09'\", 'date')", "2026-03-09"),
    ("text_of('true', 'boolean')", "true"),
    ("text_of('1 = 2', 'boolean')", "false"),
    ("text_of('cast(null as boolean)', 'boolean')", None),
    ("trim_space(\"' a b  '\")", "a b"),
    ("url_domain(\"'https://www.Advertiser1.example:443/a?b=c#d'\")", "advertiser1.example"),
    ("url_domain(\"'http://user:pass@www2.example'\")", "www2.example"),
    ("url_domain(\"' shop.example/www.other.example'\")", "shop.example"),
    ("url_domain(\"'WWW.EXAMPLE'\")", "example"),
    ("url_domain(\"'advertiser1.example'\")", "advertiser1.example"),
    ("url_domain(\"'https:///path'\")", None),
    ("url_domain(\"''\")", None),
    ("url_domain('cast(null as string)')", None),
    ("trim_space(\"'\u00a0a\u00a0'\")", "\u00a0a\u00a0"),
    # Lists: a missing one is empty, as BigQuery stores it; nulls are no texts.
    ("list_length(\"['a', 'b']\")", 2),
    ("list_length('cast([] as {})'.format(texts))", 0),
    ("list_length('cast(null as {})'.format(texts))", 0),
    ("list_to_text(\"['a', 'b']\")", "a, b"),
    ("list_to_text(\"['a', null, 'b']\", '/')", "a/b"),
    ("list_to_text('cast([] as {})'.format(texts))", ""),
    ("list_to_text('cast(null as {})'.format(texts))", ""),
    # Casts that give null instead of an error, a rounding or a surprise.
    ("safe_integer(\"'-42'\")", -42),
    ("safe_integer(\"'007'\")", 7),
    ("safe_integer(\"'1.5'\")", None),
    ("safe_integer(\"'1e3'\")", None),
    ("safe_integer(\"'0x10'\")", None),
    ("safe_integer(\"' 1'\")", None),
    ("safe_integer(\"'9223372036854775808'\")", None),
    ("safe_integer(\"'9223372036854775807'\")", 9223372036854775807),
    ("safe_integer(\"''\")", None),
    ("safe_decimal(\"'1.50'\")", D("1.5")),
    ("safe_decimal(\"'-0.000000001'\")", D("-0.000000001")),
    ("safe_decimal(\"'0.0000000001'\")", None),
    ("safe_decimal(\"'1e3'\")", None),
    ("safe_decimal(\"'.5'\")", None),
    ("safe_decimal(\"'NaN'\")", None),
    # Hashes.
    ("hash_to_text(md5_hash(\"'a'\"))", "0cc175b9c0f1b6a831c399e269772661"),
    ("hash_to_text(hash_zero())", "0" * 32),
]


def _vectors() -> list[tuple[str, str | None]]:
    """The golden vectors of the decision record: a call, below it `hashed text -> hash`."""
    found = re.findall(r"^(hash\w+\(.*\))\n  .* -> (\w+)$", ADR.read_text(), re.MULTILINE)
    return [(call, None if digest == "null" else digest) for call, digest in found]


VECTORS = _vectors()


def _model() -> str:
    calls = [call for call, _ in CASES] + [f"hash_to_text({call})" for call, _ in VECTORS]
    columns = ",\n".join(f"{{{{ {call} }}}} as c{number}" for number, call in enumerate(calls))
    exact = "\"cast('\\1' as numeric(38, 9))\""
    texts = "{%- set texts = 'array<string>' if target.type == 'bigquery' else 'varchar[]' %}\n"
    return texts + "select\n" + re.sub(r"#([-0-9.]+)#", exact, columns)


@pytest.fixture(scope="session")
def duckdb_values(project: Any) -> list[Any]:
    project.dbt("run", "--select", "literals", "series", "elements")
    return list(project.rows("select * from literals")[0])


@pytest.fixture(scope="session")
def project(make_project: Any) -> Any:
    series = "select n from {{ integer_series('1 + 2', '5', 'n') }}"
    elements = """
        {%- set is_bigquery = target.type == 'bigquery' %}
        {%- set form = "struct('{}' as name)" if is_bigquery else "{{'name': '{}'}}" %}
        {%- set x, y, z = form.format('x'), form.format('y'), form.format('z') %}
        select made.id, slots.place, slots.element.name
        from (
            select 1 as id, [{{ x }}, {{ y }}] as slots
            union all
            select 2 as id, [{{ z }}] as slots
        ) as made
        cross join {{ list_elements('made.slots', 'slots') }}
    """
    models = {"literals": _model(), "series": series, "elements": elements}
    return make_project("literals", models)


@pytest.fixture(scope="session")
def bigquery(project: Any, googlesql: Any) -> dict[str, list[dict[str, Any]]]:
    return {name: googlesql.rows(sql) for name, sql in project.compiled().items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=dt.UTC)
    return str(value) if isinstance(value, uuid.UUID) else value


pytestmark = pytest.mark.xdist_group("dbt_macros")


@pytest.mark.parametrize(("number", "call"), enumerate(call for call, _ in CASES))
def test_duckdb_gives_the_value(number: int, call: str, duckdb_values: list[Any]) -> None:
    assert _plain(duckdb_values[number]) == CASES[number][1], call


@pytest.mark.parametrize(("number", "call"), enumerate(call for call, _ in CASES))
def test_googlesql_gives_the_value(number: int, call: str, bigquery: Any) -> None:
    assert _plain(bigquery["literals"][0][f"c{number}"]) == CASES[number][1], call


@pytest.mark.parametrize(("number", "vector"), enumerate(VECTORS), ids=lambda v: str(v)[:70])
def test_golden_vectors_hold_on_both_engines(
    number: int, vector: tuple[str, str | None], duckdb_values: list[Any], bigquery: Any
) -> None:
    position = len(CASES) + number
    assert duckdb_values[position] == vector[1]
    assert bigquery["literals"][0][f"c{position}"] == vector[1]


def test_series_of_integers(project: Any, duckdb_values: Any, bigquery: Any) -> None:
    assert sorted(project.rows("select n from series")) == [(3,), (4,), (5,)]
    assert sorted(row["n"] for row in bigquery["series"]) == [3, 4, 5]


def test_elements_of_lists_with_their_places(
    project: Any, duckdb_values: Any, bigquery: Any
) -> None:
    expected = [(1, 0, "x"), (1, 1, "y"), (2, 0, "z")]
    assert sorted(project.rows("select id, place, name from elements")) == expected
    rows = [(row["id"], row["place"], row["name"]) for row in bigquery["elements"]]
    assert sorted(rows) == expected


def test_there_are_golden_vectors() -> None:
    assert len(VECTORS) >= 20
