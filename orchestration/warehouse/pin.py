"""Pins of the lake, as the warehouse uses them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from ingestion.contracts import all_contracts
from ingestion.errors import AdxError, ExitCode
from ingestion.lake import Lake, Pin, PinnedTable
from ingestion.lake.ops import OPS_TABLES, PINNED_OPS
from orchestration.warehouse import ledger


def pin_lake(lake: Lake) -> Pin:
    """Pin the lake as it is now; the newest pin again if nothing is new.

    Raises:
        AdxError: Nothing has ever been landed.
    """
    started_at = datetime.now(UTC)
    lake.ensure_tables()
    pin = lake.pin()
    if not any(table.to_seq for table in pin.tables.values()):
        raise AdxError(
            "The lake is empty: there is nothing to build from.",
            remedy="Land something first: `adx stream run --once`, `adx land`, or `make demo`.",
            exit_code=ExitCode.CONFIGURATION,
        )
    if pin.pinned_at >= started_at:
        ledger.record(
            lake,
            "pin",
            f"pin {pin.number}",
            started_at,
            commits={
                name: table.to_seq - table.from_seq
                for name, table in pin.tables.items()
                if table.to_seq > table.from_seq
            },
            decided={
                name: table.to_seq - table.from_seq
                for name, table in pin.ops.items()
                if table.to_seq > table.from_seq
            },
        )
    return pin


def find_pin(lake: Lake, number: int) -> Pin:
    """A logged pin by its number.

    A table whose contract came after it is in it, as one that does not exist and has no rows.

    Raises:
        AdxError: The lake has no such pin.
    """
    pins = {pin.number: pin for pin in lake.pins()}
    if number not in pins:
        known = f"{min(pins)} to {max(pins)}" if pins else "none"
        raise AdxError(
            f"The lake has no pin {number} (logged: {known}).",
            remedy="Name one of those; or, if this lake replaced another one, remove the warehouse "
            "folder: it was built from a lake that is gone.",
            exit_code=ExitCode.USAGE,
        )
    pin = pins[number]
    absent = {contract.name: PinnedTable(None, None, 0, 0) for contract in all_contracts()}
    return replace(pin, tables=absent | dict(pin.tables))


def registration(lake: Lake, pin: Pin) -> tuple[Mapping[str, str | None], Mapping[str, str | None]]:
    """Metadata files of the raw tables and of the platform's own tables.

    Those of raw tables, and of the own tables that the pin carries, are the pin's; the other own
    tables are shown as they are now. A pin of before an own table was carried has none of it.
    """
    raw = {name: table.metadata_location for name, table in pin.tables.items()}
    now = {name: lake.ops_location(name) for name in OPS_TABLES if name not in PINNED_OPS}
    pinned = {
        name: pin.ops[name].metadata_location if name in pin.ops else None for name in PINNED_OPS
    }
    return raw, now | pinned
