"""What an increment would read on BigQuery, by model and days of history: a model of bytes.

    python -m orchestration.bigquery.byte_model FILE   measures the ad world in a DuckDB file anew

BigQuery bills the columns that a query names times the rows of the partitions that it cannot leave
out. Columns and partitions come from the check's scans; how many rows and how much text there are
comes from the ad world (`ad_world.json`), brought up to 500 GiB of JSON a day.
https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#data_type_sizes has widths.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.bigquery.dbt_runs import TOUCHED_DATES
from orchestration.bigquery.googlesql import type_name
from orchestration.bigquery.predicates import ALL, Scan, days_since_epoch
from orchestration.bigquery.statements import Key, Table
from orchestration.warehouse.bigquery.raw import PINNED

if TYPE_CHECKING:
    from rich.table import Table as Printed

    from orchestration.bigquery.check import Report

EPOCH = date(1970, 1, 1)
HISTORIES = (7, 30, 90)
"""Days of history, the touched dates included."""

EVENTS_A_DAY = 1_010_000_000
"""500 GiB of JSON a day at 532 bytes an event; docs/scale.md has the arithmetic."""

BUILDS_A_DAY = 24
"""A window is an hour; docs/scale.md says why."""

DAYS_OF_WORLD = 3
"""Days, and builds, of the ad world that was measured."""

PEOPLE = (
    "hub_user",
    "hub_account",
    "link_user_account",
    "sat_user__campaigns",
    "masat_user__campaigns",
    "dim_users",
    "bv_audience_members",
)
"""Tables that grow with people, who come with events."""

PEOPLE_AT_FIRST, PEOPLE_A_DAY = 300_000_000, 1_000_000
"""Assumed: the user ids of a large market, and how many more there are each day. How many accounts,
profiles and audiences an id has is the ad world's."""

SKETCHED = {
    "fct_reach_sketches": "rpt_reach_lifetime",
    "fct_reach_sketches_monthly": "rpt_reach_lifetime",
    "fct_penetration_sketches": "rpt_market_penetration_lifetime",
    "fct_penetration_sketches_monthly": "rpt_market_penetration_lifetime",
}
"""Tables of sketches, and those that have a row for each value that is sketched."""

SKETCH_SIZE = 1_024
"""Hashes that a sketch keeps at most: `reach_sketch_size`."""

NOT_MEASURED = {"pins": 100, "billing_periods": 100, "frozen_lines": 100}
"""Rows, assumed, of tables that the measured file has not: the platform's, and of closed months."""

MONTH_START = "month_start_date"
"""Partition of tables by month; all others are by day."""

ENTITY_SCALE = 1_000
"""How many times the campaigns, line items, rates … of the ad world there are; they do not grow."""

SMALL = 100e6
"""What reads fewer bytes has no line of its own."""

FIXED_WIDTHS = {"INT64": 8, "FLOAT64": 8, "BOOL": 1, "DATE": 8, "TIMESTAMP": 8, "NUMERIC": 16}
HASH_WIDTH = 34  # 32 hexadecimal digits and the two bytes of any text
DEFAULT_TEXT = 12.0
LIST_LENGTH = 3

DAILY = "once a day, in its first build"
"""How the reason of a test begins that only the first build of a day runs over all dates."""

GROWING: tuple[tuple[str, str, str], ...] = (
    ("hub_*", "hub_*", "anti-join over the whole key: one hash a business key"),
    ("link_*", "link_*", "anti-join over the whole key: one hash a relation"),
    ("*sat_*", "*sat_*", "anti-join over the whole key: hashes and load order of the versions"),
    (
        "bv_audience_members",
        "bv_audience_members",
        "anti-join over the whole key: one hash a person and audience",
    ),
    *(
        (
            "bv_user_profiles",
            people,
            "who people were at a time: a row a person and version, not an event",
        )
        for people in ("hub_user", "sat_user__campaigns")
    ),
    ("dim_users", "*", "built whole, as every dimension: a row a person, not an event"),
    (
        "fct_billing_*",
        "fct_*_billing_daily",
        "any closed month may be restated: a row a day and line item, not an event",
    ),
    *(
        (
            report,
            sketches,
            "reach of all time: a row a month, value and kept hash, not an event",
        )
        for report, sketches in (
            ("rpt_reach_lifetime", "fct_reach_sketches_monthly"),
            ("rpt_market_penetration_lifetime", "fct_penetration_sketches_monthly"),
        )
    ),
    (
        "rpt_creative_lift",
        "rpt_creative_performance_daily",
        "experiments of all time: a row a day, creative and arm, not an event",
    ),
    (
        "rpt_fx_exposure_monthly",
        "fct_*_billing_daily",
        "every month is revalued by the newest rate: a row a day and line item, not an event",
    ),
    (
        "rpt_number_chain",
        "*",
        "a view over counts and reports by date, read when it is asked: no row an event",
    ),
    (
        "rpt_pacing_daily",
        "*",
        "a view over spend and delivery by date, read when it is asked: no row an event",
    ),
    (
        "test assert_event_keys_are_unique",
        "*",
        f"{DAILY}: no event counts twice, over all dates",
    ),
    (
        "test assert_id_conflicts_are_listed",
        "bv_id_conflicts",
        f"{DAILY}: a row a conflict, not an event",
    ),
    (
        "test assert_billing_equals_facts",
        "*",
        "what is billed adds up over all dates: a date and an integer an event",
    ),
    (
        "sal_user_person",
        "masat_user__campaigns",
        "which ids are one person, built whole: a row a person's account, not an event",
    ),
    *(
        ("test *", keys, "keys are proved over all people and entities: a hash each")
        for keys in ("hub_*", "link_*", "*sat_*", "dim_users")
    ),
    *(
        ("test *", monthly, "keys of what has a row a month: channels, values, paths; not an event")
        for monthly in ("*_monthly", "bv_channel_*", "bv_attribution_channel_weights")
    ),
    (
        "test *",
        "*_daily",
        "keys and sums of reports: a row a day and line item, not an event",
    ),
)
"""Model (or `test ` and name), table and reason: what may read more with each day of history."""


@dataclass(frozen=True)
class Reading:
    """What one model or data test reads in an increment.

    Attributes:
        model: Its name; that of a test after `test `.
        read: Bytes by days of history.
        a_day: How much more it reads with another day of history, beyond 90.
        reasons: Why it may, by table; tables without a reason have None.
    """

    model: str
    read: Mapping[int, float]
    a_day: float
    reasons: Mapping[str, str | None]

    @property
    def is_small(self) -> bool:
        """A model that reads little, or a test that hardly grows."""
        of_note = self.a_day if self.model.startswith("test ") else self.read[HISTORIES[-1]]
        return of_note < SMALL


class ByteModel:
    """Bytes of scans."""

    def __init__(self, tables: Mapping[Key, Table]) -> None:
        self._tables = tables
        world = json.loads(Path(__file__).with_name("ad_world.json").read_text(encoding="utf-8"))
        self._events = world["events"]
        self._rows: dict[str, int] = world["rows"]
        self._text: dict[str, float] = world["text"]

    def bytes_of(self, scan: Scan, history: int) -> float:
        """What the scan reads after so many days of history."""
        if scan.is_empty:
            return 0
        types = self._tables[scan.table].columns
        # A statement that changes rows is billed for all columns of the partitions it looks at.
        columns = types if scan.is_target else scan.columns
        width = sum(self.width(name, types[name]) for name in columns)
        return width * self._rows_of(scan, history)

    def width(self, name: str, kind: Any) -> float:
        """Mean bytes of a column."""
        text = type_name(kind)
        if text in FIXED_WIDTHS:
            return FIXED_WIDTHS[text]
        if kind.HasField("array_type"):
            return LIST_LENGTH * self.width(name, kind.array_type.element_type)
        if kind.HasField("struct_type"):
            members = kind.struct_type.field
            return sum(self.width(member.field_name, member.field_type) for member in members)
        if name.endswith(("_hk", "hashdiff")):
            return HASH_WIDTH
        return 2 + self._text.get(name, DEFAULT_TEXT)

    def stored(self) -> dict[str, tuple[float, float]]:
        """By layer, the bytes of its tables after the longest history and a day later."""
        sizes: dict[str, tuple[float, float]] = {}
        for key, table in self._tables.items():
            layer = "marts" if key[1].startswith("work_") else key[1]
            layer = "raw" if key[2].endswith(PINNED) else layer
            if table.query is None and (key[2] in self._rows or layer == "raw"):
                scan = Scan(key, tuple(table.columns), {})
                days = (HISTORIES[-1], HISTORIES[-1] + 1)
                before, after = sizes.get(layer, (0.0, 0.0))
                sizes[layer] = (
                    before + self.bytes_of(scan, days[0]),
                    after + self.bytes_of(scan, days[1]),
                )
        return sizes

    def _rows_of(self, scan: Scan, history: int) -> float:
        _, dataset, name = scan.table
        name = name.removesuffix(PINNED)
        if dataset.startswith("raw_") and dataset != "raw_vault":
            a_day = self._measured(f"{dataset}.{name}") / self._events * EVENTS_A_DAY
            if "_ingest_seq" in scan.bounds:
                return a_day / BUILDS_A_DAY
            return a_day * _days(scan.bounds.get("event_date", ALL), history)
        measured = self._measured(name)
        a_day = measured / self._events * EVENTS_A_DAY
        if dataset == "staging":  # the last of the world's windows, a day
            return a_day * DAYS_OF_WORLD / BUILDS_A_DAY
        partition = self._tables[scan.table].partition
        if name in PEOPLE:
            return self._people(name, scan.bounds.get(partition or "", ALL), history)
        if partition is None:
            return measured * ENTITY_SCALE
        bounds = scan.bounds.get(partition, ALL)
        if name in SKETCHED:
            a_day = self._measured(SKETCHED[name]) * ENTITY_SCALE * SKETCH_SIZE
        elif partition == MONTH_START:
            a_day = measured * ENTITY_SCALE  # of a month
        elif fnmatch(name, "rpt_*") or name.endswith("_daily"):  # rows by entity, not by event
            a_day = measured * ENTITY_SCALE / DAYS_OF_WORLD
        return a_day * (_months if partition == MONTH_START else _days)(bounds, history)

    def _measured(self, name: str) -> int:
        """Rows of a table of the ad world."""
        try:
            return NOT_MEASURED.get(name) or self._rows[name]
        except KeyError:
            raise KeyError(
                f"ad_world.json does not know {name}: build a world and measure it, "
                "see `python -m orchestration.bigquery.byte_model`"
            ) from None

    def _people(self, name: str, bounds: Sequence[tuple[float, float]], history: int) -> float:
        people = PEOPLE_AT_FIRST + PEOPLE_A_DAY * history
        if bounds != ALL:
            people = PEOPLE_A_DAY * _days(bounds, history)
        return self._rows[name] / self._rows["hub_user"] * people

    def readings(self, scans: Mapping[str, Iterable[Scan]]) -> Iterator[Reading]:
        """What each model and data test reads, the largest first."""
        readings = []
        for unique_id, read in scans.items():
            kind, _, name, *_ = [*unique_id.split("."), "", ""]
            if kind not in ("model", "test"):
                continue
            name = f"test {name}" if kind == "test" else name
            total = {days: sum(self.bytes_of(s, days) for s in read) for days in HISTORIES}
            growing = [s for s in read if self.bytes_of(s, 91) > self.bytes_of(s, 90)]
            a_day = sum(self.bytes_of(s, 91) - self.bytes_of(s, 90) for s in growing)
            reasons = {s.table[2]: reason_for(name, s.table[2]) for s in growing}
            readings.append(Reading(name, total, a_day, reasons))
        yield from sorted(readings, key=lambda reading: -reading.read[HISTORIES[-1]])


def reason_for(model: str, table: str) -> str | None:
    """Why this model may read more of that table with each day, if it may."""
    for models, tables, reason in GROWING:
        if fnmatch(model, models) and fnmatch(table, tables):
            return reason
    return None


def _days(intervals: Iterable[tuple[float, float]], history: int) -> int:
    """How many of the last days the intervals hold."""
    last = days_since_epoch(TOUCHED_DATES[-1])
    days: set[int] = set()
    for low, high in intervals:
        first = max(low, last - history + 1)
        days.update(range(int(first), int(min(high, last)) + 1))
    return len(days)


def _months(intervals: Sequence[tuple[float, float]], history: int) -> float:
    """How many of the months of the last days the intervals hold."""
    if intervals == ALL:
        return history / 30
    last = days_since_epoch(TOUCHED_DATES[-1])
    starts = {
        day
        for low, high in intervals
        for day in range(int(max(low, last - history - 30)), int(min(high, last)) + 1)
        if (EPOCH + timedelta(days=day)).day == 1
    }
    return len(starts)


def tables_of(report: "Report") -> Iterator["Printed"]:
    """The readings as tables for people: by model, and by layer."""
    from rich.table import Table as Printed

    printed = Printed(title="What an increment of an hour reads at 500 GiB a day, GB")
    printed.add_column("model or test")
    for days in HISTORIES:
        printed.add_column(f"{days} days", justify="right")
    printed.add_column("each further day", justify="right")
    printed.add_column("because of")
    model = ByteModel(report.warehouse.tables)
    readings = list(model.readings(report.scans))
    large = [reading for reading in readings if not reading.is_small]
    small = [reading for reading in readings if reading.is_small]
    for reading in large:
        because = "; ".join(
            f"{', '.join(sorted(t for t in reading.reasons if reading.reasons[t] == why))}: "
            f"{why or 'NO REASON'}"
            for why in dict.fromkeys(reading.reasons.values())
        )
        printed.add_row(reading.model, *_cells([reading]), because)
    printed.add_section()
    printed.add_row(
        f"{len(small)} models of less than {SMALL / 1e9} GB, and tests that hardly grow",
        *_cells(small),
        "",
    )
    printed.add_row(f"all {len(readings)} models and tests", *_cells(readings), "")
    yield printed

    printed = Printed(title=f"By layer, after {HISTORIES[-1]} days, GB")
    for heading in ("layer", "read by a build", "stored", "each further day"):
        printed.add_column(heading, justify="left" if heading == "layer" else "right")
    models = [node for node in report.nodes if node.unique_id.startswith("model.")]
    layers = {node.name: node.path.split("/")[2] for node in models}
    names = ("raw", "staging", "raw_vault", "business_vault", "marts", "utilities")
    kept = model.stored()
    for layer in names:
        read = sum(r.read[HISTORIES[-1]] for r in readings if layers.get(r.model) == layer)
        before, after = kept.get(layer, (0.0, 0.0))
        cells = (read, before, after - before)
        printed.add_row(layer, *(f"{cell / 1e9:,.1f}" for cell in cells))
    tests = [r for r in readings if r.model.startswith("test ")]
    daily = [r for r in tests if any((why or "").startswith(DAILY) for why in r.reasons.values())]
    for heading, group in (
        ("data tests, each build", [r for r in tests if r not in daily]),
        ("data tests, once a day", daily),
    ):
        printed.add_row(heading, f"{sum(r.read[HISTORIES[-1]] for r in group) / 1e9:,.1f}", "", "")
    yield printed


def _cells(readings: Sequence[Reading]) -> list[str]:
    """Gigabytes by days of history, and by a further day."""
    total = [sum(reading.read[days] for reading in readings) / 1e9 for days in HISTORIES]
    a_day = sum(reading.a_day for reading in readings) / 1e9
    return [*(f"{gigabytes:,.1f}" for gigabytes in total), f"{a_day:,.2f}"]


def measure(file: Path) -> dict[str, Any]:
    """Rows of each table and mean bytes of each text column of a published ad world of 3 days."""
    import duckdb

    rows: dict[str, int] = {}
    sums: dict[str, tuple[float, int]] = {}
    with duckdb.connect(str(file), read_only=True) as world:
        loads = world.execute(
            "select 'raw_' || source || '.' || table_name, sum(loaded_count), "
            "source not in ('campaigns', 'crunchbase', 'fx') from ops.source_loads group by all"
        ).fetchall()
        rows |= {name: int(count) for name, count, _ in loads}
        tables = world.execute(
            "select schema_name, table_name from duckdb_tables() "
            "where schema_name not in ('main', 'staging')"
        ).fetchall()
        staged = world.execute(
            "select 'staging', table_name from duckdb_tables() where schema_name = 'staging'"
        ).fetchall()
        for schema, name in tables + staged:
            table = f'"{schema}"."{name}"'
            count = _one(world.execute(f"select count(*) from {table}"))
            rows[name] = int(count)
            columns = world.execute(
                "select column_name from duckdb_columns() where schema_name = ? "
                "and table_name = ? and data_type = 'VARCHAR'",
                [schema, name],
            ).fetchall()
            for (column,) in columns:
                mean = _one(world.execute(f'select avg(strlen("{column}")) from {table}')) or 0
                total, number = sums.get(column, (0.0, 0))
                sums[column] = (total + mean * count, number + count)
    text = {name: round(total / number, 1) for name, (total, number) in sums.items() if number}
    events = sum(int(count) for _, count, is_event in loads if is_event)
    ordered = dict(sorted(text.items()))
    return {"events": events, "rows": dict(sorted(rows.items())), "text": ordered}


def _one(result: Any) -> Any:
    return result.fetchone()[0]


if __name__ == "__main__":
    measured = json.dumps(measure(Path(sys.argv[1])), indent=1)
    Path(__file__).with_name("ad_world.json").write_text(measured + "\n", encoding="utf-8")
