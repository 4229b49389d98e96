"""Pins of before a contract."""

from datetime import UTC, datetime
from types import SimpleNamespace

import duckdb

from ingestion.contracts import all_contracts
from ingestion.lake import Pin, PinnedTable
from ingestion.lake.duckdb import relation_sql
from orchestration.warehouse.pin import find_pin, registration


def test_a_table_whose_contract_came_later_has_no_rows_in_an_older_pin():
    fx, campaigns = (
        next(each for each in all_contracts() if each.source == source)
        for source in ("fx", "campaigns")
    )
    there = PinnedTable("somewhere.json", 1, 0, 7)
    old = Pin(1, datetime(2026, 3, 1, tzinfo=UTC), {fx.name: there})
    lake = SimpleNamespace(pins=lambda: [old], ops_location=lambda _name: None)
    pin = find_pin(lake, 1)
    assert pin.tables[fx.name] == there
    assert pin.tables[campaigns.name].to_seq == 0
    raw, _ = registration(lake, pin)
    assert raw.keys() == {contract.name for contract in all_contracts()}
    assert raw[campaigns.name] is None
    assert duckdb.sql(relation_sql(campaigns, raw[campaigns.name])).fetchall() == []
