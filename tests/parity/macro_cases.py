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


def day_ts(text: str) -> str:
    """The first moment of a date in UTC."""
    return ts(f"{text} 00:00:00")


def rows_of(name: str, *values: str) -> str:
    """A relation with a column and a column `id` that counts its rows from 1."""
    rows = (f"select {number} as id, {value} as {name}" for number, value in enumerate(values, 1))
    return f"({' union all '.join(rows)})"


NOON = ts("2026-03-29 12:00:00.000001")
PREAMBLE = """
{%- set is_bigquery = target.type == 'bigquery' %}
{%- set texts = 'array<string>' if is_bigquery else 'varchar[]' %}
{%- set double = 'float64' if is_bigquery else 'double' %}
"""
"""What expressions may use besides the macros: types that engines name differently."""

# What dbt's own macros do right on both engines stays theirs.
DBT_DAYS = "{{ dbt.datediff(\"date '%s'\", \"date '%s'\", 'day') }}"
DBT_LAST_DAY = "{{ dbt.last_day(\"date '%s'\", 'month') }}"
DBT_PART = "{{ dbt.split_part(%r, \"'/'\", %d) }}"

JOINED = (
    "(select string_agg(t, %s order by %s) from "
    + rows_of("t", "'b'", null("string"), "'a'")
    + " as s)"
)
DOUBLE_DISTANCE = "{{ distance_metres(\"cast('%s' as {})\".format(double), '0', '1', '0') }}"

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
    ("nothing between", call("micros_between", NOON, NOON), 0),
    ("unknown start", call("micros_between", null("timestamp"), NOON), None),
    (
        "a leap year",
        call("micros_between", ts("2024-01-01 00:00:00"), ts("2025-01-01 00:00:00")),
        366 * 86_400 * 1_000_000,
    ),
    (
        "before 1970",
        call("micros_between", ts("1969-12-31 23:59:59.999999"), ts("1970-01-01 00:00:00")),
        1,
    ),
    ("moved back", call("add_micros", NOON, "-2"), utc("2026-03-29 11:59:59.999999")),
    (
        "moved by an expression",
        call("add_micros", NOON, "3 - 2"),
        utc("2026-03-29 12:00:00.000002"),
    ),
    (
        "moved into a leap day",
        call("add_micros", ts("2024-02-28 23:59:59.999999"), "1"),
        utc("2024-02-29 00:00:00"),
    ),
    ("moved by nothing known", call("add_micros", NOON, null("bigint")), None),
]

EIGHT, HOUR_LATER = ts("2026-03-29 08:59:59"), ts("2026-03-29 09:00:01")

ELAPSED: list[Row] = [
    (
        "two seconds over an hour's boundary are no hour",
        call("elapsed", EIGHT, HOUR_LATER, "hour"),
        0,
    ),
    ("nor a minute", call("elapsed", EIGHT, HOUR_LATER, "minute"), 0),
    ("but two seconds", call("elapsed", EIGHT, HOUR_LATER, "second"), 2),
    (
        "a microsecond short of an hour",
        call("elapsed", ts("2026-03-29 08:00:00.000001"), ts("2026-03-29 09:00:00"), "hour"),
        0,
    ),
    ("an hour", call("elapsed", ts("2026-03-29 08:00:00"), ts("2026-03-29 09:00:00"), "hour"), 1),
    ("backwards, towards zero", call("elapsed", HOUR_LATER, EIGHT, "hour"), 0),
    (
        "an hour and a half backwards",
        call("elapsed", ts("2026-03-29 09:30:00"), ts("2026-03-29 08:00:00"), "hour"),
        -1,
    ),
    (
        "a second over midnight is no day",
        call("elapsed", ts("2026-03-28 23:59:59"), ts("2026-03-29 00:00:00"), "day"),
        0,
    ),
    (
        "a leap day is a day",
        call("elapsed", ts("2024-02-28 12:00:00"), ts("2024-03-01 12:00:00"), "day"),
        2,
    ),
    (
        "a day of 24 hours, whatever clocks do in Berlin",
        call("elapsed", ts("2026-03-28 12:00:00"), ts("2026-03-29 11:59:59.999999"), "day"),
        0,
    ),
    (
        "a century of hours",
        call("elapsed", day_ts("1926-01-01"), day_ts("2026-01-01"), "hour"),
        876_600,
    ),
    ("unknown finish", call("elapsed", EIGHT, null("timestamp"), "hour"), None),
]

DATES: list[Row] = [
    ("past the end of February", call("add_days", day("2026-02-28"), "1"), dt.date(2026, 3, 1)),
    ("into a leap day", call("add_days", day("2024-02-28"), "1"), dt.date(2024, 2, 29)),
    ("1900 had no leap day", call("add_days", day("1900-02-28"), "1"), dt.date(1900, 3, 1)),
    ("2000 had one", call("add_days", day("2000-02-28"), "1"), dt.date(2000, 2, 29)),
    ("back into February", call("add_days", day("2026-03-01"), "-1"), dt.date(2026, 2, 28)),
    ("over the end of a year", call("add_days", day("2026-12-31"), "1"), dt.date(2027, 1, 1)),
    ("before 1970", call("add_days", day("1970-01-01"), "-1"), dt.date(1969, 12, 31)),
    ("by an expression", call("add_days", day("2026-03-01"), "2 - 4"), dt.date(2026, 2, 27)),
    ("unknown days", call("add_days", day("2026-03-01"), null("bigint")), None),
    ("of an unknown date", call("add_days", null("date"), "1"), None),
    ("a month from the 31st", call("add_months", day("2026-01-31"), "1"), dt.date(2026, 2, 28)),
    ("in a leap year", call("add_months", day("2024-01-31"), "1"), dt.date(2024, 2, 29)),
    ("two months keep the 31st", call("add_months", day("2026-01-31"), "2"), dt.date(2026, 3, 31)),
    ("a month back", call("add_months", day("2024-03-31"), "-1"), dt.date(2024, 2, 29)),
    ("a year from a leap day", call("add_months", day("2024-02-29"), "12"), dt.date(2025, 2, 28)),
    ("four years from one", call("add_months", day("2024-02-29"), "48"), dt.date(2028, 2, 29)),
    ("the 28th stays the 28th", call("add_months", day("2023-02-28"), "12"), dt.date(2024, 2, 28)),
    ("months over a year's end", call("add_months", day("2026-11-30"), "3"), dt.date(2027, 2, 28)),
    ("by no months", call("add_months", day("2026-05-31"), "0"), dt.date(2026, 5, 31)),
    (
        "months by an expression",
        call("add_months", day("2026-05-31"), "3 - 4"),
        dt.date(2026, 4, 30),
    ),
    ("unknown months", call("add_months", day("2026-05-31"), null("bigint")), None),
    ("days between", DBT_DAYS % ("2026-02-28", "2026-03-01"), 1),
    ("days between over a leap day", DBT_DAYS % ("2024-02-28", "2024-03-01"), 2),
    ("days between, backwards", DBT_DAYS % ("2026-03-01", "2024-02-29"), -731),
    ("days between of a day and itself", DBT_DAYS % ("2026-03-29", "2026-03-29"), 0),
    ("days of a leap year", DBT_DAYS % ("2024-01-01", "2025-01-01"), 366),
    ("the last day of a leap February", DBT_LAST_DAY % "2024-02-10", dt.date(2024, 2, 29)),
    ("the last day of a short February", DBT_LAST_DAY % "2100-02-01", dt.date(2100, 2, 28)),
    ("the last day of December", DBT_LAST_DAY % "2026-12-31", dt.date(2026, 12, 31)),
]

# Weeks around new year: Wikipedia, "ISO week date" (examples of contemporary dates around New
# Year's Day), and the calendar.
ISO_DAYS: list[tuple[str, tuple[int, int, int], str]] = [
    ("2005-01-01", (2004, 53, 6), "2004-12-27"),
    ("2005-01-02", (2004, 53, 7), "2004-12-27"),
    ("2005-12-31", (2005, 52, 6), "2005-12-26"),
    ("2007-01-01", (2007, 1, 1), "2007-01-01"),
    ("2007-12-30", (2007, 52, 7), "2007-12-24"),
    ("2007-12-31", (2008, 1, 1), "2007-12-31"),
    ("2008-12-29", (2009, 1, 1), "2008-12-29"),
    ("2010-01-03", (2009, 53, 7), "2009-12-28"),
    ("2024-12-29", (2024, 52, 7), "2024-12-23"),
    ("2024-12-30", (2025, 1, 1), "2024-12-30"),
    ("2026-12-31", (2026, 53, 4), "2026-12-28"),
    ("2027-01-03", (2026, 53, 7), "2026-12-28"),
    ("2027-01-04", (2027, 1, 1), "2027-01-04"),
    ("1970-01-01", (1970, 1, 4), "1969-12-29"),
    ("2024-02-29", (2024, 9, 4), "2024-02-26"),
]

WEEKS: list[Row] = [
    row
    for date, (year, week, weekday), monday in ISO_DAYS
    for row in (
        (f"week of {date}", call("iso_week", day(date)), week),
        (f"year of the week of {date}", f"extract(isoyear from {day(date)})", year),
        (f"weekday of {date}", call("iso_weekday", day(date)), weekday),
        (
            f"Monday before {date}",
            call("date_start", day(date), "week"),
            dt.date.fromisoformat(monday),
        ),
    )
] + [
    ("unknown week", call("iso_week", null("date")), None),
    ("unknown weekday", call("iso_weekday", null("date")), None),
]

STARTS: list[Row] = [
    ("day", call("date_start", day("2026-03-29"), "day"), dt.date(2026, 3, 29)),
    ("month", call("date_start", day("2024-02-29"), "month"), dt.date(2024, 2, 1)),
    ("quarter", call("date_start", day("2026-06-30"), "quarter"), dt.date(2026, 4, 1)),
    ("year", call("date_start", day("2026-12-31"), "year"), dt.date(2026, 1, 1)),
    ("before 1970", call("date_start", day("1969-12-31"), "month"), dt.date(1969, 12, 1)),
    ("unknown", call("date_start", null("date"), "month"), None),
]

BERLIN, LOS_ANGELES, KOLKATA = "'Europe/Berlin'", "'America/Los_Angeles'", "'Asia/Kolkata'"
CAIRO, AZORES, LORD_HOWE = "'Africa/Cairo'", "'Atlantic/Azores'", "'Australia/Lord_Howe'"

# Berlin springs forward on 2026-03-29 at 01:00 UTC, and back on 2026-10-25 at 01:00 UTC.
ZONED_DATES: list[tuple[str, str, str, str]] = [
    ("Berlin, last second before spring", "2026-03-28 22:59:59", BERLIN, "2026-03-28"),
    ("Berlin, midnight before spring", "2026-03-28 23:00:00", BERLIN, "2026-03-29"),
    ("Berlin, last second of the spring day", "2026-03-29 21:59:59", BERLIN, "2026-03-29"),
    ("Berlin, midnight after spring", "2026-03-29 22:00:00", BERLIN, "2026-03-30"),
    ("Berlin, last second before autumn", "2026-10-24 21:59:59", BERLIN, "2026-10-24"),
    ("Berlin, midnight before autumn", "2026-10-24 22:00:00", BERLIN, "2026-10-25"),
    ("Berlin, last second of the autumn day", "2026-10-25 22:59:59", BERLIN, "2026-10-25"),
    ("Berlin, midnight after autumn", "2026-10-25 23:00:00", BERLIN, "2026-10-26"),
    ("Los Angeles, the day before", "2026-03-29 06:59:59", LOS_ANGELES, "2026-03-28"),
    ("Kolkata, half an hour", "2026-03-29 18:30:00", KOLKATA, "2026-03-30"),
    ("into a leap day", "2024-02-28 18:30:00", KOLKATA, "2024-02-29"),
    ("UTC", "2026-03-28 23:59:59.999999", "'UTC'", "2026-03-28"),
]

ZONES: list[Row] = [
    (name, call("date_in_zone", ts(moment), zone), dt.date.fromisoformat(date))
    for name, moment, zone, date in ZONED_DATES
] + [
    ("unknown zone", call("date_in_zone", NOON, null("string")), None),
    ("unknown moment", call("date_in_zone", null("timestamp"), BERLIN), None),
]

ZONED_HOURS: list[tuple[str, str, str, int, str]] = [
    # Name, moment, zone, hour of the day there, and when it began.
    ("Berlin, before spring", "2026-03-29 00:59:59", BERLIN, 1, "2026-03-29 00:00:00"),
    (
        "Berlin, after spring, two o'clock is left out",
        "2026-03-29 01:00:00",
        BERLIN,
        3,
        "2026-03-29 01:00:00",
    ),
    ("Berlin, the first two o'clock", "2026-10-25 00:30:00", BERLIN, 2, "2026-10-25 00:00:00"),
    ("Berlin, the second two o'clock", "2026-10-25 01:30:00", BERLIN, 2, "2026-10-25 01:00:00"),
    ("Kolkata begins at half past", "2026-03-29 18:45:00", KOLKATA, 0, "2026-03-29 18:30:00"),
    (
        "Kathmandu at a quarter past",
        "2026-03-29 18:10:00",
        "'Asia/Kathmandu'",
        23,
        "2026-03-29 17:15:00",
    ),
    (
        "Los Angeles, a date behind",
        "2026-03-29 06:59:59.999999",
        LOS_ANGELES,
        23,
        "2026-03-29 06:00:00",
    ),
    # Half an hour back at 15:00 UTC: 01:40 is struck twice.
    ("Lord Howe, half an hour back", "2026-04-04 15:10:00", LORD_HOWE, 1, "2026-04-04 14:30:00"),
    ("before 1970", "1969-12-31 23:30:00", BERLIN, 0, "1969-12-31 23:00:00"),
]

HOURS: list[Row] = [
    row
    for name, moment, zone, hour, start in ZONED_HOURS
    for row in (
        (f"hour, {name}", call("hour_in_zone", ts(moment), zone), hour),
        (f"its start, {name}", call("truncate_in_zone", ts(moment), "hour", zone), utc(start)),
    )
] + [
    ("hour of an unknown moment", call("hour_in_zone", null("timestamp"), BERLIN), None),
    ("start of an unknown hour", call("truncate_in_zone", null("timestamp"), "hour", BERLIN), None),
]

AUTUMN_MOMENT = ts("2026-10-25 12:00:00")

MIDNIGHTS: list[Row] = [
    (
        "Berlin in winter",
        call("start_of_date", day("2026-01-15"), BERLIN),
        utc("2026-01-14 23:00:00"),
    ),
    (
        "Berlin in summer",
        call("start_of_date", day("2026-07-15"), BERLIN),
        utc("2026-07-14 22:00:00"),
    ),
    (
        "the day of spring",
        call("start_of_date", day("2026-03-29"), BERLIN),
        utc("2026-03-28 23:00:00"),
    ),
    (
        "the day after spring",
        call("start_of_date", day("2026-03-30"), BERLIN),
        utc("2026-03-29 22:00:00"),
    ),
    (
        "the day of autumn",
        call("start_of_date", day("2026-10-25"), BERLIN),
        utc("2026-10-24 22:00:00"),
    ),
    (
        "the day after autumn",
        call("start_of_date", day("2026-10-26"), BERLIN),
        utc("2026-10-25 23:00:00"),
    ),
    (
        "a zone that is no literal",
        call("start_of_date", day("2026-10-25"), "concat('Europe/', 'Berlin')"),
        utc("2026-10-24 22:00:00"),
    ),
    ("Kolkata", call("start_of_date", day("2026-03-29"), KOLKATA), utc("2026-03-28 18:30:00")),
    # Cairo went from 00:00 to 01:00 on 2024-04-26 (tzdata 2023c).
    (
        "a midnight that is skipped",
        call("start_of_date", day("2024-04-26"), CAIRO),
        utc("2024-04-25 22:00:00"),
    ),
    # The Azores go from 01:00 back to 00:00, at 01:00 UTC.
    (
        "the first of two midnights",
        call("start_of_date", day("2025-10-26"), AZORES),
        utc("2025-10-26 00:00:00"),
    ),
    (
        "an ordinary midnight there",
        call("start_of_date", day("2025-10-27"), AZORES),
        utc("2025-10-27 01:00:00"),
    ),
    ("unknown date", call("start_of_date", null("date"), BERLIN), None),
    ("unknown zone", call("start_of_date", day("2026-01-15"), null("string")), None),
    (
        "day of a moment",
        call("truncate_in_zone", AUTUMN_MOMENT, "day", BERLIN),
        utc("2026-10-24 22:00:00"),
    ),
    (
        "week of a moment",
        call("truncate_in_zone", AUTUMN_MOMENT, "week", BERLIN),
        utc("2026-10-18 22:00:00"),
    ),
    (
        "month of a moment",
        call("truncate_in_zone", AUTUMN_MOMENT, "month", BERLIN),
        utc("2026-09-30 22:00:00"),
    ),
    (
        "year of a moment",
        call("truncate_in_zone", AUTUMN_MOMENT, "year", BERLIN),
        utc("2025-12-31 23:00:00"),
    ),
    (
        "month of a moment that is in the next one there",
        call("truncate_in_zone", ts("2026-03-31 18:30:00"), "month", KOLKATA),
        utc("2026-03-31 18:30:00"),
    ),
]

TEXT_FORMS: list[Row] = [
    ("a negative decimal", call("text_of", dec("-0.5"), "decimal"), "-0.500000000"),
    ("trailing zeros of a decimal", call("text_of", dec("12"), "decimal"), "12.000000000"),
    (
        "a decimal of more digits than a float has",
        call("text_of", dec("90071992547409.931"), "decimal"),
        "90071992547409.931000000",
    ),
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

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"  # three emoji and two joiners

TEXT: list[Row] = [
    ("trimmed on both sides", call("trim_space", "' a b  '"), "a b"),
    (
        "tab, line feed and carriage return trimmed",
        call("trim_space", txt("\t\r\n a\tb \n")),
        "a\tb",
    ),
    ("a no-break space is no space", call("trim_space", "'\u00a0a\u00a0'"), "\u00a0a\u00a0"),
    ("nor is an ideographic space", call("trim_space", "'\u3000a'"), "\u3000a"),
    ("nothing but space", call("trim_space", "'  '"), ""),
    ("null trimmed", call("trim_space", null("string")), None),
    ("lower case", call("lower_text", "'STRASSE'"), "strasse"),
    ("lower case of what is lower", call("lower_text", "'stra\u00dfe'"), "stra\u00dfe"),
    ("a capital sharp s", call("lower_text", "'STRA\u1e9eE'"), "stra\u00dfe"),
    (
        "a Greek word ends in a plain sigma",
        call("lower_text", "'\u039f\u0394\u039f\u03a3'"),
        "\u03bf\u03b4\u03bf\u03c3",
    ),
    (
        "a final sigma stays one",
        call("lower_text", "'\u03bf\u03b4\u03cc\u03c2'"),
        "\u03bf\u03b4\u03cc\u03c2",
    ),
    ("the Turkish dotted I", call("lower_text", "'\u0130ZM\u0130R'"), "izmir"),
    ("the Turkish dotless i", call("lower_text", "'I\u0131'"), "i\u0131"),
    ("an accent of its own", call("lower_text", "'E\u0301'"), "e\u0301"),
    ("an accented letter", call("lower_text", "'\u00c5NGSTR\u00d6M'"), "\u00e5ngstr\u00f6m"),
    ("a letter beyond 16 bits", call("lower_text", "'\U00010400'"), "\U00010428"),
    ("full-width letters", call("lower_text", "'\uff21'"), "\uff41"),
    (
        "Arabic and Hebrew have no case",
        call("lower_text", "'\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd'"),
        "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    ),
    ("an emoji has none", call("lower_text", "'A\U0001f600'"), "a\U0001f600"),
    ("lower case of nothing", call("lower_text", "''"), ""),
    ("lower case of null", call("lower_text", null("string")), None),
    ("the first part", DBT_PART % ("'a/b/c'", 1), "a"),
    ("the last part", DBT_PART % ("'a/b/c'", 3), "c"),
    ("no such part is null", DBT_PART % ("'a/b/c'", 4), None),
    ("an empty part is empty", DBT_PART % ("'a//c'", 2), ""),
    ("the part of a text without delimiters", DBT_PART % ("'abc'", 1), "abc"),
    ("a part of null", DBT_PART % (null("string"), 1), None),
    ("joined text, in order", JOINED % ("'>'", "id desc"), "a>b"),
]

# What engines do alike without a macro, as macros/README.md says.
PLAIN: list[Row] = [
    ("length counts characters, not bytes", "length('stra\u00dfe')", 6),
    ("length of a letter and its accent", "length('e\u0301')", 2),
    ("length of a joined emoji", f"length('{FAMILY}')", 5),
    ("length of right-to-left text", "length('\u0645\u0631\u062d\u0628\u0627')", 5),
    ("length of nothing", "length('')", 0),
    ("length of null", f"length({null('string')})", None),
    (
        "substr counts characters from 1",
        "substr('h\u00e9llo\U0001f600x', 2, 5)",
        "\u00e9llo\U0001f600",
    ),
    ("substr splits a letter from its accent", "substr('e\u0301a', 1, 1)", "e"),
    ("substr from the end", "substr('abc', -2, 1)", "b"),
    ("substr past the end", "substr('abc', 5)", ""),
    ("substr of right-to-left text", "substr('\u05e9\u05dc\u05d5\u05dd', 1, 2)", "\u05e9\u05dc"),
    ("substr of null", f"substr({null('string')}, 1, 1)", None),
    ("left", "left('abc', 2)", "ab"),
    ("right of a short text", "right('abc', 5)", "abc"),
    ("strpos", "strpos('abcabc', 'ca')", 3),
    ("strpos of what is not there", "strpos('abc', 'x')", 0),
    ("starts_with", "starts_with('abc', 'ab')", True),
    ("replace", "replace('aaa', 'aa', 'b')", "ba"),
    ("|| with null is null", f"'a' || {null('string')}", None),
    ("an empty text is not null", "'' is null", False),
    ("texts compare by bytes", "'B' < 'a' and 'z' < '\u00e9' and '\uffff' < '\U0001f600'", True),
    ("like tells cases apart", "'a' like 'A'", False),
    (
        "null is not distinct from null",
        f"{null('bigint')} is not distinct from {null('bigint')}",
        True,
    ),
    ("null is distinct from nothing", f"{null('string')} is distinct from ''", True),
    (
        "date of a timestamp",
        f"cast({ts('2026-03-28 23:59:59.999999')} as date)",
        dt.date(2026, 3, 28),
    ),
    (
        "date of a timestamp before 1970",
        f"cast({ts('1969-12-31 23:59:59')} as date)",
        dt.date(1969, 12, 31),
    ),
    ("hour of a timestamp", f"extract(hour from {ts('2026-03-29 02:30:00')})", 2),
    ("text of an integer", f"cast({INT64_MIN} as string)", "-9223372036854775808"),
    ("text of a date", f"cast({day('2026-03-09')} as string)", "2026-03-09"),
    ("mod has the sign of the dividend", "mod(-7, 2)", -1),
    ("7 / 2 is no integer", "7 / 2", 3.5),
    (
        "a double to an integer through round",
        "cast(round(cast('2.5' as {{ double }})) as bigint)",
        3,
    ),
    ("a negative one, away from zero", "cast(round(cast('-2.5' as {{ double }})) as bigint)", -3),
    ("minus zero is zero", "cast('-0.0' as {{ double }}) = 0", True),
    ("minus zero to an integer", "cast(round(cast('-0.0' as {{ double }})) as bigint)", 0),
    ("infinity is larger than all", f"cast('inf' as {{{{ double }}}}) > {INT64_MAX}", True),
    (
        "any of true and null",
        "(select {{ dbt.bool_or('n > 1') }} from "
        + rows_of("n", "1", "2", null("bigint"))
        + " as s)",
        True,
    ),
    (
        "any of nothing",
        "(select {{ dbt.bool_or('n > 1') }} from " + rows_of("n", null("bigint")) + " as s)",
        None,
    ),
    ("the sum of nothing", f"(select sum(n) from {rows_of('n', null('bigint'))} as s)", None),
    (
        "the sum as an integer",
        f"(select cast(sum(n) as bigint) from {rows_of('n', '1', '2')} as s)",
        3,
    ),
    (
        "count leaves nulls out",
        f"(select count(n) from {rows_of('n', '1', null('bigint'))} as s)",
        1,
    ),
]

ROUNDED: list[Row] = [
    ("half a cent up", call("round_to", dec("2.345"), "2"), D("2.35")),
    ("half a cent away from zero", call("round_to", dec("-2.345"), "2"), D("-2.35")),
    ("below half", call("round_to", dec("2.344999999"), "2"), D("2.34")),
    ("below half, negative", call("round_to", dec("-2.344999999"), "2"), D("-2.34")),
    ("not to the even neighbour", call("round_to", dec("2.5"), "0"), D(3)),
    ("nor the negative one", call("round_to", dec("-2.5"), "0"), D(-3)),
    ("a yen has no decimals", call("round_to", dec("1234.5"), "0"), D(1235)),
    ("a dinar has three", call("round_to", dec("1.2345"), "3"), D("1.235")),
    ("nine decimals stay", call("round_to", dec("-0.000000001"), "9"), D("-0.000000001")),
    ("trailing zeros mean nothing", call("round_to", dec("1.500000000"), "1"), D("1.5")),
    ("up to the next power of ten", call("round_to", dec("9.995"), "2"), D(10)),
    ("zero", call("round_to", dec("0"), "2"), D(0)),
    ("an integer", call("round_to", "7", "2"), D(7)),
    (
        "many digits",
        call("round_to", dec("1234567890123456789.995"), "2"),
        D("1234567890123456790"),
    ),
    ("decimals by an expression", call("round_to", dec("2.345"), "1 + 1"), D("2.35")),
    (
        "decimals of a column",
        "(select {{ round_to(\"cast('2.345' as numeric(38, 9))\", 'n') }} from "
        + rows_of("n", "0")
        + " as s)",
        D(2),
    ),
    ("null", call("round_to", null("numeric(38, 9)"), "2"), None),
    ("unknown decimals", call("round_to", dec("2.345"), null("bigint")), None),
]

DIVISIONS: list[Row] = [
    ("truncated", call("divide_truncated", "7", "2"), 3),
    ("truncated towards zero", call("divide_truncated", "-7", "2"), -3),
    ("truncated, a negative divisor", call("divide_truncated", "7", "-2"), -3),
    ("truncated, two negatives", call("divide_truncated", "-7", "-2"), 3),
    ("truncated, even", call("divide_truncated", "-8", "2"), -4),
    ("truncated, of a difference", call("divide_truncated", "1 - 8", "1 + 1"), -3),
    (
        "truncated, the largest",
        call("divide_truncated", str(INT64_MAX), "2"),
        4_611_686_018_427_387_903,
    ),
    (
        "truncated, the smallest",
        call("divide_truncated", INT64_MIN, "3"),
        -3_074_457_345_618_258_602,
    ),
    ("truncated over zero", call("divide_truncated", "7", "0"), None),
    ("truncated null", call("divide_truncated", null("bigint"), "2"), None),
    ("downwards", call("divide_floor", "7", "2"), 3),
    ("downwards below zero", call("divide_floor", "-7", "2"), -4),
    ("downwards, a negative divisor", call("divide_floor", "7", "-2"), -4),
    ("downwards, two negatives", call("divide_floor", "-7", "-2"), 3),
    ("downwards, even", call("divide_floor", "-8", "2"), -4),
    ("downwards, a little below zero", call("divide_floor", "-1", "1000000"), -1),
    ("downwards, zero", call("divide_floor", "0", "-3"), 0),
    ("downwards, of a difference", call("divide_floor", "1 - 8", "1 + 1"), -4),
    ("downwards, the smallest", call("divide_floor", INT64_MIN, "3"), -3_074_457_345_618_258_603),
    ("downwards over zero", call("divide_floor", "7", "0"), None),
    ("downwards over null", call("divide_floor", "7", null("bigint")), None),
]

ROOTS: list[Row] = [
    ("nothing", call("integer_root", "0"), 0),
    ("one", call("integer_root", "1"), 1),
    ("downwards", call("integer_root", "8"), 2),
    ("a square", call("integer_root", "9"), 3),
    ("above a square", call("integer_root", "10"), 3),
    ("of a sum", call("integer_root", "7 + 9"), 4),
    # 94906267 squared is 9007199515875289, above 2^53; one less has no double of its own.
    ("a square above 2^53", call("integer_root", "9007199515875289"), 94_906_267),
    ("below a square above 2^53", call("integer_root", "9007199515875288"), 94_906_266),
    # 2999999999 squared is 8999999994000000001.
    ("a large square", call("integer_root", "8999999994000000001"), 2_999_999_999),
    ("below a large square", call("integer_root", "8999999994000000000"), 2_999_999_998),
    ("the largest", call("integer_root", str(BIG)), 3_000_000_000),
    ("below the largest", call("integer_root", str(BIG - 1)), 2_999_999_999),
    ("below zero", call("integer_root", "-1"), None),
    ("null", call("integer_root", null("bigint")), None),
]

# A macro is one operand, whatever stands around it.
OPERANDS: list[Row] = [
    ("divided by a rate", "cast(8 / " + call("rate", "4", "2") + " as bigint)", 4),
    ("divided by a product", "cast(8 / " + call("multiply_rounded", "2", "2") + " as bigint)", 2),
    ("divided by an amount", "cast(8 / " + call("micros_to_amount", "4000000") + " as bigint)", 2),
    ("less a quotient", "10 - " + call("divide_truncated", "7 - 1", "2"), 7),
    ("less a quotient downwards", "10 - " + call("divide_floor", "-7", "2"), 14),
    ("less a root", "10 - " + call("integer_root", "7 + 9"), 6),
    ("less a time between", "10 - " + call("micros_between", NOON, NOON), 10),
    ("less a weekday, doubled", "2 * " + call("iso_weekday", day("2026-03-29")), 14),
    ("not in a box", "not " + call("within_box", "1", "1", "2", "0", "3", "3"), True),
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

EMPTY_LIST = "{{ %s('cast([] as {})'.format(texts)%s) }}"
MISSING_LIST = "{{ %s('cast(null as {})'.format(texts)%s) }}"

SERIES = (
    "(select string_agg(cast(n as string), ',' order by n) from {{ integer_series(%r, %r, 'n') }})"
)

ELEMENTS = """(
    select string_agg(made.id || cast(part.place as string) || part.element.name, ' '
        order by made.id, part.place)
    from (
        select 'a' as id, [
            {{ struct_of({'name': "'x'", 'n': '1'}) }}, {{ struct_of({'name': "'y'", 'n': '2'}) }}
        ] as slots
        union all
        select 'b' as id, [{{ struct_of({'name': "'z'", 'n': '3'}) }}] as slots
    ) as made
    cross join {{ list_elements('made.slots', 'part') }}
)"""

LETTERS = rows_of("t", "'b'", null("string"), "'a'")

# A missing list is empty, as BigQuery stores it; nulls are no texts.
LISTS: list[Row] = [
    ("length", call("list_length", "['a', 'b']"), 2),
    ("length of an empty list", EMPTY_LIST % ("list_length", ""), 0),
    ("length of a missing list", MISSING_LIST % ("list_length", ""), 0),
    ("as text", call("list_to_text", "['a', 'b']"), "a, b"),
    ("as text, without nulls", call("list_to_text", "['a', null, 'b']", "/"), "a/b"),
    ("an empty list as text", EMPTY_LIST % ("list_to_text", ""), ""),
    ("a missing list as text", MISSING_LIST % ("list_to_text", ""), ""),
    ("elements with their places", ELEMENTS, "a0x a1y b0z"),
    ("a member of a struct", call("struct_of", {"name": "'x'", "n": "1 + 1"}) + ".n", 2),
    ("a series", SERIES % ("1 + 2", "5"), "3,4,5"),
    ("a series of one", SERIES % ("-1", "-1"), "-1"),
    ("a series of nothing", SERIES % ("3", "2"), None),
    ("has a value", call("list_has", "['a', 'b']", "'b'"), True),
    ("has another value", call("list_has", "['a', 'b']", "'c'"), False),
    ("has a value beside a null", call("list_has", "['a', null]", "'a'"), True),
    ("has not, and a null", call("list_has", "['a', null]", "'b'"), False),
    ("has no null", call("list_has", "['a', 'b']", null("string")), False),
    ("an empty list has nothing", EMPTY_LIST % ("list_has", ", \"'a'\""), False),
    ("a missing list has nothing", MISSING_LIST % ("list_has", ", \"'a'\""), False),
    ("the parts of a text", "{{ list_to_text(split_text(\"'a,,b'\", ','), '|') }}", "a||b"),
    ("one part", "{{ list_length(split_text(\"'abc'\", ',')) }}", 1),
    ("an empty text has one empty part", "{{ list_length(split_text(\"''\", ',')) }}", 1),
    (
        "a delimiter at the end gives an empty part",
        "{{ list_length(split_text(\"'a,'\", ',')) }}",
        2,
    ),
    (
        "a delimiter of two characters",
        "{{ list_to_text(split_text(\"'a->b'\", '->'), ' ') }}",
        "a b",
    ),
    ("null has no parts", "{{ list_length(split_text('cast(null as string)', ',')) }}", 0),
    (
        "gathered in order, without nulls",
        "(select {{ list_to_text(list_of('t', '-id')) }} from " + LETTERS + " as s)",
        "a, b",
    ),
    (
        "gathered without a place for nulls",
        "(select {{ list_length(list_of('t', 'id')) }} from " + LETTERS + " as s)",
        2,
    ),
    (
        "gathered by value",
        "(select {{ list_to_text(list_of('t', 't')) }} from " + LETTERS + " as s)",
        "a, b",
    ),
    (
        "gathered by place",
        "(select {{ list_to_text(list_of('t', 'id')) }} from " + LETTERS + " as s)",
        "b, a",
    ),
    (
        "nothing gathered",
        "(select {{ list_length(list_of('t', 'id')) }} from "
        + rows_of("t", null("string"))
        + " as s)",
        0,
    ),
]

IN_ORDER = (
    "(select string_agg(coalesce(t, '-'), '' order by {{ ordered('t'%s) }}) from "
    + LETTERS
    + " as s)"
)
NUMBERED = (
    "(select string_agg(coalesce(t, '-'), '' order by place) from (select t, row_number() over "
    "(order by {{ ordered('t'%s) }}) as place from " + LETTERS + " as s) as numbered)"
)

ORDERS: list[Row] = [
    ("ascending, nulls last", IN_ORDER % "", "ab-"),
    ("ascending, nulls first", IN_ORDER % ", nulls='first'", "-ab"),
    ("descending, nulls last", IN_ORDER % ", 'desc'", "ba-"),
    ("descending, nulls first", IN_ORDER % ", 'desc', 'first'", "-ba"),
    ("in a window, ascending, nulls last", NUMBERED % "", "ab-"),
    ("in a window, ascending, nulls first", NUMBERED % ", nulls='first'", "-ab"),
    ("in a window, descending, nulls last", NUMBERED % ", 'desc'", "ba-"),
    ("in a window, descending, nulls first", NUMBERED % ", 'desc', 'first'", "-ba"),
]

PATTERNS: list[Row] = [
    ("a match anywhere", call("matches_pattern", "'abc'", "b"), True),
    ("no match", call("matches_pattern", "'abc'", "^b"), False),
    ("the whole text", call("matches_pattern", "'123'", "^[0-9]+$"), True),
    ("a class by its letter", call("matches_pattern", "'a1'", r"^\w\d$"), True),
    ("digits are ASCII", call("matches_pattern", "'\u0663'", r"\d"), False),
    ("a no-break space is no space", call("matches_pattern", "'\u00a0'", r"\s"), False),
    ("an end of line is no end of text", call("matches_pattern", txt("a\nb"), "^a$"), False),
    ("a point is no end of line", call("matches_pattern", txt("a\nb"), "a.b"), False),
    ("cases on request", call("matches_pattern", "'ABC'", "(?i)abc"), True),
    ("one character, however many bytes", call("matches_pattern", "'\U0001f600'", "^.$"), True),
    ("a quote in a pattern", call("matches_pattern", txt("it's"), "t's$"), True),
    ("the empty text", call("matches_pattern", "''", "^$"), True),
    ("null matches nothing known", call("matches_pattern", null("string"), "."), None),
    ("the first match", call("extract_pattern", "'a12b34'", "([0-9]+)"), "12"),
    ("the group only", call("extract_pattern", "'utm=x&b=y'", "b=([^&]*)"), "y"),
    (
        "a Hebrew group",
        call("extract_pattern", "'q=\u05e9\u05dc\u05d5\u05dd;'", "q=([^;]+)"),
        "\u05e9\u05dc\u05d5\u05dd",
    ),
    ("nothing extracted is null", call("extract_pattern", "'abc'", "([0-9]+)"), None),
    ("an empty group is null", call("extract_pattern", "'a='", "a=(.*)"), None),
    ("a group left out is null", call("extract_pattern", "'ab'", "a(x)?b"), None),
    ("extracted from null", call("extract_pattern", null("string"), "(.)"), None),
    ("all are replaced", call("replace_pattern", "'a1b22c'", "[0-9]+", "-"), "a-b-c"),
    (
        "groups in the replacement",
        call("replace_pattern", "'2026-03'", "([0-9]+)-([0-9]+)", r"\2/\1"),
        "03/2026",
    ),
    ("replaced by nothing", call("replace_pattern", "'a b c'", " ", ""), "abc"),
    ("replaced by a quote", call("replace_pattern", "'a-b'", "-", "'"), "a'b"),
    ("emoji replaced one by one", call("replace_pattern", "'\u00df\U0001f600'", ".", "x"), "xx"),
    ("empty matches", call("replace_pattern", "'abc'", "x*", "-"), "-a-b-c-"),
    ("nothing to replace", call("replace_pattern", "'abc'", "x", "-"), "abc"),
    ("replaced in null", call("replace_pattern", null("string"), "x", "-"), None),
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
    ("the smallest integer", call("safe_integer", "'-9223372036854775808'"), -INT64_MAX - 1),
    ("one less than 64 bits hold", call("safe_integer", "'-9223372036854775809'"), None),
    ("twenty digits", call("safe_integer", "'12345678901234567890'"), None),
    ("a plus is no digit", call("safe_integer", "'+1'"), None),
    ("two minuses", call("safe_integer", "'--1'"), None),
    ("minus zero", call("safe_integer", "'-0'"), 0),
    ("an underscore", call("safe_integer", "'1_000'"), None),
    ("Arabic digits", call("safe_integer", "'\u0663'"), None),
    ("an end of line after it", call("safe_integer", txt("1\n")), None),
    ("an integer of null", call("safe_integer", null("string")), None),
    ("a trailing zero", call("safe_decimal", "'1.50'"), D("1.5")),
    ("the smallest negative decimal", call("safe_decimal", "'-0.000000001'"), D("-0.000000001")),
    ("ten decimals are too many", call("safe_decimal", "'0.0000000001'"), None),
    ("an exponent is no decimal", call("safe_decimal", "'1e3'"), None),
    ("a bare point is no decimal", call("safe_decimal", "'.5'"), None),
    ("NaN is no decimal", call("safe_decimal", "'NaN'"), None),
    ("infinity is no decimal", call("safe_decimal", "'inf'"), None),
    ("minus zero is zero", call("safe_decimal", "'-0.0'"), D(0)),
    ("29 digits", call("safe_decimal", f"'{'9' * 29}.999999999'"), D(f"{'9' * 29}.999999999")),
    ("30 digits are too many", call("safe_decimal", f"'1{'0' * 29}'"), None),
    ("a point at the end", call("safe_decimal", "'1.'"), None),
    ("a comma is no point", call("safe_decimal", "'1,5'"), None),
    ("an empty decimal", call("safe_decimal", "''"), None),
    ("a decimal of null", call("safe_decimal", null("string")), None),
    ("a date", call("safe_date", "'2026-03-09'"), dt.date(2026, 3, 9)),
    ("a leap day", call("safe_date", "'2024-02-29'"), dt.date(2024, 2, 29)),
    ("no leap day", call("safe_date", "'2026-02-29'"), None),
    ("none in 1900", call("safe_date", "'1900-02-29'"), None),
    ("one in 2000", call("safe_date", "'2000-02-29'"), dt.date(2000, 2, 29)),
    ("the last date", call("safe_date", "'9999-12-31'"), dt.date(9999, 12, 31)),
    ("month 13", call("safe_date", "'2026-13-01'"), None),
    ("day 0", call("safe_date", "'2026-01-00'"), None),
    ("no zeros before digits", call("safe_date", "'2026-3-9'"), None),
    ("slashes", call("safe_date", "'2026/03/09'"), None),
    ("a date with a time", call("safe_date", "'2026-03-09 00:00:00'"), None),
    ("a space before a date", call("safe_date", "' 2026-03-09'"), None),
    ("today is no date", call("safe_date", "'today'"), None),
    ("an empty date", call("safe_date", "''"), None),
    ("a date of null", call("safe_date", null("string")), None),
    ("a moment", call("safe_timestamp", "'2026-03-09T12:00:00Z'"), utc("2026-03-09 12:00:00")),
    (
        "a moment with microseconds and an offset",
        call("safe_timestamp", "'2026-03-09T00:30:00.123456+02:00'"),
        utc("2026-03-08 22:30:00.123456"),
    ),
    (
        "one decimal of a second",
        call("safe_timestamp", "'2026-03-09T12:00:00.1-05:30'"),
        utc("2026-03-09 17:30:00.1"),
    ),
    (
        "the largest offset",
        call("safe_timestamp", "'2026-03-09T14:00:00+14:00'"),
        utc("2026-03-09 00:00:00"),
    ),
    ("an offset too large", call("safe_timestamp", "'2026-03-09T14:00:00+14:01'"), None),
    ("no offset is no moment", call("safe_timestamp", "'2026-03-09T12:00:00'"), None),
    (
        "a zone's name is no offset",
        call("safe_timestamp", "'2026-03-09T12:00:00 Europe/Berlin'"),
        None,
    ),
    ("seven decimals", call("safe_timestamp", "'2026-03-09T12:00:00.1234567Z'"), None),
    ("a leap second", call("safe_timestamp", "'2016-12-31T23:59:60Z'"), None),
    ("hour 24", call("safe_timestamp", "'2026-03-09T24:00:00Z'"), None),
    ("29 February of no leap year", call("safe_timestamp", "'2026-02-29T00:00:00Z'"), None),
    ("a space for a T", call("safe_timestamp", "'2026-03-09 12:00:00Z'"), None),
    ("an empty moment", call("safe_timestamp", "''"), None),
    ("a moment of null", call("safe_timestamp", null("string")), None),
    ("true", call("safe_boolean", "'true'"), True),
    ("FALSE", call("safe_boolean", "'FALSE'"), False),
    ("one is no boolean", call("safe_boolean", "'1'"), None),
    ("t is no boolean", call("safe_boolean", "'t'"), None),
    ("yes is no boolean", call("safe_boolean", "'yes'"), None),
    ("a space before a boolean", call("safe_boolean", "' true'"), None),
    ("an empty boolean", call("safe_boolean", "''"), None),
    ("a boolean of null", call("safe_boolean", null("string")), None),
]

DOCUMENT = txt('{"a": {"b": ["x", 7]}, "n": -5, "t": true, "z": null, "f": 1.5, "s": "7", "e": ""}')


def _json(kind: str, document: str, path: str = "$.a") -> str:
    return call(f"json_{kind}", txt(document), path)


JSON: list[Row] = [
    ("a text", call("json_text", DOCUMENT, "$.s"), "7"),
    ("a text in a list in an object", call("json_text", DOCUMENT, "$.a.b[0]"), "x"),
    ("an empty text", call("json_text", DOCUMENT, "$.e"), ""),
    ("a number is no text", call("json_text", DOCUMENT, "$.n"), None),
    ("a boolean is no text", call("json_text", DOCUMENT, "$.t"), None),
    ("an object is no text", call("json_text", DOCUMENT, "$.a"), None),
    ("a list is no text", call("json_text", DOCUMENT, "$.a.b"), None),
    ("JSON's null is null", call("json_text", DOCUMENT, "$.z"), None),
    ("no such member", call("json_text", DOCUMENT, "$.nothing"), None),
    ("no such place", call("json_text", DOCUMENT, "$.a.b[9]"), None),
    ("an integer", call("json_integer", DOCUMENT, "$.n"), -5),
    ("an integer in a list", call("json_integer", DOCUMENT, "$.a.b[1]"), 7),
    ("digits in a text are no integer", call("json_integer", DOCUMENT, "$.s"), None),
    ("a fraction is no integer", call("json_integer", DOCUMENT, "$.f"), None),
    ("true is no integer", call("json_integer", DOCUMENT, "$.t"), None),
    ("JSON's null is no integer", call("json_integer", DOCUMENT, "$.z"), None),
    ("a boolean", call("json_boolean", DOCUMENT, "$.t"), True),
    ("a text is no boolean", _json("boolean", '{"a": "true"}'), None),
    ("a number is no boolean", _json("boolean", '{"a": 1}'), None),
    ("false", _json("boolean", '{"a": false}'), False),
    ("an integer with a point is none", _json("integer", '{"a": 1.0}'), None),
    ("an exponent is no integer", _json("integer", '{"a": 1e3}'), None),
    ("the largest integer", _json("integer", '{"a": 9223372036854775807}'), INT64_MAX),
    ("the smallest integer", _json("integer", '{"a": -9223372036854775808}'), -INT64_MAX - 1),
    ("one more than 64 bits hold", _json("integer", '{"a": 9223372036854775808}'), None),
    ("more than any integer type holds", _json("integer", '{"a": 100000000000000000000}'), None),
    ("minus zero", _json("integer", '{"a": -0}'), 0),
    ("an escaped letter", _json("text", '{"a": "\\u00df"}'), "\u00df"),
    ("an escaped emoji, in two halves", _json("text", '{"a": "\\ud83d\\ude00"}'), "\U0001f600"),
    ("half an emoji is malformed", _json("text", '{"a": "\\ud83d"}'), None),
    ("escaped quotes, backslash and line", _json("text", '{"a": "\\"\\\\\\n"}'), '"\\\n'),
    (
        "right-to-left text",
        _json("text", '{"a": "\u05e9\u05dc\u05d5\u05dd"}'),
        "\u05e9\u05dc\u05d5\u05dd",
    ),
    ("the first of two members of a name", _json("integer", '{"a": 1, "a": 2}'), 1),
    ("a document that is cut off", _json("integer", '{"a": 1'), None),
    ("more after the document", _json("integer", '{"a": 1} x'), None),
    ("two documents", _json("integer", '{"a": 1}{"a": 2}'), None),
    ("a name without quotes", _json("integer", "{a: 1}"), None),
    ("single quotes", _json("integer", "{'a': 1}"), None),
    ("a comma too many in an object", _json("integer", '{"a": 1,}'), None),
    ("a comma too many in a list", _json("integer", '{"a": 1, "b": [1, ]}'), None),
    ("that comma inside a text", _json("integer", '{"a": 1, "b": ",]"}'), 1),
    ("a leading zero", _json("integer", '{"a": 01}'), None),
    ("NaN", _json("integer", '{"a": 1, "b": NaN}'), None),
    ("infinity", _json("integer", '{"a": 1, "b": -Infinity}'), None),
    ("nan and inf inside texts", _json("integer", '{"a": 1, "inf": "nan \\" inf"}'), 1),
    ("a comment", _json("integer", '{"a": 1} // x'), None),
    ("a line break inside a text", _json("text", '{"a": "x\ny"}'), None),
    ("a list has no members", _json("integer", '[{"a": 1}]'), None),
    ("a scalar alone", call("json_integer", "'7'", "$"), 7),
    ("an empty document", _json("text", ""), None),
    ("a document of spaces", _json("text", "  "), None),
    ("no document", call("json_text", null("string"), "$.a"), None),
]

HASHES: list[Row] = [
    (
        "of a text",
        "{{ hash_to_text(md5_hash(\"'a'\")) }}",
        "0cc175b9c0f1b6a831c399e269772661",  # RFC 1321, appendix A.5
    ),
    (
        "of an empty text",
        "{{ hash_to_text(md5_hash(\"''\")) }}",
        "d41d8cd98f00b204e9800998ecf8427e",  # RFC 1321
    ),
    # A sharp s is the bytes C3 9F, which `printf 'ß' | md5sum` hashes.
    ("of UTF-8", "{{ hash_to_text(md5_hash(\"'\u00df'\")) }}", "e11ce22edb052b40813b1e145b704775"),
    ("of null", "{{ hash_to_text(md5_hash('cast(null as string)')) }}", None),
    ("of nothing", "{{ hash_to_text(hash_zero()) }}", "0" * 32),
]

# The bit patterns of RFC 1321's test suite.
MD5_OF_A, MD5_OF_ABC = 0x0CC175B9C0F1B6A, 0x900150983CD24FB
HALF = 2**59


def _sketch(values: str, size: int) -> str:
    return call("sketch", values, [], "n", size)


def _kept(sketch: str) -> str:
    return (
        "(select string_agg(cast(sketch_value as string), ',' order by sketch_value) "
        f"from ({sketch}) as kept)"
    )


def _estimate(size: int, *values: str) -> str:
    return f"(select {call('sketch_estimate', 'n', size)} from {rows_of('n', *values)} as s)"


EVEN, ODD = rows_of("n", "8", "2", "6", "2", "4"), rows_of("n", "7", "1", "4", "5", null("bigint"))
_SKETCH_OF_TWO = (
    "{{{{ sketch('(select * from (' ~ sketch({!r}, [], 'n', 3) ~ ') as a union all "
    "select * from (' ~ sketch({!r}, [], 'n', 3) ~ ') as b)', [], size=3) }}}}"
)
MERGED = _SKETCH_OF_TWO.format(EVEN, ODD)

BY_GROUP = """(
    select string_agg(kind || cast(sketch_value as string), ' ' order by kind, sketch_value)
    from ({{ sketch(
        "(select case mod(n, 2) when 0 then 'e' else 'o' end as kind, n from %s as s)",
        ['kind'], 'n', 2
    ) }}) as kept
)"""

SKETCHES: list[Row] = [
    ("the value of a text", "{{ sketch_value(md5_hash(\"'a'\")) }}", MD5_OF_A),
    ("the value of a longer text", "{{ sketch_value(md5_hash(\"'abc'\")) }}", MD5_OF_ABC),
    ("the value of nothing", "{{ sketch_value(hash_zero()) }}", 0),
    ("the value of null", "{{ sketch_value(md5_hash('cast(null as string)')) }}", None),
    ("keeps the smallest, each once", _kept(_sketch(EVEN, 3)), "2,4,6"),
    ("keeps all there are", _kept(_sketch(EVEN, 9)), "2,4,6,8"),
    ("keeps no null", _kept(_sketch(ODD, 9)), "1,4,5,7"),
    ("of nothing keeps nothing", _kept(_sketch(rows_of("n", null("bigint")), 3)), None),
    (
        "of two sketches is the sketch of all",
        _kept(MERGED),
        "1,2,4",
    ),
    ("of each group", BY_GROUP % rows_of("n", "1", "2", "3", "4", "5", "6", "1"), "e2 e4 o1 o3"),
    ("exact below its size", _estimate(4, "1", "2", str(HALF)), 3),
    ("exact for none", _estimate(4, null("bigint")), 0),
    ("two of three at half of all: four", _estimate(3, "1", "2", str(HALF)), 4),
    ("two of three at three eighths: 5.33", _estimate(3, "1", "2", str(3 * 2**57)), 5),
    (
        "five of six at three quarters: 6.67",
        _estimate(6, "1", "2", "3", "4", "5", str(3 * 2**58)),
        7,
    ),
    ("a full sketch of small values", _estimate(3, "1", "2", "1024"), 2 * 2**50),
    ("the error of size 6 is a half", "{{ sketch_error(6) }}", D("0.5")),
    ("the error of size 102 is a tenth", "{{ sketch_error(102) }}", D("0.1")),
    ("the error of size 1024", "{{ sketch_error() }}", D("0.031280562")),
]


def _distance(*degrees: str) -> str:
    return call("distance_metres", *map(dec, degrees))


# Angles on a sphere of 6,371,008.8 m: an angle of x degrees is 6,371,008.8 * pi * x / 180 metres.
DISTANCES: list[Row] = [
    ("nothing", _distance("52.52", "13.40", "52.52", "13.40"), 0),
    ("a degree of the equator", _distance("0", "0", "0", "1"), 111_195),
    ("a degree of a meridian", _distance("52", "13", "53", "13"), 111_195),
    ("over the date line", _distance("0", "179.5", "0", "-179.5"), 111_195),
    ("over the equator", _distance("-0.5", "13", "0.5", "13"), 111_195),
    ("a hundredth of a degree", _distance("52.52", "13.40", "52.53", "13.40"), 1_112),
    ("a quarter of the equator", _distance("0", "0", "0", "90"), 10_007_557),
    ("from the equator to a pole", _distance("0", "13", "90", "0"), 10_007_557),
    # cos c = sin(45)^2 + cos(45)^2 cos(90) = 1/2: 60 degrees.
    ("a quarter turn at 45 degrees", _distance("45", "0", "45", "90"), 6_671_705),
    ("over the pole at 60 degrees", _distance("60", "0", "60", "180"), 6_671_705),
    # cos c = sin(45) sin(-45) + cos(45) cos(-45) cos(90) = -1/2: 120 degrees.
    ("a quarter turn between the hemispheres", _distance("45", "0", "-45", "90"), 13_343_410),
    ("opposite points", _distance("52.52", "13.40", "-52.52", "-166.60"), 20_015_114),
    ("from pole to pole", _distance("90", "0", "-90", "77"), 20_015_114),
    ("a pole is one point", _distance("90", "0", "90", "123"), 0),
    # Rosetta Code, "Haversine formula": 2887.2599506071106 km on a sphere of 6372.8 km.
    ("from Nashville to Los Angeles", _distance("36.12", "-86.67", "33.94", "-118.40"), 2_886_448),
    ("and back", _distance("33.94", "-118.40", "36.12", "-86.67"), 2_886_448),
    ("a latitude out of range", _distance("90.01", "0", "0", "0"), None),
    ("a longitude out of range", _distance("0", "0", "0", "-180.01"), None),
    ("an unknown latitude", call("distance_metres", null("numeric(38, 9)"), "0", "0", "0"), None),
    ("an unknown longitude", call("distance_metres", "0", "0", "0", null("numeric(38, 9)")), None),
    ("not a number", DOUBLE_DISTANCE % "nan", None),
    ("infinitely far north", DOUBLE_DISTANCE % "inf", None),
    ("minus zero", DOUBLE_DISTANCE % "-0.0", 111_195),
]

LAST_OF_MARCH, FIRST_OF_APRIL, NEW_YEAR = day("2026-03-31"), day("2026-04-01"), day("2026-01-01")

FISCAL: list[Row] = [
    ("a year from January", call("fiscal_year", NEW_YEAR, 1), 2026),
    ("a year from January, its end", call("fiscal_year", day("2026-12-31"), 1), 2026),
    ("a year from April, its end", call("fiscal_year", LAST_OF_MARCH, 4), 2026),
    ("a year from April, its beginning", call("fiscal_year", FIRST_OF_APRIL, 4), 2027),
    ("a year from December", call("fiscal_year", day("2026-12-01"), 12), 2027),
    ("a year from December, before it", call("fiscal_year", day("2026-11-30"), 12), 2026),
    ("the year of nothing", call("fiscal_year", null("date"), 4), None),
    ("a quarter from January", call("fiscal_quarter", LAST_OF_MARCH, 1), 1),
    ("the last quarter from April", call("fiscal_quarter", LAST_OF_MARCH, 4), 4),
    ("the first quarter from April", call("fiscal_quarter", day("2026-06-30"), 4), 1),
    ("a quarter over the new year", call("fiscal_quarter", NEW_YEAR, 12), 1),
    ("a period from January", call("fiscal_period", LAST_OF_MARCH, 1), 3),
    ("the last period from April", call("fiscal_period", LAST_OF_MARCH, 4), 12),
    ("the first period from April", call("fiscal_period", FIRST_OF_APRIL, 4), 1),
    ("a period over the new year", call("fiscal_period", NEW_YEAR, 12), 2),
    ("the period of nothing", call("fiscal_period", null("date"), 4), None),
]

BERLIN_BOX = ("52.3", "13.0", "52.7", "13.8")
FIJI_BOX = ("-19", "177", "-16", "-179")  # over the date line

BOXES: list[Row] = [
    ("inside", call("within_box", "52.52", "13.40", *BERLIN_BOX), True),
    ("on an edge", call("within_box", "52.3", "13.8", *BERLIN_BOX), True),
    ("too far south", call("within_box", "52.29", "13.40", *BERLIN_BOX), False),
    ("too far east", call("within_box", "52.52", "13.81", *BERLIN_BOX), False),
    ("west of the date line", call("within_box", "-17", "178", *FIJI_BOX), True),
    ("east of the date line", call("within_box", "-17", "-179.5", *FIJI_BOX), True),
    ("neither", call("within_box", "-17", "176", *FIJI_BOX), False),
    ("over the date line, too far north", call("within_box", "-15", "178", *FIJI_BOX), False),
    ("unknown", call("within_box", null("numeric(38, 9)"), "13.40", *BERLIN_BOX), None),
]

CELLS: list[Row] = [
    ("a tenth of a degree", call("grid_cell", dec("52.52"), 10), 525),
    ("its beginning belongs to it", call("grid_cell", dec("0.3"), 10), 3),
    ("what a double would put below", call("grid_cell", dec("0.29"), 100), 29),
    ("a little below zero", call("grid_cell", dec("-0.01"), 10), -1),
    ("below zero", call("grid_cell", dec("-118.40"), 10), -1184),
    ("zero", call("grid_cell", dec("0"), 10), 0),
    ("the date line", call("grid_cell", dec("180"), 4), 720),
    ("unknown", call("grid_cell", null("numeric(38, 9)"), 10), None),
    (
        "where a cell begins",
        "{{ rate(grid_cell(\"cast('-0.01' as numeric(38, 9))\", 4), 4) }}",
        D("-0.25"),
    ),
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
    "round_to": ROUNDED,
    "integer division": DIVISIONS,
    "integer roots": ROOTS,
    "money": MONEY,
    "operands": OPERANDS,
    "micros": MICROS,
    "elapsed": ELAPSED,
    "dates": DATES,
    "ISO weeks": WEEKS,
    "fiscal years": FISCAL,
    "date_start": STARTS,
    "date_in_zone": ZONES,
    "hours in zones": HOURS,
    "start_of_date": MIDNIGHTS,
    "text_of": TEXT_FORMS,
    "text": TEXT,
    "plain": PLAIN,
    "url_domain": DOMAINS,
    "patterns": PATTERNS,
    "lists": LISTS,
    "order": ORDERS,
    "safe casts": CASTS,
    "json": JSON,
    "hashes": HASHES,
    "golden vectors": _vectors(),
    "sketches": SKETCHES,
    "distance": DISTANCES,
    "boxes": BOXES,
    "grid": CELLS,
}

CASES: tuple[Case, ...] = tuple(
    Case(f"{group}: {name}", expression, expected)
    for group, rows in GROUPS.items()
    for name, expression, expected in rows
)

_LEAPS = "cuts hours off in UTC, where a zone is not a whole number of hours away"
_JSON_TYPES = "names the types of JSON as DuckDB does"

EMULATOR_DIFFERS: dict[str, str] = {
    "round_to: many digits": "multiplies decimals of nine decimals below 1e20 only",
    "start_of_date: the first of two midnights": "takes the second one, as DuckDB does",
    "hours in zones: its start, Kolkata begins at half past": _LEAPS,
    "hours in zones: its start, Kathmandu at a quarter past": _LEAPS,
    "hours in zones: its start, Lord Howe, half an hour back": _LEAPS,
    **{
        f"json: {name}": _JSON_TYPES
        for name, _, value in JSON
        if value is not None and not isinstance(value, bool)
    },
}
"""Cases that the emulator gets wrong, and why; the reference executor judges them."""
