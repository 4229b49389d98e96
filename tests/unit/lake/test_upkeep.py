"""Which snapshots are old, and which files become one, on hand-made cases."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from pyiceberg.table.snapshots import Snapshot

from ingestion.lake.pins import Pin, PinnedTable
from ingestion.lake.upkeep.compaction import Rows, rows_of
from ingestion.lake.upkeep.expiry import old_snapshots
from ingestion.lake.upkeep.reachable import Kept

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)


def committed(*hours: int) -> list[Snapshot]:
    """Snapshots numbered from 1, committed so many hours before noon."""
    return [
        Snapshot(
            snapshot_id=number,
            sequence_number=number,
            timestamp_ms=int((NOON - timedelta(hours=ago)).timestamp() * 1000),
            manifest_list=f"snap-{number}.avro",
            summary=None,
            schema_id=0,
        )
        for number, ago in enumerate(hours, 1)
    ]


@pytest.mark.parametrize(
    ("hours", "pinned", "keep", "expected"),
    [
        # all are older than the limit of three hours: the newest stay, the commit itself is one
        ((9, 8, 7, 6, 5), set(), 2, [1, 2, 3, 4]),
        ((9, 8, 7, 6, 5), set(), 4, [1, 2]),
        ((9, 8, 7, 6, 5), set(), 5, []),
        # the head is never forgotten
        ((9, 8), set(), 1, [1]),
        ((9,), set(), 1, []),
        ((), set(), 1, []),
        # 2 was the head until two hours ago
        ((9, 8, 2, 1), set(), 1, [1]),
        ((9, 2, 1), set(), 1, []),
        # those of pins stay, and are not counted
        ((9, 8, 7, 6, 5), {1, 3}, 2, [2, 4]),
        ((9, 8, 7, 6, 5), {1, 3}, 3, []),
        ((9, 8, 7, 6, 5), {5}, 1, [1, 2, 3, 4]),
    ],
)
def test_a_snapshot_is_old_when_nothing_keeps_it(
    hours: tuple[int, ...], pinned: set[int], keep: int, expected: list[int]
) -> None:
    before = NOON - timedelta(hours=3)
    found = old_snapshots(committed(*hours), pinned=pinned, before=before, keep=keep)
    assert found == expected


def test_the_order_of_rows_does_not_change_their_checksum_and_a_value_does() -> None:
    rows = pa.table({"a": [1, 2, None], "b": [{"x": "1"}, None, {"x": None}]})
    assert rows_of(rows) == rows_of(rows.take([2, 0, 1]))
    assert rows_of(rows).count == 3
    changed = pa.table({"a": [1, 2, None], "b": [{"x": "2"}, None, {"x": None}]})
    assert rows_of(changed) != rows_of(rows)
    assert rows_of(rows.slice(0, 0)) == Rows(0, 0)


def test_what_is_kept_are_the_files_of_pins_and_all_further_ones() -> None:
    raw = PinnedTable("file:///lake/1.metadata.json", 7, 0, 1)
    own = PinnedTable("/lake//./2.metadata.json", None, 0, 0)
    absent = PinnedTable(None, None, 0, 0)
    pin = Pin(1, NOON, {"a.b": raw, "a.c": absent}, {"c": own})
    kept = Kept((pin,), frozenset({"/lake/3.metadata.json"}))
    assert kept.locations() == {f"/lake/{number}.metadata.json" for number in (1, 2, 3)}
    assert kept.snapshots() == {7}
