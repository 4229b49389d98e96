"""What conversions bill and exchanges give back, for the test of increments, in months of 2021.

The second window brings a click whose conversion falls into the next month in Berlin; a conversion
that changes what the channels of its month are worth, of which another one lies in the month before
in California; and credit notes, of which one corrects another. The third withdraws one.
"""

from decimal import Decimal
from typing import Any

Loads = dict[str, list[Any]]

SOCIAL = {"channel": "social"}


def before(records: Any) -> list[Loads]:
    """What the first window brings."""
    worth = {"value": Decimal(10), "currency": "EUR"}
    since = "2026-01-01 00:00"
    cpa = {"pricing_model": "CPA", "rate_micros": 3_000_003, "attribution_model": "markov"}
    return [
        {
            "campaigns.line_items": [
                records.line_item("LA", "C1", since, pricing_model="CPA", rate_micros=1_000_003),
                records.line_item("LB", "C2", since, **cpa),
                records.line_item("LS", "C2", since, **cpa, **SOCIAL),
            ],
            "campaigns.credit_notes": [
                records.credit_note("N1", "L1", "2021-08-01", 5_000_000, "2026-01-02 00:00"),
                records.credit_note("N2", "L1", "2021-09-01", 7_000_000, "2026-01-02 00:00"),
            ],
            "ad_events.events": [
                records.impression("january", "2021-01-10 12:00", "LA", user_id="c1"),
                records.impression("may-1", "2021-04-30 20:00", "LB", user_id="c2"),
                records.impression("may-2", "2021-04-30 21:00", "LS", user_id="c2", **SOCIAL),
                records.impression("may-3", "2021-05-20 08:00", "LB", user_id="c3"),
            ],
            "adserver.conversions": [
                records.conversion("new-month", "2021-01-31 23:30", "A1", user_id="c1"),
                records.conversion("may", "2021-05-01 03:00", "A2", user_id="c2", **worth),
            ],
        }
    ]


def late(records: Any) -> list[Loads]:
    """What the second window brings."""
    return [
        {
            "campaigns.credit_notes": [
                records.credit_note("N1", "L1", "2021-08-01", 3_000_000, "2026-01-03 00:00"),
                records.credit_note("N3", "LB", "2021-08-01", 1_500_000, "2026-01-03 00:00"),
            ],
            "adserver.clicks": [
                records.file_click("january-click", "2021-01-10 12:05", "january", user_id="c1")
            ],
            "adserver.conversions": [
                records.conversion("may-too", "2021-05-20 12:00", "A2", user_id="c3")
            ],
        }
    ]


def later(records: Any) -> list[Loads]:
    """What the third window brings."""
    return [{"campaigns.credit_notes": [records.deletion("2026-01-04 00:00", credit_id="N2")]}]
