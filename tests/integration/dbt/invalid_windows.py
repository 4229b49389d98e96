"""Behaviour of which the part that makes it invalid traffic comes late, for the test of increments.

Each story has ten weeks of 2016 to 2018 for itself, since the verdict of an impression reaches its
clicks a month later. The second window brings the late record, and nothing else of it touches the
story's dates. Addresses and user ids belong to one story each.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

Loads = dict[str, list[Any]]

BERLIN = {"latitude": Decimal("52.52"), "longitude": Decimal("13.40")}
NEW_YORK = {"latitude": Decimal("40.71"), "longitude": Decimal("-74.01")}

STORIES = (
    "views",
    "travel-back",
    "travel-on",
    "moved-back",
    "moved-on",
    "file-back",
    "file-on",
    "clicks",
    "converted",
    "flood-back",
    "flood-on",
    "reused",
)


def day_of(story: str, days: int = 0) -> str:
    """A date of a story."""
    first = date(2016, 1, 20) + timedelta(weeks=10 * STORIES.index(story))
    return (first + timedelta(days=days)).isoformat()


class _Story:
    """Makes the records of one story: one user at one address."""

    def __init__(self, records: Any, name: str) -> None:
        self.records = records
        self.name = name
        self.own = {"user_id": f"user-{name}", "ip": f"ip-{name}"}

    def seen(self, name: str, days: int, time: str, *, file: bool = False, **fields: Any) -> Any:
        make = self.records.file_impression if file else self.records.impression
        fields = {**self.own, **fields}
        return make(f"{self.name}-{name}", f"{day_of(self.name, days)} {time}", "L1", **fields)

    def clicked(self, name: str, on: str, days: int, time: str, *, file: bool = False) -> Any:
        make = self.records.file_click if file else self.records.click
        moment = f"{day_of(self.name, days)} {time}"
        return make(f"{self.name}-{name}", moment, f"{self.name}-{on}", **self.own)

    def month_later(self, on: str, days: int) -> Any:
        """A click on an impression as late as one can be."""
        return self.clicked(f"month-after-{on}", on, days + 30, "00:00")

    def converted(self, days: int, time: str) -> Any:
        moment = f"{day_of(self.name, days)} {time}"
        return self.records.conversion(
            f"conversion-{self.name}", moment, "A1", user_id=self.own["user_id"]
        )


def before(records: Any) -> list[Loads]:
    """What the first window brings."""
    stories = {name: _Story(records, name) for name in STORIES}
    views, back, on = stories["views"], stories["travel-back"], stories["travel-on"]
    moved_back, moved_on = stories["moved-back"], stories["moved-on"]
    file_back, file_on = stories["file-back"], stories["file-on"]
    clicks, converted = stories["clicks"], stories["converted"]
    flood_back, flood_on, reused = stories["flood-back"], stories["flood-on"], stories["reused"]
    stream = [
        *(views.seen(f"{n}", 0, f"12:{n:02d}") for n in range(40)),
        views.month_later("0", 0),
        back.seen("left", 0, "23:50", **BERLIN),
        on.seen("reached", 1, "00:10", **NEW_YORK),
        on.month_later("reached", 1),
        moved_back.seen("left", 0, "23:50", **NEW_YORK),
        moved_on.seen("reached", 2, "00:10", **NEW_YORK),
        moved_on.month_later("reached", 2),
        file_back.seen("left", 0, "23:50", **BERLIN),
        file_on.seen("reached", 1, "00:10", **NEW_YORK),
        file_on.month_later("reached", 1),
        *(clicks.seen(f"{n}", 0, "12:00") for n in range(3)),
        *(clicks.clicked(f"{n}", f"{n % 3}", 0, f"12:{n + 10}") for n in range(20)),
        clicks.month_later("0", 0),
        *(story.seen("bought", 0, "23:00") for story in (converted, flood_back, flood_on)),
        *(converted.clicked(f"{n}", "bought", 0, f"23:59:{30 + 5 * n}") for n in range(5)),
        *(flood_back.clicked(f"{n}", "bought", 0, f"23:59:{30 + 5 * n}") for n in range(4)),
        *(flood_on.clicked(f"{n}", "bought", 1, f"00:00:{5 * n:02d}") for n in range(4)),
        reused.seen("id", 0, "12:00"),
        reused.month_later("id", 0),
    ]
    return [
        {
            "ad_events.events": stream,
            "adserver.impressions": [
                moved_back.seen("moved", 1, "00:10", file=True, **BERLIN),
                moved_on.seen("moved", 1, "23:50", file=True, **BERLIN),
            ],
            "adserver.conversions": [
                flood_back.converted(1, "00:00:20"),
                flood_on.converted(1, "00:00:30"),
            ],
        }
    ]


def late(records: Any) -> list[Loads]:
    """What the second window brings."""
    stories = {name: _Story(records, name) for name in STORIES}
    return [
        {
            "ad_events.events": [
                stories["views"].seen("40", 0, "12:40"),
                stories["travel-back"].seen("reached", 1, "00:10", **NEW_YORK),
                stories["travel-on"].seen("left", 0, "23:50", **BERLIN),
                # The stream's time wins over the file's: there is no way any more.
                stories["moved-back"].seen("moved", 2, "00:10", **BERLIN),
                stories["moved-on"].seen("moved", 0, "00:10", **BERLIN),
                stories["reused"].seen("id", 0, "12:00", country="FR"),
            ],
            "adserver.impressions": [
                stories["file-back"].seen("reached", 1, "00:10", file=True, **NEW_YORK),
                stories["file-on"].seen("left", 0, "23:50", file=True, **BERLIN),
            ],
            "adserver.clicks": [
                stories["clicks"].clicked("20", "0", 0, "12:40", file=True),
                stories["flood-back"].clicked("late", "bought", 1, "00:00:10", file=True),
                stories["flood-on"].clicked("late", "bought", 0, "23:59:40", file=True),
            ],
            "adserver.conversions": [stories["converted"].converted(1, "00:00:20")],
        }
    ]


VERDICTS: dict[str, dict[str, int]] = {
    "views": {"sivt_impression_volume": 41},
    "travel-back": {"sivt_impossible_travel": 2},
    "travel-on": {"sivt_impossible_travel": 2},
    "file-back": {"sivt_impossible_travel": 2},
    "file-on": {"sivt_impossible_travel": 2},
    "clicks": {"sivt_click_volume": 24},
    "converted": {"sivt_click_flood": 5},
    "flood-back": {"sivt_click_flood": 5},
    "flood-on": {"sivt_click_flood": 5},
    "reused": {"sivt_id_reuse": 1},
}
"""How many events have each reason in the end, worked out by hand; moved ones have none."""

INVALID_LATER = ("views", "travel-on", "file-on", "clicks", "reused")
"""Stories whose click of a month later is on an invalid impression; of `moved-on` it is net."""
