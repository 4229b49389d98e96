"""What was sent, and how the lake differs from it, both ways.

The books are kept by whoever sends, in plain Python: for each position (a topic's offset, a line of
a file, a rate) what was sent there. Nothing of the platform's code has a part in them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ingestion.contracts import Contract, load_contract
from ingestion.lake import Lake
from ingestion.lake.duckdb import connect
from ingestion.settings import Settings

Position = tuple[Any, ...]
ANY = object()
"""An id or amount of which only the landing can say whether it is one: fuzz."""


@dataclass(frozen=True)
class Entry:
    """What was sent to one position.

    Attributes:
        key: The id of the record; None for one that must fail; ANY for fuzz.
        amount: Its amount in micro-units, where it has one.
        reason: Why it must fail, if it must.
    """

    key: object
    amount: int | None = None
    reason: str | None = None


KINDS = ("lost", "duplicated", "phantom", "misrouted", "wrong")


@dataclass
class Difference:
    """How much of what was sent is not in the lake as it was sent.

    Attributes:
        lost: Positions that were sent and are not there.
        duplicated: Rows too many of a position.
        phantom: Rows that nobody sent.
        misrouted: Rows that were sent to another table, or to another position.
        wrong: Amounts that are not what was sent, to the micro-unit.
        notes: One line for each of the first few, and whatever else is not as it must be.
    """

    lost: int = 0
    duplicated: int = 0
    phantom: int = 0
    misrouted: int = 0
    wrong: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def is_none(self) -> bool:
        """Whether all is as it was sent."""
        return (
            not (self.lost or self.duplicated or self.phantom or self.misrouted or self.wrong)
            and not self.notes
        )

    def add(self, kind: str, count: int, note: str) -> None:
        """Count something that is not as it was sent."""
        setattr(self, kind, getattr(self, kind) + count)
        if len(self.notes) < 6:
            self.notes.append(f"{kind}: {note}")

    def __iadd__(self, other: "Difference") -> "Difference":
        for kind in KINDS:
            setattr(self, kind, getattr(self, kind) + getattr(other, kind))
        self.notes += other.notes
        return self


class Books:
    """What was sent, by table and position."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[Position, Entry]] = {}

    def send(self, table: str, position: Position, entry: Entry) -> None:
        """Note one record; a position is sent once."""
        entries = self.tables.setdefault(table, {})
        assert position not in entries, f"{table} {position} was sent before"
        entries[position] = entry

    def __len__(self) -> int:
        return sum(len(entries) for entries in self.tables.values())

    def compare(
        self, found: Mapping[str, Iterable[tuple[Position, object, int | None, str | None]]]
    ) -> Difference:
        """Compare with rows of the lake: position, id, amount and reason of failure, by table."""
        difference = Difference()
        elsewhere = {
            entry.key: table
            for table, entries in self.tables.items()
            for entry in entries.values()
            if entry.key not in (None, ANY)
        }
        for table in sorted({*self.tables, *found}):
            entries = self.tables.get(table, {})
            rows = list(found.get(table, ()))
            counts = Counter(position for position, *_ in rows)
            for position in entries.keys() - counts.keys():
                difference.add("lost", 1, f"{table} {position}: {entries[position]}")
            for position, count in counts.items():
                if count > 1 and position in entries:
                    difference.add("duplicated", count - 1, f"{table} {position}: {count} times")
            for position, key, amount, reason in rows:
                entry = entries.get(position)
                if entry is None:
                    is_elsewhere = key is not None and elsewhere.get(key, table) != table
                    kind = "misrouted" if is_elsewhere else "phantom"
                    difference.add(kind, 1, f"{table} {position}: {key}")
                elif entry.key is not ANY and (key, reason) != (entry.key, entry.reason):
                    difference.add(
                        "misrouted", 1, f"{table} {position}: {key} {reason}, sent was {entry}"
                    )
                elif entry.key is not ANY and amount != entry.amount:
                    difference.add("wrong", 1, f"{table} {position}: {amount}, sent was {entry}")
        return difference


@dataclass(frozen=True)
class View:
    """How the rows of a table are read for the comparison.

    Attributes:
        table: `<source>.<table>`.
        position: Columns that make the position.
        key: Expression of the id.
        amount: Expression of the amount in micro-units.
    """

    table: str
    position: tuple[str, ...]
    key: str
    amount: str = "null"

    @property
    def contract(self) -> Contract:
        """The contract of the table."""
        return load_contract(*self.table.split("."))


KAFKA = ("_kafka_topic_id", "_kafka_partition", "_kafka_offset")
FILE = ("_source_file", "_source_line")
VIEWS = (
    View("ad_events.events", KAFKA, "event_id", "impression.clearing_price_micros"),
    View("user_events.events", KAFKA, "_event_id", "try_cast(event_name as bigint)"),
    View("adserver.clicks", FILE, "click_id", "try_cast(user_agent as bigint)"),
    View("adserver.conversions", FILE, "conversion_id", "cast(value * 1000000 as bigint)"),
    View("adserver.impressions", FILE, "impression_id", "clearing_price_micros"),
    View(
        "fx.rates",
        ("cast(rate_date as varchar)", "base", "quote"),
        "cast(rate_date as varchar) || base || quote",
        "cast(rate * 1000000 as bigint)",
    ),
)


Row = tuple[Position, object, int | None, str | None]


def rows_of(settings: Settings, lake: Lake, views: Iterable[View]) -> dict[str, list[Row]]:
    """Position, id, amount and reason of each row, by table, as readers find them."""
    found = {}
    with connect(settings) as connection:
        for view in views:
            contract = view.contract
            relation = lake.duckdb_relation_sql(contract, lake.head(contract).metadata_location)
            rows = connection.execute(
                f"select [{', '.join(f'cast({one} as varchar)' for one in view.position)}], "
                f"{view.key}, {view.amount}, _error.reason from ({relation})"
            ).fetchall()
            found[view.table] = [(tuple(position), *rest) for position, *rest in rows]
    return found
