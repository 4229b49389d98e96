"""A world in figures: how far it was played, what it sent, which defects it planted."""

from pathlib import Path
from typing import Any

import numpy as np

from ingestion.adworld.companies import seen as organizations_seen
from ingestion.adworld.config import HOUR_US, WorldConfig, read_config
from ingestion.adworld.fx import seen
from ingestion.adworld.key import Answer, read_key
from ingestion.adworld.ledger import Ledger, open_ledger
from ingestion.adworld.market import polls
from ingestion.adworld.state import WorldState, read_state

_STREAM = {
    "Impressions": "ad_events",
    "Clicks": "ad_events",
    "Views": "ad_events",
    "Videos": "ad_events",
    "Actions": "user_events",
}
_IN_KEY = ("duplicates", "id_conflicts", "drift", "orphan_clicks", "repeat_clicks")
_FILES = {
    "Impressions": "adserver",
    "Clicks": "adserver",
    "Conversions": "adserver",
    "Requests": "exchange",
    "Bids": "exchange",
    "Wins": "exchange",
    "Notices": "exchange",
}


def describe(folder: Path) -> dict[str, Any]:
    """The figures of a world, from its ledger.

    Returns:
        `seed`, `scale`, `days`, `start`, `kind`, `last_played`; `events`: by played day and
        source; `planted`: defects by name, over all played days.

    Raises:
        AdxError: There is no world in the folder.
    """
    config, state = read_config(folder), read_state(folder)
    facts: dict[str, Any] = {
        "seed": config.seed,
        "scale": config.scale,
        "days": config.days,
        "start": config.start.isoformat(),
        "kind": config.kind,
        "last_played": state.played,
        "events": {},
        "planted": {},
    }
    if state.played and config.kind == "generated":
        facts["events"] = {
            str(day): _events(folder, config, state, day) for day in range(1, state.played + 1)
        }
        facts["planted"] = _planted(_ledger(folder, config, state), read_key(folder, state.played))
    return facts


def _ledger(folder: Path, config: WorldConfig, state: WorldState) -> Ledger:
    sends = [send.day for send in state.sends if send.counts]
    return open_ledger(folder / "ledger", config, state.played, sends)


def _events(folder: Path, config: WorldConfig, state: WorldState, day: int) -> dict[str, int]:
    """Records of one day by source, good and bad, every delivery."""
    ledger = _ledger(folder, config, state)
    sources = ("ad_events", "user_events", "adserver", "exchange", "campaigns", "fx", "crunchbase")
    total = dict.fromkeys(sources, 0)
    files = ledger.files[day - 1]
    for send, part in zip([s for s in state.sends if s.counts], ledger.stream, strict=True):
        if send.day == day:
            for kind, source in _STREAM.items():
                total[source] += len(part.kind(kind)["number"])
            for name, count in part.counts().items():
                total[name.split("|")[1].split(".")[0]] += count
    for kind, source in _FILES.items():
        total[source] += len(files.kind(kind)["number"])
    for name, count in files.counts().items():
        metric, table, *_ = name.split("|")
        if metric == "failed":
            total[table.split(".")[0]] += count
    total["campaigns"] = sum(1 for row in polls(config, day) if row.day == day)
    total["fx"] = sum(1 for rate in seen(config, day) if rate.published == day)
    total["crunchbase"] = sum(
        1 for shown_on, _ in organizations_seen(config, day) if shown_on == day
    )
    return total


def _planted(ledger: Ledger, key: list[Answer]) -> dict[str, int]:
    planted: dict[str, int] = {}
    for one in key:
        if one.metric in _IN_KEY and one.grain in ("total", "source_table"):
            label = one.metric.replace("_", " ")
            planted[label] = planted.get(label, 0) + int(one.value)
    for name, count in ledger.counts().items():
        metric, *rest = name.split("|")
        label = f"failed records: {rest[1]}" if metric == "failed" else metric.replace("_", " ")
        if metric != "files_loaded":
            planted[label] = planted.get(label, 0) + count
    first = ledger.config.day_start_us(1)
    last = ledger.config.day_start_us(ledger.day + 1)
    for kind in _STREAM:
        ts = ledger.stream_rows(kind)["ts"]
        planted["events before day 1"] = planted.get("events before day 1", 0) + int(
            np.count_nonzero(ts < first - HOUR_US)
        )
        planted["events from the future"] = planted.get("events from the future", 0) + int(
            np.count_nonzero(ts >= last + HOUR_US)
        )
    deleted = sum(1 for row in polls(ledger.config, ledger.day) if row.row is None)
    planted["rows deleted at the source"] = deleted
    return dict(sorted(planted.items()))
