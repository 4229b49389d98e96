"""What leads to conversions, for the test of increments: each month of 2022 has a story of its own.

The second window brings one record on one date, whose effect lies on another: the impression of a
click whose conversion comes a month later still, a click, a conversion that changes what the
channels of its month are worth, a path that leads to nothing, an impression at the end of the
widest window.
"""

from typing import Any

Loads = dict[str, list[Any]]

SOCIAL = {"channel": "social"}


def before(records: Any) -> list[Loads]:
    """What the first window brings."""
    wide = {"view_window_hours": 48, **SOCIAL}
    return [
        {
            "campaigns.line_items": [records.line_item("LW", "C1", "2026-01-01 00:00", **wide)],
            "ad_events.events": [
                records.click("chain-click", "2022-01-31 12:00", "chain", user_id="v1"),
                records.impression("clicked", "2022-04-01 12:00", "L1", user_id="v2"),
                records.impression("june-1", "2022-06-10 08:00", "L1", user_id="v3"),
                records.impression("june-2", "2022-06-25 08:00", "L1", user_id="v4"),
                records.impression("june-3", "2022-06-25 09:00", "LW", user_id="v4", **SOCIAL),
                records.impression("july-1", "2022-07-20 08:00", "L1", user_id="v5"),
                records.impression("july-2", "2022-07-20 09:00", "LW", user_id="v5", **SOCIAL),
                records.impression("july-3", "2022-07-21 09:00", "LW", user_id="v6", **SOCIAL),
            ],
            "adserver.impressions": [
                records.file_impression("gives-way", "2022-11-10 00:00:05", "LW", user_id="v8")
            ],
            "adserver.conversions": [
                records.conversion("chained", "2022-03-02 12:00", "A1", user_id="v1"),
                records.conversion("by-click", "2022-05-01 12:05", "A1", user_id="v2"),
                records.conversion("june", "2022-06-25 12:00", "A1", user_id="v4"),
                records.conversion("july", "2022-07-20 12:00", "A1", user_id="v5"),
                records.conversion("july-too", "2022-07-21 12:00", "A1", user_id="v6"),
                records.conversion("widest", "2022-09-12 12:00", "A1", user_id="v7"),
                records.conversion("midnight", "2022-11-11 00:00", "A1", user_id="v8"),
            ],
        }
    ]


def late(records: Any) -> list[Loads]:
    """What the second window brings."""
    return [
        {
            "ad_events.events": [
                records.impression("chain", "2022-01-01 12:00", "L1", user_id="v1"),
                records.impression("nothing", "2022-07-05 12:00", "LW", user_id="v9", **SOCIAL),
                records.impression("gives-way", "2022-11-09 23:59:55", "LW", user_id="v8"),
            ],
            "adserver.impressions": [
                records.file_impression("at-the-end", "2022-09-10 12:00", "LW", user_id="v7")
            ],
            "adserver.clicks": [
                records.file_click("late-click", "2022-04-01 12:05", "clicked", user_id="v2")
            ],
            "adserver.conversions": [
                records.conversion("june-too", "2022-06-10 12:00", "A1", user_id="v3")
            ],
        }
    ]
