"""The comparison in SQL finds what differs from the formula of events."""

import json

import duckdb
import pyarrow as pa
import pytest

from tests.chaos.real.topics import COMPARE, event

ENDS = [120, 120]
Row = tuple[int, int, str | None, str | None, str | None]


def sent() -> list[Row]:
    rows: list[Row] = []
    for partition, end in enumerate(ENDS):
        for offset in range(end):
            try:
                read = json.loads(event(partition, offset))
            except ValueError:
                rows.append((partition, offset, None, None, "parse"))
            else:
                rows.append((partition, offset, read["event_id"], read["event_name"], None))
    return rows


SENT = sent()


def compared(rows: list[Row]) -> tuple[int, ...]:
    parts, places, ids, names, reasons = zip(*rows, strict=True)
    found = pa.table(
        {
            "_kafka_partition": pa.array(parts, pa.int32()),
            "_kafka_offset": pa.array(places, pa.int64()),
            "_event_id": pa.array(ids, pa.string()),
            "event_name": pa.array(names, pa.string()),
            "_error": pa.array(
                [{"reason": reason} for reason in reasons], pa.struct([("reason", pa.string())])
            ),
        }
    )
    with duckdb.connect() as connection:
        connection.register("found_rows", found)
        sql = COMPARE.format(relation="from found_rows")
        row = connection.execute(sql, {"ends": ENDS}).fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("rows", "lost_duplicated_phantom_misrouted_wrong"),
    [
        (SENT, (0, 0, 0, 0, 0)),
        (SENT[1:], (1, 0, 0, 0, 0)),
        ([*SENT, *SENT[:2]], (0, 2, 0, 0, 0)),
        ([*SENT, (0, 500, "x", "1", None)], (0, 0, 1, 0, 0)),
        ([(0, 0, "1-1", "0", None), *SENT[1:]], (0, 0, 0, 1, 0)),
        ([(0, 0, None, None, "parse"), *SENT[1:]], (0, 0, 0, 1, 0)),
        ([(0, 0, "0-0", "1", None), *SENT[1:]], (0, 0, 0, 0, 1)),
    ],
)
def test_every_difference_is_counted(
    rows: list[Row], lost_duplicated_phantom_misrouted_wrong: tuple[int, ...]
) -> None:
    assert compared(rows) == lost_duplicated_phantom_misrouted_wrong
