import json
from collections import Counter

import pytest

from ingestion.adworld.hostile import (
    CLICKS,
    CONVERSIONS,
    MAX_RECORD_BYTES,
    HostileCase,
    TrickyCase,
    hostile_cases,
    tricky_cases,
)
from ingestion.contracts import load_contract

CSV = (CLICKS, CONVERSIONS)


def _name(case: HostileCase | TrickyCase) -> str:
    return f"{case.table}: {case.name}"


def test_the_catalogue_has_sixty_kinds_on_the_stream_and_sixty_in_files() -> None:
    stream = {c.name for c in hostile_cases() if c.table.endswith(".events")}
    files = {c.name for c in hostile_cases() if c.table.startswith("adserver.")}
    assert len(stream) >= 60
    assert len(files) >= 60


def test_every_case_has_a_name_of_its_own_and_a_declared_table() -> None:
    names = Counter(_name(case) for case in (*hostile_cases(), *tricky_cases()))
    assert max(names.values()) == 1
    for case in hostile_cases():
        load_contract(*case.table.split("."))


def test_every_class_occurs_in_every_table() -> None:
    tables = {case.table for case in hostile_cases()}
    seen = {(case.table, case.reason) for case in hostile_cases()}
    everywhere = {(t, r) for t in tables for r in ("parse", "schema", "contract", "oversize")}
    with_addresses = {"ad_events.events", "adserver.impressions", "adserver.clicks"}
    assert with_addresses <= tables
    assert seen == everywhere | {(table, "privacy") for table in with_addresses}


@pytest.mark.parametrize("case", hostile_cases(), ids=_name)
def test_a_case_is_what_it_says(case: HostileCase) -> None:
    record = case.build(7)
    assert record == case.build(7)
    if case.table.startswith("adserver."):
        assert record
        assert b"\n" not in record
        assert b"\r" not in record
    if case.reason == "oversize":
        assert record is not None
        assert len(record) > MAX_RECORD_BYTES
        return
    assert record is None or len(record) <= MAX_RECORD_BYTES
    if case.table not in CSV and case.reason in ("schema", "contract", "privacy"):
        json.loads(record or b"")


@pytest.mark.parametrize("case", tricky_cases(), ids=_name)
def test_a_tricky_record_is_one_document_or_line(case: TrickyCase) -> None:
    record = case.build(7)
    assert len(record) <= MAX_RECORD_BYTES
    if case.table in CSV:
        assert b"\n" not in record
    else:
        assert isinstance(json.loads(record), dict)
