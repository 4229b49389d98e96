"""Every hostile record of the ad world's catalogue fails in its class; every odd one lands."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ingestion.adworld.hostile import HostileCase, TrickyCase, hostile_cases, tricky_cases
from ingestion.contracts import raw_schema
from ingestion.landing import LandingContext, Tally, land_csv_file, land_json, land_jsonl_file

JSON_TABLES = ("ad_events.events", "user_events.events", "adserver.impressions")
CSV_TABLES = ("adserver.clicks", "adserver.conversions")

_PERSONAL = ("hostile", "203.0.113", "2001:db8", "Mozilla", "shop.example", "news.example")


def land_cases(
    context: LandingContext,
    cases: Iterable[HostileCase | TrickyCase],
    make_lineage: Callable,
    folder: Path,
) -> pa.Table:
    """Land the cases together, as their carrier would: a batch of a topic, or a file."""
    contract = context.contract
    values = [case.build(number) for number, case in enumerate(cases)]
    if contract.carrier == "kafka":
        return land_json(
            context, pa.array(values, pa.binary()), make_lineage(contract, len(values))
        )
    path = folder / "file"
    if contract.carrier == "csv":
        header = ",".join(field.name for field in contract.fields).encode()
        path.write_bytes(b"\n".join([header, *(value or b"" for value in values)]) + b"\n")
        return pa.concat_tables(land_csv_file(context, path, "file.csv"))
    path.write_bytes(b"\n".join(value or b"" for value in values) + b"\n")
    return pa.concat_tables(land_jsonl_file(context, path, "file.jsonl"))


def test_the_catalogue_is_rich() -> None:
    assert len({case.name for case in hostile_cases("ad_events.events")}) >= 60
    assert len({case.name for case in hostile_cases("adserver.impressions")}) >= 60
    assert len({(case.table, case.name) for case in hostile_cases()}) >= 300


@pytest.mark.parametrize("table", [*JSON_TABLES, *CSV_TABLES])
def test_every_hostile_record_fails_in_its_class(
    table: str, make_context: Callable, make_lineage: Callable, tmp_path: Path
) -> None:
    context, cases = make_context(table), hostile_cases(table)
    landed = land_cases(context, cases, make_lineage, tmp_path)
    assert landed.schema == raw_schema(context.contract)
    found = [(error or {}).get("reason") for error in landed["_error"].to_pylist()]
    expected = [case.reason for case in cases]
    wrong = {
        case.name: (reason, case.reason)
        for case, reason in zip(cases, found, strict=True)
        if reason != case.reason
    }
    assert not wrong
    assert found == expected
    assert Tally.of(landed).failed == len(cases)


@pytest.mark.parametrize("table", [*JSON_TABLES, *CSV_TABLES])
def test_a_failed_row_keeps_its_payload_and_nothing_in_clear(
    table: str, make_context: Callable, make_lineage: Callable, tmp_path: Path
) -> None:
    context, cases = make_context(table), hostile_cases(table)
    landed = land_cases(context, cases, make_lineage, tmp_path)
    declared = [name for name in landed.column_names if not name.startswith("_")]
    for number, (case, row) in enumerate(zip(cases, landed.to_pylist(), strict=True)):
        assert all(row[name] is None for name in declared), case.name
        error, sent = row["_error"], case.build(number)
        if sent is None:
            assert error["payload"] is None
        else:
            assert context.keys.decrypt(error["payload"]) == sent, case.name
        assert not any(word in error["message"] for word in _PERSONAL), case.name
        assert error["contract_version"] == context.contract.version


@pytest.mark.parametrize("table", ["ad_events.events", "user_events.events", *CSV_TABLES])
def test_every_odd_record_lands_with_its_values(
    table: str, make_context: Callable, make_lineage: Callable, tmp_path: Path
) -> None:
    context, cases = make_context(table), tricky_cases(table)
    landed = land_cases(context, cases, make_lineage, tmp_path)
    for case, row in zip(cases, landed.to_pylist(), strict=True):
        assert row["_error"] is None, (case.name, row["_error"])
        for path, expected in case.expected.items():
            assert as_text(value_at(row, path)) == expected, (case.name, path)


def value_at(row: dict[str, Any], path: str) -> Any:
    value: Any = row
    for name in path.split("."):
        value = value[name]
    return value


def as_text(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case Decimal():
            return f"{value.normalize():f}"
        case _:
            return value
