"""Compares the published marts with the ad world's answer key, exactly, in both directions.

A pair is a metric at a grain; a balance metric (loaded, failed, duplicates, ...) makes one pair a
source table. A pair passes when every dimension has the same value on both sides, digit by digit.
Values that are zero or null are left out on both sides, so a pair whose true value is zero
everywhere is not counted, but one where the marts say something and the key does not is a failure.

An estimate states its relative standard error, and passes within five of them: one in two million
is further away by chance. Where the marts call a figure exact, it is compared exactly.
"""

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ingestion.errors import AdxError, ExitCode
from ingestion.lake import Lake
from ingestion.settings import Settings
from orchestration.warehouse import ledger
from orchestration.warehouse.metrics import FAMILIES, Family
from orchestration.warehouse.published import open_published
from orchestration.warehouse.verdict import Failure, Verdict

Dims = tuple[tuple[str, str | None], ...]
"""Dimension names and values, by name."""

Pair = tuple[str, str]
"""Metric and grain; the grain of a balance metric says which source table."""

Values = dict[Pair, dict[Dims, str]]

Errors = dict[Pair, dict[Dims, Decimal]]
"""How far estimates may be from the truth."""

_PER_SOURCE_TABLE = "source_table"
_STANDARD_ERRORS = 5


def exact_text(value: Decimal | int) -> str:
    """A number as the key writes it: plain digits, no exponent, no trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def pair_of(metric: str, grain: str, dims: Dims) -> Pair:
    """The pair that a value belongs to."""
    names = grain.split(",")
    if _PER_SOURCE_TABLE not in names:
        return metric, grain
    return metric, f"{grain} {dict(dims)[_PER_SOURCE_TABLE]}"


def read_key(path: Path) -> Values:
    """The values of an answer key."""
    values: Values = {}
    for row in pq.read_table(path).to_pylist():
        dims: Dims = tuple(sorted(json.loads(row["dims"]).items()))
        values.setdefault(pair_of(row["metric"], row["grain"], dims), {})[dims] = row["value"]
    return values


def newest_key(world: Path) -> tuple[int, Path]:
    """The answer key after the last day that was played, and that day.

    Raises:
        AdxError: No day was played.
    """
    found = [
        (int(match[1]), path)
        for path in (world / "key").glob("day-*.parquet")
        if (match := re.fullmatch(r"day-(\d+)\.parquet", path.name))
    ]
    if not found:
        raise AdxError(
            f"There is no answer key in {world / 'key'}: no day of the ad world was played.",
            remedy="Run `make demo`, or `adx world create` and `adx world play`.",
            exit_code=ExitCode.CONFIGURATION,
        )
    return max(found)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def mart_values(
    ask: Callable[[str], list[tuple[Any, ...]]],
    families: Iterable[Family] = FAMILIES,
    errors: Errors | None = None,
) -> Values:
    """The values of every metric at every grain of the registry, from the marts.

    Args:
        ask: Gives the rows of a SELECT.
        families: What is measured.
        errors: Where estimates say how far they may be from the truth.
    """
    values: Values = {}
    for family in families:
        for grain in family.grains:
            names = [] if grain == "total" else grain.split(",")
            for row in ask(family.statement(grain)):
                dims: Dims = tuple(
                    sorted((name, _text(cell)) for name, cell in zip(names, row, strict=False))
                )
                measures = dict(zip(family.columns, row[len(names) :], strict=True))
                error = measures.pop(family.error) if family.error else None
                for metric, number in family.compute(measures, grain).items():
                    if not number:
                        continue
                    pair = pair_of(metric, grain, dims)
                    values.setdefault(pair, {})[dims] = exact_text(number)
                    if error and errors is not None:
                        errors.setdefault(pair, {})[dims] = _STANDARD_ERRORS * error * number
    return values


def _differ(expected: str | None, found: str | None, error: Decimal | None) -> bool:
    if error is None or expected is None or found is None:
        return expected != found
    return abs(Decimal(expected) - Decimal(found)) > error


def compare(key: Values, marts: Values, errors: Errors | None = None) -> Verdict:
    """Judge every pair that either side has a value for.

    Args:
        key: What is true.
        marts: What the marts say.
        errors: How far from the truth they may be, where they say so.
    """
    verdict = Verdict()
    for pair in sorted(key.keys() | marts.keys()):
        expected, found = key.get(pair, {}), marts.get(pair, {})
        allowed = (errors or {}).get(pair, {})
        wrong = [
            dims
            for dims in expected.keys() | found.keys()
            if _differ(expected.get(dims), found.get(dims), allowed.get(dims))
        ]
        if not wrong:
            verdict.passed += 1
            continue
        first = min(wrong, key=lambda dims: [(name, value or "") for name, value in dims])
        metric, grain = pair
        verdict.failures.append(
            Failure(
                check=f"{metric} by {grain}" if grain != "total" else f"{metric} in total",
                where=", ".join(f"{name} {value}" for name, value in first),
                expected=expected.get(first, "nothing"),
                found=found.get(first, "nothing"),
                others=len(wrong) - 1,
            )
        )
    return verdict


def verify(settings: Settings) -> Verdict:
    """Compare the published marts with the newest answer key; read-only.

    Raises:
        AdxError: Nothing is published, or no day was played.
    """
    started_at = datetime.now(UTC)
    with open_published(settings) as published:
        day, path = newest_key(settings.world)
        key = read_key(path)
        errors: Errors = {}
        verdict = compare(key, mart_values(published.ask, errors=errors), errors)
    ledger.record(
        Lake.open(settings),
        "verify",
        published.manifest.build_id,
        started_at,
        read=verdict.passed + verdict.failed,
        loaded=verdict.passed,
        failed=verdict.failed,
        day=day,
        first_failures=[str(failure) for failure in verdict.failures[:5]],
    )
    return verdict
