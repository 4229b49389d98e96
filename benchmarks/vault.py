"""The vault macros: does a load stay as fast as the first, and as fast as SQL by hand?

Thirty loads, a day of events each, into a hub, a link, a satellite and an event link; then the same
loads by hand-written SQL in another file, and a comparison of all rows.
"""

import os
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from benchmarks import vault_sql
from benchmarks.figures import Figure
from benchmarks.usage import Clock

_MILLION = 1_000_000


def run(folder: Path, *, smoke: bool) -> list[Figure]:
    """Measure; `folder` is scratch."""
    loads, count = (6, 20_000) if smoke else (30, 500_000)
    vault_sql.write_project(folder)
    ours = _by_macros(folder, loads, count)
    by_hand = _by_hand(folder / "hand.duckdb", loads, count, "uuid")
    _compare(folder / "bench.duckdb", folder / "hand.duckdb")
    by_text = _by_hand(folder / "text.duckdb", loads // 3, count, "text")
    by_uuid = _by_hand(folder / "uuid.duckdb", loads // 3, count, "uuid")
    per_million = _MILLION / count
    few = min(5, loads // 2)
    return [
        Figure.of(
            f"vault: the last {few} of {loads} loads",
            statistics.median(ours[-few:]) * per_million,
            statistics.median(ours[1 : few + 1]) * per_million,
            "seconds per million rows",
            peer_name=f"the first {few} into a vault that holds something",
            at_most=1.15,
        ),
        Figure.of(
            "vault: macros",
            statistics.median(ours) * per_million,
            statistics.median(load for _, load in by_hand) * per_million,
            "seconds per million rows",
            peer_name="the same vault by SQL written by hand",
            at_most=2.0,
        ),
        Figure.of(
            "vault: MD5 carried as UUID",
            sum(map(sum, by_uuid)) * per_million / len(by_uuid),
            sum(map(sum, by_text)) * per_million / len(by_text),
            "seconds to stage and load a million rows",
            peer_name="MD5 carried as hex text",
            at_most=1.0,
        ),
    ]


def _day(load: int) -> str:
    return (date(2026, 1, 1) + timedelta(days=load)).isoformat()


def _by_macros(folder: Path, loads: int, count: int) -> list[float]:
    """Seconds that the four models of each load took, dbt's own part of them included."""
    seconds = []
    arguments = ["run", "--project-dir", str(folder), "--profiles-dir", str(folder)]
    for load in range(loads):
        with duckdb.connect(str(folder / "bench.duckdb")) as connection:
            rows = vault_sql.raw_rows(load, count)
            connection.execute(f"create or replace table raw_events as {rows}")
        environment = {
            "BENCH_DUCKDB_PATH": str(folder / "bench.duckdb"),
            "BENCH_DAY": _day(load),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
        with _environment(environment):
            try:
                answer = dbtRunner().invoke([*arguments, "--quiet", "--log-level-file", "none"])
            finally:
                DuckDBConnectionManager.close_all_connections()
        if not answer.success:
            raise RuntimeError(f"load {load}: {answer.exception or _messages(answer.result)}")
        seconds.append(
            sum(
                result.execution_time
                for result in answer.result.results
                if result.node.name in vault_sql.TABLES
            )
        )
    return seconds


def _messages(result: Any) -> list[str]:
    return [str(each.message) for each in result.results if each.status != "success"]


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _by_hand(
    file: Path, loads: int, count: int, carrier: vault_sql.Carrier
) -> list[tuple[float, float]]:
    """Seconds to stage and to load, a load."""
    seconds = []
    with duckdb.connect(str(file), config={"threads": 2}) as connection:
        vault_sql.create(connection, carrier)
        for load in range(loads):
            rows = vault_sql.raw_rows(load, count)
            connection.execute(f"create or replace table raw_events as {rows}")
            clock = Clock()
            vault_sql.stage(connection, carrier)
            staged = clock.wall
            vault_sql.load(connection, _day(load))
            seconds.append((staged, clock.wall - staged))
    return seconds


def _compare(ours: Path, by_hand: Path) -> None:
    """Both must hold the same rows; keys are compared by what they stand for."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{ours}' as ours (read_only)")
        connection.execute(f"attach '{by_hand}' as hand (read_only)")
        for table, columns in vault_sql.TABLES.items():
            # The two hash contracts differ (ours escapes delimiters), the rows must not.
            plain = [c for c in columns.split(", ") if not c.endswith("_hk") and c != "hashdiff"]
            values = ", ".join([*plain, "load_datetime", "position_minor"])
            totals = {
                side: connection.sql(
                    f"select count(*), sum(hash({values})::hugeint) from {side}.{table}"
                ).fetchone()
                for side in ("ours", "hand")
            }
            if totals["ours"] != totals["hand"]:
                raise RuntimeError(f"{table} differs: {totals}")
