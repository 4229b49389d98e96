"""Auctions for the test of increments: what comes late, at both ends of every date effect.

Each month belongs to the late records of one table, which the second window brings on one date;
nothing else of that window touches the month. What refers to them was there before, as far away as
a bid may take (seven days, or a day the other way), so that a date effect that is a day too narrow
leaves a row that a rebuild does not have.
"""

from datetime import date, timedelta
from typing import Any

Loads = dict[str, list[Any]]

REQUESTS = date(2024, 1, 15)
BIDS = date(2024, 2, 15)
WINS = date(2024, 3, 15)
NOTICES = date(2024, 4, 15)
STREAM = date(2024, 5, 15)
FILES = date(2024, 6, 15)

NOON = "12:00"
IN_CALIFORNIA_THE_DAY_BEFORE = "03:00"
IN_BERLIN_THE_DAY_AFTER = "23:30"


def moment(day: date, days: int, time: str = NOON) -> str:
    return f"{day + timedelta(days=days)} {time}"


def bought(bid_id: str) -> dict[str, Any]:
    """What an impression says of the bid that bought it."""
    return {"exchange": "X", "auction_id": f"a-{bid_id}", "imp_id": "1", "bid_id": bid_id}


class _Story:
    """Records of bids by number of days from a late record, in the windows they come in."""

    def __init__(self, records: Any, day: date) -> None:
        self.records = records
        self.day = day
        self.loads: Loads = {}

    def add(self, table: str, record: Any) -> None:
        self.loads.setdefault(table, []).append(record)

    def request(self, bid_id: str, days: int) -> None:
        made = self.records.bid_request(f"a-{bid_id}", moment(self.day, days), user={"id": bid_id})
        self.add("exchange.bid_requests", made)

    def bid(self, bid_id: str, days: int, line_item: str = "L1") -> None:
        made = self.records.bid(bid_id, moment(self.day, days), f"a-{bid_id}", line_item)
        self.add("exchange.bids", made)

    def win(self, bid_id: str, days: int) -> None:
        self.add("exchange.wins", self.records.win(bid_id, moment(self.day, days)))

    def notice(self, bid_id: str, days: int) -> None:
        made = self.records.billing_notice(bid_id, moment(self.day, days))
        self.add("exchange.billing_notices", made)

    def stream(self, bid_id: str, days: int, time: str = NOON, line_item: str = "L1") -> None:
        time = moment(self.day, days, time)
        made = self.records.impression(f"i-{bid_id}", time, line_item, **bought(bid_id))
        self.add("ad_events.events", made)

    def another(self, bid_id: str, days: int, time: str = NOON) -> None:
        """A second impression that claims the bid."""
        time = moment(self.day, days, time)
        made = self.records.impression(f"another-{bid_id}", time, "L1", **bought(bid_id))
        self.add("ad_events.events", made)

    def file(self, bid_id: str, days: int, time: str = NOON) -> None:
        time = moment(self.day, days, time)
        made = self.records.file_impression(f"i-{bid_id}", time, "L1", **bought(bid_id))
        self.add("adserver.impressions", made)


def before(records: Any) -> list[Loads]:
    """What the first window brings."""
    stories = []

    late_requests = _Story(records, REQUESTS)
    for bid_id, bid, win in (("r-after", 1, 8), ("r-before", -1, -2)):
        late_requests.bid(bid_id, bid)
        late_requests.win(bid_id, win)
        late_requests.notice(bid_id, win)
    stories.append(late_requests)

    late_bids = _Story(records, BIDS)
    for bid_id, later in (("b-after", 7), ("b-before", -1)):
        late_bids.request(bid_id, 0)
        late_bids.win(bid_id, later)
        late_bids.notice(bid_id, later)
    stories.append(late_bids)

    late_wins = _Story(records, WINS)
    late_wins.bid("w-before", -7)
    late_wins.bid("w-after", 1)
    late_wins.stream("w-shown-after", 7, IN_BERLIN_THE_DAY_AFTER)
    late_wins.notice("w-shown-after", 7)
    late_wins.stream("w-shown-before", -1, IN_CALIFORNIA_THE_DAY_BEFORE, "L3")
    late_wins.notice("w-shown-before", -1)
    late_wins.stream("w-twice", -9)
    late_wins.another("w-twice", -1)
    late_wins.notice("w-twice", -2)
    stories.append(late_wins)

    late_notices = _Story(records, NOTICES)
    late_notices.bid("n-before", -7)
    late_notices.bid("n-after", 1)
    late_notices.win("n-shown-before", -7)
    late_notices.stream("n-shown-before", -7, IN_CALIFORNIA_THE_DAY_BEFORE, "L3")
    late_notices.win("n-shown-after", 1)
    late_notices.stream("n-shown-after", 1, IN_BERLIN_THE_DAY_AFTER)
    stories.append(late_notices)

    # The file's impression gives way to the stream's of the day before or after: then it is out of
    # reach of the bid, or of the notice, which then bills the other impression that claims the bid.
    late_stream = _Story(records, STREAM)
    late_stream.file("s-bid-after", 1, "00:00:10")
    late_stream.bid("s-bid-after", 2)
    late_stream.file("s-bid-before", -1, "23:59:50")
    late_stream.bid("s-bid-before", -8)
    late_stream.file("s-billed-after", 1, "00:00:10")
    late_stream.notice("s-billed-after", 8)
    late_stream.file("s-billed-before", -1, "23:59:50")
    late_stream.notice("s-billed-before", -2)
    late_stream.file("s-twice", 1, "00:00:10")
    late_stream.another("s-twice", 9, IN_BERLIN_THE_DAY_AFTER)
    late_stream.win("s-twice", 8)
    late_stream.notice("s-twice", 8)
    stories.append(late_stream)

    late_files = _Story(records, FILES)
    late_files.another("f-twice", 8)
    late_files.win("f-twice", 1)
    late_files.notice("f-twice", 7)
    late_files.bid("f-before", -7)
    late_files.bid("f-after", 1)
    late_files.notice("f-billed-before", -1)
    late_files.notice("f-billed-after", 7)
    stories.append(late_files)

    return [story.loads for story in stories]


def late(records: Any) -> list[Loads]:
    """What the second window brings, all on the date of its month."""
    stories = []

    requests = _Story(records, REQUESTS)
    requests.request("r-after", 0)
    requests.request("r-before", 0)
    stories.append(requests)

    bids = _Story(records, BIDS)
    bids.bid("b-after", 0)
    bids.bid("b-before", 0)
    stories.append(bids)

    wins = _Story(records, WINS)
    for bid_id in ("w-before", "w-after", "w-shown-after", "w-shown-before", "w-twice"):
        wins.win(bid_id, 0)
    stories.append(wins)

    notices = _Story(records, NOTICES)
    for bid_id in ("n-before", "n-after", "n-shown-before", "n-shown-after"):
        notices.notice(bid_id, 0)
    stories.append(notices)

    stream = _Story(records, STREAM)
    stream.stream("s-bid-after", 0, "23:59:50")
    stream.stream("s-bid-before", 0, "00:00:10")
    stream.stream("s-billed-after", 0, "23:59:50")
    stream.stream("s-billed-before", 0, "00:00:10")
    stream.stream("s-twice", 0, "23:59:50")
    stories.append(stream)

    files = _Story(records, FILES)
    for bid_id in ("f-before", "f-after", "f-billed-before", "f-billed-after", "f-twice"):
        files.file(bid_id, 0)
    stories.append(files)

    return [story.loads for story in stories]


def load_all(warehouse: Any, stories: list[Loads]) -> None:
    """One commit a table, as the records of all stories together."""
    together: Loads = {}
    for loads in stories:
        for table, rows in loads.items():
            together.setdefault(table, []).extend(rows)
    for table, rows in together.items():
        warehouse.load(table, rows)
