"""Sessions, and how many go from view to click to purchase of a product.

- A session is the actions of one user id on one platform (none is one of its own), in the order of
  (time, key), as long as the next comes at most 30 minutes after the one before. It counts on the
  date of its first action. The first action of a date begins a session, too, where the user had
  no such pause on the whole date before.
- A user is a viewer of a product on a date, a clicker with a click after the first view, and a
  purchaser with a purchase after the first such click.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ingestion.adworld.config import DAY_US, SECOND_US
from ingestion.adworld.ids import mix
from ingestion.adworld.key.actions import distinct_actions, identified
from ingestion.adworld.key.exact import Answer, answer, rate
from ingestion.adworld.key.groups import Group, date_text
from ingestion.adworld.ledger import Ledger, Rows
from ingestion.adworld.traffic import ACTION_NAMES, PLATFORMS

GAP_US = 30 * 60 * SECOND_US

STEPS = ACTION_NAMES[:3]
"""View, click and purchase: the steps of a funnel, and the names that come first."""


class Action(NamedTuple):
    """One action; sorted as its time and its key are."""

    ts: int
    is_identified: bool
    key: int
    user: int
    platform: int
    name: int
    product: int

    @property
    def day(self) -> int:
        """Days since 1970."""
        return self.ts // DAY_US


def session_starts(actions: list[Action]) -> list[bool]:
    """Whether each of a user's actions on a platform, in their order, begins a session."""
    if not actions:
        return []
    starts, rested = [True], actions[0].day
    for before, action in pairwise(actions):
        is_after_gap = action.ts - before.ts > GAP_US
        is_cut = action.day > before.day and rested < action.day - 1
        if is_after_gap:
            rested = action.day
        starts.append(is_after_gap or is_cut)
    return starts


def _actions(ledger: Ledger) -> list[Action]:
    delivered = ledger.stream_rows("Actions")
    first = distinct_actions(delivered).first
    rows: Rows = {column: values[first] for column, values in delivered.items()}
    user = np.where(rows["person"] >= 0, rows["person"].astype(np.int64) * 2 + rows["phone"], -1)
    # The texts of ids sort as their mixed numbers do, and after positions, which stand for none.
    named = identified(rows)
    key = np.where(named, mix(rows["number"], ledger.config.seed), first.astype(np.uint64))
    columns = (rows["ts"], named, key, user, rows["platform"], rows["name"], rows["product"])
    return sorted(
        Action(*values) for values in zip(*(column.tolist() for column in columns), strict=True)
    )


def session_answers(ledger: Ledger) -> Iterator[Answer | None]:
    """Sessions and their actions, and the funnel of each product."""
    actions = _actions(ledger)
    yield from _sessions(actions)
    yield from _funnels(actions)


def _is(action: Action, name: str) -> bool:
    return action.name >= 0 and ACTION_NAMES[action.name] == name


def _split(actions: list[Action]) -> list[list[Action]]:
    """The sessions of a user's actions on a platform."""
    sessions: list[list[Action]] = []
    for action, is_start in zip(actions, session_starts(actions), strict=True):
        if is_start:
            sessions.append([])
        sessions[-1].append(action)
    return sessions


def _sessions(actions: list[Action]) -> Iterator[Answer | None]:
    of_user: dict[tuple[int, int], list[Action]] = defaultdict(list)
    for action in actions:
        if action.user >= 0:
            of_user[action.user, action.platform].append(action)
    counts: dict[str, Counter[tuple[int, int]]] = defaultdict(Counter)
    for (_, platform), own in of_user.items():
        for session in _split(own):
            place = session[0].day, platform
            counts["sessions"][place] += 1
            counts["session_actions"][place] += len(session)
            counts["session_seconds"][place] += (session[-1].ts - session[0].ts) // SECOND_US
            counts["purchase_sessions"][place] += any(_is(action, "purchase") for action in session)
    for metric, places in counts.items():
        by_day: Counter[int] = Counter()
        by_platform: Counter[int] = Counter()
        for (day, platform), count in places.items():
            by_day[day] += count
            by_platform[platform] += count
        yield answer(metric, {}, places.total())
        for day, count in by_day.items():
            yield answer(metric, {"event_date": date_text(day)}, count)
        for platform, count in by_platform.items():
            if platform >= 0:
                yield answer(metric, {"platform": PLATFORMS[platform]}, count)


def reached_steps(names: list[str]) -> int:
    """How many of view, click and purchase a user's actions in their order go through."""
    step = 0
    for name in names:
        if step < len(STEPS) and name == STEPS[step]:
            step += 1
    return step


def _funnel_groups(day: int, product: int) -> tuple[Group, ...]:
    """The groups that something of a product on a date counts in."""
    date, sku = ("event_date", date_text(day)), ("SKU", f"SKU-{1001 + product}")
    return (), (date,), (sku,), (date, sku)


def _funnels(actions: list[Action]) -> Iterator[Answer | None]:
    of_user: dict[tuple[int, int, int], list[str]] = defaultdict(list)
    for action in actions:
        if action.user >= 0 and action.product >= 0 and action.name >= 0:
            of_user[action.day, action.product, action.user].append(ACTION_NAMES[action.name])
    metrics = ("funnel_viewers", "funnel_clickers", "funnel_purchasers")
    counts: dict[str, Counter[Group]] = defaultdict(Counter)
    for action in actions:
        if action.product >= 0 and 0 <= action.name < len(STEPS):
            for dims in _funnel_groups(action.day, action.product):
                counts[f"product_{STEPS[action.name]}s"][dims] += 1
    for (day, product, _), names in of_user.items():
        for metric in metrics[: reached_steps(names)]:
            for dims in _funnel_groups(day, product):
                counts[metric][dims] += 1
    for metric, groups in counts.items():
        for group, count in groups.items():
            yield answer(metric, dict(group), count)
    for metric, above, below in (
        ("funnel_click_rate", metrics[1], metrics[0]),
        ("funnel_purchase_rate", metrics[2], metrics[1]),
    ):
        for group, count in counts[below].items():
            yield answer(metric, dict(group), rate(counts[above][group], count) or 0)
