"""Campaigns by the age band and gender of who saw them.

Both are what the profile of the event's own id said at that moment. Before the profile, without
one, and without consent they are `unknown`, and so is what a profile leaves out. Polls find that a
profile was deleted after all that happens in the world, and nothing before that is forgotten.
A conversion belongs to the campaign of its last touch, and to who converted.
"""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from ingestion.adworld.config import DAY_US
from ingestion.adworld.key.attribution import Attribution, last_shares
from ingestion.adworld.key.delivery import Delivery
from ingestion.adworld.key.events import ClickClass
from ingestion.adworld.key.exact import Answer, answer, rate
from ingestion.adworld.key.groups import Dimensions, by_list, date_text, sums
from ingestion.adworld.key.reach import ids_of
from ingestion.adworld.key.versions import moment_us
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

    def at(self, user: int, ts: int) -> tuple[int, int]:
        """Age band and gender of an id at a moment, by their positions."""
        held = [version for version in self._versions.get(user, ()) if version[0] <= ts]
        return max(held)[1:] if held else (len(AGE_BANDS), len(GENDERS))

    def of_events(self, rows: Rows) -> Dimensions:
        """Age band and gender of each event."""
        events = zip(ids_of(rows).tolist(), rows["ts"].tolist(), strict=True)
        told = np.array([self.at(user, ts) for user, ts in events], np.int64).reshape(-1, 2)
        return {"age_band": by_list(told[:, 0], _AGES), "gender": by_list(told[:, 1], _GENDERS)}


def conversion_answers_by_audience(
    ledger: Ledger, attribution: Attribution
) -> Iterator[Answer | None]:
    """Conversions by campaign of the last touch and by who converted."""
    profiles, market = Profiles(ledger), attribution.market
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for path in attribution.paths:
        if path.touches:
            last = path.touches[last_shares(path).index(Fraction(1))]
            age, gender = profiles.at(path.user, path.ts)
            campaign = market.line_items[last.line_item].campaign_id
            date = date_text(path.ts // DAY_US)
            counts[date, campaign, _AGES[age], _GENDERS[gender]] += 1
    for grain in GRAINS:
        names = ("event_date", "campaign_id", "age_band", "gender")
        sums_of: Counter[tuple[str, ...]] = Counter()
        for values, count in counts.items():
            texts = dict(zip(names, values, strict=True))
            sums_of[tuple(texts[name] for name in grain)] += count
        for group, count in sums_of.items():
            yield answer("audience_conversions", dict(zip(grain, group, strict=True)), count)


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
