"""Campaigns by the age band and gender of who saw them.

Both are what the profile of the event's own id said at that moment. Before the profile, without
one, and without consent they are `unknown`, and so is what a profile leaves out. Polls find that a
profile was deleted after all that happens in the world, and nothing before that is forgotten.
"""

from collections.abc import Iterator

import numpy as np

from ingestion.adworld.frames import Ints
from ingestion.adworld.key.delivery import Delivery
from ingestion.adworld.key.events import ClickClass
from ingestion.adworld.key.exact import Answer, answer, rate
from ingestion.adworld.key.groups import Dimensions, by_list, sums
from ingestion.adworld.key.money import moment_us
from ingestion.adworld.key.reach import ids_of
from ingestion.adworld.ledger import Ledger, Rows
from ingestion.adworld.market import AGE_BANDS, GENDERS, polls

GRAINS = (
    ("age_band",),
    ("gender",),
    ("event_date", "age_band", "gender"),
    ("campaign_id", "age_band", "gender"),
)
_AGES, _GENDERS = (*AGE_BANDS, "unknown"), (*GENDERS, "unknown")


class Profiles:
    """What the profiles of persons say, version by version."""

    def __init__(self, ledger: Ledger) -> None:
        self._versions: dict[int, list[tuple[int, int, int]]] = {}
        for polled in polls(ledger.config, ledger.day):
            if polled.table != "user_profiles" or polled.row is None or polled.bad:
                continue
            person = int(polled.key[0].removeprefix("user_"))
            age, gender = polled.row["age_band"], polled.row["gender"]
            self._versions.setdefault(person * 2, []).append(
                (
                    moment_us(polled.row["updated_at"]),
                    AGE_BANDS.index(age) if age else len(AGE_BANDS),
                    GENDERS.index(gender) if gender else len(GENDERS),
                )
            )

    def of_events(self, rows: Rows) -> Dimensions:
        """Age band and gender of each event."""
        ages: Ints = np.full(len(rows["ts"]), len(AGE_BANDS), np.int64)
        genders: Ints = np.full(len(rows["ts"]), len(GENDERS), np.int64)
        events = zip(ids_of(rows).tolist(), rows["ts"].tolist(), strict=True)
        for place, (user, ts) in enumerate(events):
            held = [version for version in self._versions.get(user, ()) if version[0] <= ts]
            if held:
                _, ages[place], genders[place] = max(held)
        return {"age_band": by_list(ages, _AGES), "gender": by_list(genders, _GENDERS)}


def audience_answers(ledger: Ledger, delivery: Delivery) -> Iterator[Answer | None]:
    """Impressions and clicks, gross and net, and their rate."""
    profiles = Profiles(ledger)
    shown = {**delivery.dimensions(), **profiles.of_events(delivery.impressions)}
    explained = np.flatnonzero(delivery.classes != ClickClass.ORPHAN)
    of_clicks = {name: values[explained] for name, values in delivery.clicks.items()}
    clicked = {**delivery.click_dimensions(explained), **profiles.of_events(of_clicks)}
    valid = (~delivery.invalid_impressions).astype(np.int64)
    net = (delivery.classes[explained] == ClickClass.NET).astype(np.int64)
    for grain in GRAINS:
        impressions = dict(sums(shown, grain, valid))
        clicks = dict(sums(clicked, grain, net))
        for metric, counts in (
            ("gross_impressions", dict(sums(shown, grain))),
            ("net_impressions", impressions),
            ("explained_clicks", dict(sums(clicked, grain))),
            ("net_clicks", clicks),
        ):
            for group, count in counts.items():
                yield answer(metric, dict(group), count)
        for group, count in impressions.items():
            yield answer("ctr", dict(group), rate(clicks.get(group, 0), count) or 0)
