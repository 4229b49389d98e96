"""Landing of files against stock dlt rows, and against a bare DuckDB conversion.

The same gzipped JSONL of ad server impressions. What counts is rows per core-second, from the files
to committed (ours, dlt) or written (DuckDB) Parquet.
"""

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import orjson

from benchmarks.contender import run_contender
from benchmarks.figures import Figure
from benchmarks.messages import make_messages
from ingestion.lake.duckdb import connect
from ingestion.settings import Settings

_FILES = 8
_CHECKED = (
    "event_id",
    "impression_id",
    "line_item_id",
    "creative_id",
    "placement_id",
    "clearing_price_micros",
    "channel",
)


def run(folder: Path, *, smoke: bool) -> list[Figure]:
    """Measure; `folder` is scratch."""
    rows = write_files(folder / "files", 4_000 if smoke else 400_000, folder / "keys")
    speed = {}
    expected: tuple[Any, ...] | None = None
    for contender in ("files_ours", "files_dlt", "files_duckdb"):
        home = folder / contender
        home.mkdir()
        files = sorted(str(path) for path in (folder / "files").iterdir())
        report = run_contender(contender, {"home": str(home), "files": files})
        with connect(Settings(home=home)) as connection:
            found = _checksum(connection, report)
        expected = expected or found
        if found[0] != rows or found != expected:
            raise RuntimeError(f"{contender} made {found}, expected {rows} rows and {expected}")
        speed[contender] = rows / report["cpu"]
        shutil.rmtree(home)
    return [
        Figure.of(
            "files: landing speed",
            speed["files_ours"],
            speed[peer],
            "rows per core-second",
            peer_name=what,
            at_least=target,
        )
        for peer, what, target in (
            ("files_dlt", "stock dlt, rows of read_jsonl to Parquet files", 10.0),
            ("files_duckdb", "bare DuckDB, read_json to Parquet", 0.35),
        )
    ]


def write_files(folder: Path, count: int, keys: Path) -> int:
    """Hourly files of good impressions; returns the number of rows."""
    folder.mkdir()
    lines = list(_impressions(count, keys))
    for number in range(_FILES):
        name = f"impressions-2026-03-28T{number:02d}.jsonl.gz"
        content = b"\n".join(lines[number::_FILES]) + b"\n"
        (folder / name).write_bytes(gzip.compress(content, compresslevel=6))
    return len(lines)


def _impressions(count: int, keys: Path) -> Iterator[bytes]:
    made = 0
    for value in make_messages(3 * count, keys).values.to_pylist():
        try:
            event = orjson.loads(value)
        except orjson.JSONDecodeError:
            continue
        if event["event_type"] == "impression":
            row = {"event_id": event["event_id"], "event_ts": event["event_ts"]}
            yield orjson.dumps(row | event["impression"])
            made += 1
            if made == count:
                return


def _checksum(connection: duckdb.DuckDBPyConnection, report: dict[str, Any]) -> tuple[Any, ...]:
    relation = (
        f"iceberg_scan('{report['metadata']}')"
        if "metadata" in report
        else f"read_parquet('{report['files']}', union_by_name = true, hive_partitioning = false)"
    )
    columns = ", ".join(f"coalesce({column}::varchar, '~')" for column in _CHECKED)
    row = connection.sql(
        f"select count(*), sum(hash(concat_ws('|', {columns}))::hugeint) from {relation}"
    ).fetchone()
    return row or ()
