"""Pins and windows: which state of the lake a build reads, and what is new in it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any, Final

LAST_PIN: Final = "adx.last-pin"
"""Property of `ops.pins` that holds the newest pin, so that pinning reads no data."""

EFFECTIVE_COLUMN: Final = {"campaigns": "updated_at", "fx": "rate_date"}
"""By source: the business time from which a row of a table without events is in force."""

OPS: Final = "ops"
"""What rows of `ops.pins` have as source for the platform's own tables."""


@dataclass(frozen=True)
class PinnedTable:
    """The state of one table in a pin.

    Attributes:
        metadata_location: The exact metadata file; None for a table that did not exist then.
        snapshot_id: None for a table that was never committed to.
        from_seq: Head of the pin before; rows above it are new.
        to_seq: Head of this pin: the newest `_ingest_seq`, or the rows of an `ops` table.
    """

    metadata_location: str | None
    snapshot_id: int | None
    from_seq: int
    to_seq: int


@dataclass(frozen=True)
class Pin:
    """A consistent choice of one state per raw table, and of what people decided.

    Attributes:
        number: 1, 2, 3, ... in the order in which they were logged.
        pinned_at: When.
        tables: Raw tables by `<source>.<table>`.
        ops: The platform's own tables that models read, by name; a pin of before there were any
            has none, and its build sees them empty.
    """

    number: int
    pinned_at: datetime
    tables: Mapping[str, PinnedTable]
    ops: Mapping[str, PinnedTable] = field(default_factory=dict)

    def heads(self) -> dict[str, int]:
        """The head of each table, the platform's own as `ops.<name>`."""
        own = {f"{OPS}.{name}": table.to_seq for name, table in self.ops.items()}
        return {name: table.to_seq for name, table in self.tables.items()} | own

    def to_json(self) -> str:
        """The pin as JSON text."""
        return json.dumps(
            {
                "pin": self.number,
                "pinned_at": self.pinned_at.isoformat(),
                "tables": {name: asdict(table) for name, table in self.tables.items()},
                "ops": {name: asdict(table) for name, table in self.ops.items()},
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Pin":
        """Read what `to_json` gave."""
        values = json.loads(text)
        return cls(
            number=values["pin"],
            pinned_at=datetime.fromisoformat(values["pinned_at"]),
            tables={name: PinnedTable(**table) for name, table in values["tables"].items()},
            ops={name: PinnedTable(**table) for name, table in values.get("ops", {}).items()},
        )

    def rows(self) -> list[dict[str, Any]]:
        """The rows of `ops.pins` that log this pin."""
        own = {f"{OPS}.{name}": table for name, table in self.ops.items()}
        return [
            {
                "pin": self.number,
                "pinned_at": self.pinned_at,
                "source": name.partition(".")[0],
                "table_name": name.partition(".")[2],
                **asdict(table),
            }
            for name, table in (*self.tables.items(), *own.items())
        ]


def pins_of(rows: list[dict[str, Any]]) -> list[Pin]:
    """The pins that rows of `ops.pins` log, oldest first."""
    logged: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        logged.setdefault(row["pin"], []).append(row)
    return [
        Pin(
            number=number,
            pinned_at=found[0]["pinned_at"],
            tables={
                f"{row['source']}.{row['table_name']}": _pinned(row)
                for row in sorted(found, key=lambda row: (row["source"], row["table_name"]))
                if row["source"] != OPS
            },
            ops={
                row["table_name"]: _pinned(row)
                for row in sorted(found, key=lambda row: row["table_name"])
                if row["source"] == OPS
            },
        )
        for number, found in sorted(logged.items())
    ]


def _pinned(row: Mapping[str, Any]) -> PinnedTable:
    return PinnedTable(row["metadata_location"], row["snapshot_id"], row["from_seq"], row["to_seq"])


@dataclass(frozen=True)
class TableWindow:
    """What is new in one raw table.

    Attributes:
        from_seq: Rows above this `_ingest_seq` are new.
        to_seq: The newest row's.
        touched_dates: Event dates of the new good rows, ascending; empty for other tables.
        min_effective_date: Earliest UTC date from which a new good row of a table without events
            is in force; None where there is no such row.
    """

    from_seq: int
    to_seq: int
    touched_dates: tuple[date, ...] = ()
    min_effective_date: date | None = None


@dataclass(frozen=True)
class Window:
    """What is new between two pins.

    Attributes:
        pin: Number of the pin that is built.
        previous_pin: Number of the pin that was built before; None for everything.
        tables: By `<source>.<table>`.
        again: First and last event date that are to be built again, though nothing of them is new.
        is_first_of_day: The pin is of a later UTC day than the previous one, or there is none: what
            is proved over all dates once a day is proved in this build.
    """

    pin: int
    previous_pin: int | None
    tables: Mapping[str, TableWindow]
    again: tuple[date, date] | None = None
    is_first_of_day: bool = True

    @property
    def ranges(self) -> dict[str, tuple[int, int]]:
        """`(from_seq, to_seq]` of each table, by `<source>.<table>`."""
        return {name: (table.from_seq, table.to_seq) for name, table in self.tables.items()}

    def to_json(self) -> str:
        """The window as dbt gets it."""
        return json.dumps(
            {
                "pin": self.pin,
                "previous_pin": self.previous_pin,
                "again": [day.isoformat() for day in self.again] if self.again else None,
                "is_first_of_day": self.is_first_of_day,
                "tables": {
                    name: {
                        "from_seq": table.from_seq,
                        "to_seq": table.to_seq,
                        "touched_dates": [day.isoformat() for day in table.touched_dates],
                        "min_effective_date": table.min_effective_date.isoformat()
                        if table.min_effective_date is not None
                        else None,
                    }
                    for name, table in self.tables.items()
                },
            }
        )
