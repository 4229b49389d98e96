"""What clients tell of an impression, for the test of increments: it comes late, beside a midnight.

Each month of 2023 belongs to one story. The second window brings the late record on one date, and
nothing else of that window touches the month.
"""

from typing import Any

Loads = dict[str, list[Any]]


def before(records: Any) -> list[Loads]:
    """What the first window brings."""

    def seen(name: str, time: str) -> Any:
        return records.interval(name, time, 0, (0, 1000), "0.5")

    return [
        {
            "ad_events.events": [
                records.impression("seen-after", "2023-01-10 23:59:59", "L1"),
                records.impression("seen-before", "2023-02-10 00:00:00", "L1"),
                seen("in-a-file", "2023-03-10 12:00:00"),
                records.impression("read-after", "2023-04-10 23:59:59", "L1"),
                records.impression("read-before", "2023-04-10 00:00:00", "L1"),
                seen("read-after", "2023-04-11 00:00:00"),
                seen("read-before", "2023-04-09 23:59:59"),
            ]
        }
    ]


def late(records: Any) -> list[Loads]:
    """What the second window brings."""
    return [
        {
            "ad_events.events": [
                records.interval("seen-after", "2023-01-11 00:00:00", 0, (0, 1000), "0.5"),
                records.interval("seen-before", "2023-02-09 23:59:59", 0, (0, 1000), "0.5"),
            ],
            "adserver.impressions": [
                records.file_impression("in-a-file", "2023-03-10 12:00:00", "L1"),
                records.file_impression("beside", "2023-04-10 12:00:00", "L1"),
            ],
        }
    ]
