"""What the campaigns database said of a thing at a time, and the date in a time zone.

The version of a moment is the one with the latest `updated_at` at or before it, else the earliest.
Deletions are no versions.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from ingestion.adworld.config import DAY_US, HOUR_US, SECOND_US, WorldConfig
from ingestion.adworld.frames import Ints
from ingestion.adworld.market import Row, polls


@dataclass(frozen=True)
class Versions:
    """The versions of each entity that polls have seen, by `updated_at`."""

    effective: list[list[int]]
    rows: list[list[Row]]

    def at(self, entity: int, ts: int) -> Row:
        """The version of one entity at one moment."""
        earlier = sum(1 for moment in self.effective[entity] if moment <= ts)
        return self.rows[entity][max(0, earlier - 1)]

    def indices(self, entities: Ints, ts: Ints) -> Ints:
        """The same for many: position of the version among those of its entity."""
        found = np.zeros(len(entities), np.int64)
        for entity, moments in enumerate(self.effective):
            if len(moments) > 1:
                rows = np.flatnonzero(entities == entity)
                place = np.searchsorted(np.array(moments), ts[rows], side="right") - 1
                found[rows] = place.clip(0)
        return found


def versions_of(config: WorldConfig, day: int, table: str, ids: list[str]) -> Versions:
    """What polls up to a day saw of the rows of a table."""
    seen: dict[str, list[tuple[int, Row]]] = {known: [] for known in ids}
    for polled in polls(config, day):
        if polled.table == table and polled.row is not None and polled.key[0] in seen:
            seen[polled.key[0]].append((moment_us(polled.row["updated_at"]), polled.row))
    ordered = [sorted(seen[known], key=lambda version: version[0]) for known in ids]
    return Versions(
        [[moment for moment, _ in versions] for versions in ordered],
        [[row for _, row in versions] for versions in ordered],
    )


def moment_us(text: str) -> int:
    """Epoch microseconds of an RFC 3339 text."""
    since = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * SECOND_US + since.microseconds


def local_days(ts: Ints, zone: str) -> Ints:
    """Days since 1970 in a time zone.

    Offsets are looked up once an hour: the zones of the world change theirs on the hour of UTC.
    """
    hours, of_row = np.unique(ts // HOUR_US, return_inverse=True)
    info = ZoneInfo(zone)
    offsets = [
        datetime.fromtimestamp(hour * 3_600, UTC).astimezone(info).utcoffset()
        for hour in hours.tolist()
    ]
    seconds = [0 if offset is None else int(offset.total_seconds()) for offset in offsets]
    return (ts + np.array(seconds, np.int64)[of_row] * SECOND_US) // DAY_US
