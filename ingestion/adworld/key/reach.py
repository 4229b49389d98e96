"""Reach and frequency: who saw net impressions, how often, and more often than allowed.

- An id is a person's or their phone's; without consent there is none, and no figure of this page.
- Reach counts ids with at least one net impression, frequency is net impressions with an id by
  reach. Both are counted anew for every date, calendar month (UTC) and value: they do not add up.
- A line item's cap allows so many impressions an id in any window of so many hours, its ends
  included. An id is over the cap on a date if an impression of that date is one too many.
- Ids that share an account are one person, and so are ids that share one with those.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

import numpy as np

from ingestion.adworld.config import DAY_US, HOUR_US
from ingestion.adworld.frames import Ints
from ingestion.adworld.key.delivery import Delivery
from ingestion.adworld.key.exact import Answer, answer, rate
from ingestion.adworld.key.groups import (
    Dimension,
    Dimensions,
    Group,
    by_month,
    date_text,
    sums,
)
from ingestion.adworld.key.versions import Versions, versions_of
from ingestion.adworld.ledger import Ledger, Rows
from ingestion.adworld.market import Market, polls

MOST_OFTEN = 10
DIMENSIONS = (
    "advertiser_id",
    "campaign_id",
    "line_item_id",
    "creative_id",
    "site_id",
    "channel",
    "country",
    "device_type",
)
LIFETIME = ((), *((name,) for name in DIMENSIONS if name not in ("creative_id", "site_id")))
BUCKETS = ((), ("advertiser_id",), ("campaign_id",), ("line_item_id",))


def ids_of(rows: Rows) -> Ints:
    """A number for every user id; -1 without one."""
    ids = rows["person"].astype(np.int64) * 2 + rows["phone"]
    return np.where((rows["personal"] > 0) & (rows["person"] >= 0), ids, -1)


def reached(dimensions: Dimensions, grain: tuple[str, ...]) -> dict[Group, Counter[str]]:
    """How many impressions each id saw, by the groups of a grain."""
    found: dict[Group, Counter[str]] = defaultdict(Counter)
    for group, count in sums(dimensions, (*grain, "user")):
        found[group[:-1]][group[-1][1]] += count
    return found


def reach_answers(ledger: Ledger, delivery: Delivery) -> Iterator[Answer | None]:
    """Reach, frequency, how often, and how many over the cap."""
    rows, users = delivery.impressions, ids_of(delivery.impressions)
    counted = np.flatnonzero(~delivery.invalid_impressions & (users >= 0))
    of_all = {
        **delivery.dimensions(),
        "month": by_month(rows["ts"]),
        "user": Dimension(users, str),
    }
    dimensions = {name: dim.take(counted) for name, dim in of_all.items()}
    daily = (("event_date",), *(("event_date", name) for name in DIMENSIONS))
    for grain in (*daily, *(("month", *names) for names in BUCKETS)):
        for group, seen in reached(dimensions, grain).items():
            yield answer("reach", dict(group), len(seen))
            yield answer("frequency", dict(group), rate(seen.total(), len(seen)) or 0)
    for grain in LIFETIME:
        for group, seen in reached(dimensions, grain).items():
            yield answer("lifetime_reach", dict(group), len(seen))
    for names in BUCKETS:
        for period in ("event_date", "month"):
            for group, seen in reached(dimensions, (period, *names)).items():
                for bucket, count in Counter(min(n, MOST_OFTEN) for n in seen.values()).items():
                    dims = {**dict(group), "frequency": str(bucket)}
                    yield answer("ids_by_frequency", dims, count)
    yield from _people(dimensions, persons(ledger))
    shown = {name: values[counted] for name, values in rows.items()}
    yield from _caps(shown, _line_items(ledger, delivery), delivery.market)


def persons(ledger: Ledger) -> dict[int, int]:
    """The person of every id that has an account, by the smallest number of its ids."""
    ids_of_account: dict[str, set[int]] = defaultdict(set)
    for polled in polls(ledger.config, ledger.day):
        if polled.table == "user_identities" and not polled.bad:
            user, account = polled.key
            number = int(user.removeprefix("user_").removesuffix("m")) * 2 + user.endswith("m")
            if polled.row is None:
                ids_of_account[account].discard(number)
            else:
                ids_of_account[account].add(number)
    return joined(ids_of_account.values())


def joined(sets: Iterable[set[int]]) -> dict[int, int]:
    """The smallest member of the group of each, where sets that share a member are one group."""
    groups: list[set[int]] = []
    for ids in sets:
        touched = [group for group in groups if group & ids]
        groups = [group for group in groups if not group & ids]
        groups.append(ids.union(*touched))
    return {one: min(group) for group in groups for one in group}


def _people(dimensions: Dimensions, person_of: dict[int, int]) -> Iterator[Answer | None]:
    users = dimensions["user"].codes
    people = np.array([person_of.get(user, user) for user in users.tolist()], np.int64)
    of_people = {**dimensions, "user": Dimension(people, str)}
    for grain in (("event_date",), ("event_date", "campaign_id")):
        for group, seen in reached(of_people, grain).items():
            yield answer("person_reach", dict(group), len(seen))
            yield answer("person_frequency", dict(group), rate(seen.total(), len(seen)) or 0)


def _line_items(ledger: Ledger, delivery: Delivery) -> Versions:
    ids = [item.line_item_id for item in delivery.market.line_items]
    return versions_of(ledger.config, ledger.day, "line_items", ids)


def is_one_too_many(moments: list[int], moment: int, allowed: int, hours: int) -> bool:
    """Whether the window that ends at one of some moments holds more than a cap allows."""
    return sum(moment - hours * HOUR_US <= one <= moment for one in moments) > allowed


def _caps(rows: Rows, items: Versions, market: Market) -> Iterator[Answer | None]:
    seen: dict[tuple[int, int], list[int]] = defaultdict(list)
    columns = (rows["line_item"], ids_of(rows), rows["ts"])
    for item, user, ts in zip(*(column.tolist() for column in columns), strict=True):
        seen[item, user].append(ts)
    ids: dict[tuple[str, int], set[int]] = defaultdict(set)
    over: dict[tuple[str, int], set[int]] = defaultdict(set)
    for (item, user), moments in seen.items():
        for moment in moments:
            version = items.at(item, moment)
            allowed, hours = version["frequency_cap_count"], version["frequency_cap_hours"]
            if allowed is None or hours is None:
                continue
            place = date_text(moment // DAY_US), item
            ids[place].add(user)
            if is_one_too_many(moments, moment, allowed, hours):
                over[place].add(user)
    for place, users in ids.items():
        date, item = place
        dims = {"event_date": date, "line_item_id": market.line_items[item].line_item_id}
        beyond = len(over[place])
        yield answer("ids_over_cap", dims, beyond)
        yield answer("cap_compliance", dims, rate(len(users) - beyond, len(users)) or 0)
