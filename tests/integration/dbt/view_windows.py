"""What clients tell of an impression, for the test of increments: it comes late, beside a midnight.

Each month of 2023 belongs to one story. The second window brings the late record on one date, and
nothing else of that window touches the month.
"""

from typing import Any

Loads = dict[str, list[Any]]


def before(records: Any) -> list[Loads]:
    """What the first window brings."""

    def of_u9(time: str, name: str = "view") -> Any:
        return records.user_action(time, name, user_pseudonym="u9", platform="web")

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
                records.video("starts-before", "2023-05-14 23:59:59", "start"),
                records.video("starts-after", "2023-05-16 00:00:00", "start"),
                records.video("file-starts-before", "2023-06-14 23:59:59", "start"),
                records.video("file-starts-after", "2023-06-16 00:00:00", "start"),
                records.impression("was-there", "2023-07-10 23:59:59", "L1"),
                records.video("gives-way-before", "2023-08-13 23:59:59", "start"),
                records.video("gives-way-after", "2023-08-17 00:00:00", "start"),
            ],
            "adserver.impressions": [
                records.file_impression("gives-way-before", "2023-08-14 00:00:01", "L1"),
                records.file_impression("gives-way-after", "2023-08-16 23:59:58", "L1"),
            ],
            "user_events.events": [
                # A session that goes on after midnight, one that began before, and one that would
                # not rest for three dates, were there an action before the first midnight.
                of_u9("2023-09-10 23:50:00"),
                of_u9("2023-10-11 00:10:00", "click"),
                *(
                    of_u9(f"2023-11-{day} {minute // 60:02d}:{minute % 60:02d}:00")
                    for day in (10, 11, 12)
                    for minute in range(0, 24 * 60, 30)
                    if (day, minute) != (10, 23 * 60 + 30)
                ),
            ],
        }
    ]


def late(records: Any) -> list[Loads]:
    """What the second window brings."""
    return [
        {
            "ad_events.events": [
                records.interval("seen-after", "2023-01-11 00:00:00", 0, (0, 1000), "0.5"),
                records.interval("seen-before", "2023-02-09 23:59:59", 0, (0, 1000), "0.5"),
                records.impression("starts-before", "2023-05-15 00:00:00", "L1"),
                records.impression("starts-after", "2023-05-15 23:59:59", "L1"),
                records.video("was-there", "2023-07-11 00:00:00", "complete"),
                records.impression("gives-way-before", "2023-08-15 00:00:00", "L1"),
                records.impression("gives-way-after", "2023-08-15 23:59:59", "L1"),
            ],
            "adserver.impressions": [
                records.file_impression("file-starts-before", "2023-06-15 00:00:00", "L1"),
                records.file_impression("file-starts-after", "2023-06-15 23:59:59", "L1"),
                records.file_impression("in-a-file", "2023-03-10 12:00:00", "L1"),
                records.file_impression("beside", "2023-04-10 12:00:00", "L1"),
            ],
            "user_events.events": [
                records.user_action(time, "purchase", user_pseudonym="u9", platform="web")
                for time in ("2023-09-11 00:20:00", "2023-10-10 23:40:00", "2023-11-10 23:30:00")
            ],
        }
    ]
