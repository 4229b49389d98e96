"""What was delivered, loaded, failed; and what the dimensions hold.

- loaded: good rows. failed: records that break their contract, by class. read = loaded + failed.
- distinct: different keys; for ad events the sum over their types (impressions by impression_id,
  clicks by click_id, viewability by impression_id and sequence, video by impression_id and event).
- id_conflicts: rows whose key had loaded before with another timestamp.
- duplicates = loaded - distinct - id_conflicts.
- SQL tables: a row is loaded when a poll at the end of a played day finds it new or changed, and
  once more, marked as deleted, when its key has gone. Every such row is a version of its own.
- Exchange rates: every row that the API shows is loaded once; a restated rate is another row.
- Crunchbase: a record is loaded when somebody who asks at the end of a played day finds it new or
  changed; each is a version of its own. A deletion is a record of its own table.
- drift: good rows with a field that the contract does not know, every delivery of them.
- A version of a dimension is a good row of its table, deletions included; a member is a key.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from ingestion.adworld.exchange.hostile import BID_REQUESTS, BIDS, BILLING_NOTICES, WINS
from ingestion.adworld.fx import seen
from ingestion.adworld.hostile import (
    AD_EVENTS,
    CLICKS,
    CONVERSIONS,
    IMPRESSIONS,
    USER_EVENTS,
)
from ingestion.adworld.key.actions import distinct_actions
from ingestion.adworld.key.events import Distinct, distinct, distinct_by
from ingestion.adworld.key.exact import Answer, answer
from ingestion.adworld.key.organizations import organization_balance
from ingestion.adworld.ledger import Ledger, Rows
from ingestion.adworld.market import polls

FX_RATES = "fx.rates"
DIMENSION_TABLES = (
    "advertisers",
    "campaigns",
    "line_items",
    "creatives",
    "publishers",
    "sites",
    "placements",
)
FILE_METRICS = ("files_loaded", "files_superseded", "files_failed", "files_repeated")


def balance_answers(ledger: Ledger) -> Iterator[Answer | None]:
    """The balance of every source table."""
    for table, parts in _event_tables(ledger).items():
        for metric, value in _totals(parts).items():
            yield answer(metric, {"source_table": table}, value)
    for table, versions in _plain_tables(ledger).items():
        yield answer("loaded", {"source_table": table}, versions)
        yield answer("distinct", {"source_table": table}, versions)

    failed = _failed(ledger)
    for table in {table for table, _ in failed}:
        total = sum(count for (name, _), count in failed.items() if name == table)
        yield answer("failed", {"source_table": table}, total)
    for (table, reason), count in failed.items():
        yield answer("failed", {"source_table": table, "reason": reason}, count)

    for table, count in _drift(ledger).items():
        yield answer("drift", {"source_table": table}, count)
    for name, count in ledger.counts().items():
        metric, table, *_ = name.split("|")
        if metric in FILE_METRICS:
            yield answer(metric, {"source_table": table}, count)


def _event_tables(ledger: Ledger) -> dict[str, list[Distinct]]:
    stream = {
        kind: ledger.stream_rows(kind) for kind in ("Impressions", "Clicks", "Views", "Videos")
    }
    return {
        AD_EVENTS: [
            _by_number(stream["Impressions"]),
            _by_number(stream["Clicks"]),
            distinct_by(stream["Views"], "sequence"),
            distinct_by(stream["Videos"], "event"),
        ],
        USER_EVENTS: [distinct_actions(ledger.stream_rows("Actions"))],
        IMPRESSIONS: [_by_number(ledger.file_rows("Impressions"))],
        CLICKS: [_by_number(ledger.file_rows("Clicks"))],
        CONVERSIONS: [_by_number(ledger.file_rows("Conversions"))],
        BID_REQUESTS: [_by_number(ledger.file_rows("Requests"))],
        BIDS: [_by_number(ledger.file_rows("Bids"))],
        WINS: [_by_number(ledger.file_rows("Wins"))],
        BILLING_NOTICES: [_by_number(ledger.file_rows("Notices"))],
    }


def _by_number(rows: Rows) -> Distinct:
    return distinct(rows["number"], rows["ts"])


def _totals(parts: list[Distinct]) -> dict[str, int]:
    return {
        "loaded": sum(part.loaded for part in parts),
        "distinct": sum(part.distinct for part in parts),
        "duplicates": sum(part.duplicates for part in parts),
        "id_conflicts": sum(part.conflicts for part in parts),
    }


def _plain_tables(ledger: Ledger) -> dict[str, int]:
    loaded: Counter[str] = Counter()
    for row in polls(ledger.config, ledger.day):
        loaded[f"campaigns.{row.table}"] += row.bad is None
    loaded[FX_RATES] = sum(1 for rate in seen(ledger.config, ledger.day) if rate.bad is None)
    loaded.update(table for table, bad, _ in organization_balance(ledger) if bad is None)
    return dict(loaded)


def _failed(ledger: Ledger) -> Counter[tuple[str, str]]:
    failed: Counter[tuple[str, str]] = Counter()
    for name, count in ledger.counts().items():
        metric, table, *reason = name.split("|")
        if metric == "failed":
            failed[table, reason[0]] += count
    for row in polls(ledger.config, ledger.day):
        if row.bad is not None:
            failed[f"campaigns.{row.table}", row.bad] += 1
    for rate in seen(ledger.config, ledger.day):
        if rate.bad is not None:
            failed[FX_RATES, rate.bad] += 1
    for table, bad, _ in organization_balance(ledger):
        if bad is not None:
            failed[table, bad] += 1
    return failed


def _drift(ledger: Ledger) -> Counter[str]:
    drift: Counter[str] = Counter()
    for kind in ("Impressions", "Clicks"):
        drift[AD_EVENTS] += int(np.count_nonzero(ledger.stream_rows(kind)["drift"]))
    drift[USER_EVENTS] += int(np.count_nonzero(ledger.stream_rows("Actions")["drift"]))
    drift[IMPRESSIONS] += int(np.count_nonzero(ledger.file_rows("Impressions")["drift"]))
    drift[BID_REQUESTS] += int(np.count_nonzero(ledger.file_rows("Requests")["drift"]))
    drift[BIDS] += int(np.count_nonzero(ledger.file_rows("Bids")["drift"]))
    declared = {"rate_date", "base", "quote", "rate"}
    drift[FX_RATES] += sum(
        1
        for rate in seen(ledger.config, ledger.day)
        if rate.bad is None and set(rate.document) - declared
    )
    drift.update(table for table, bad, drifts in organization_balance(ledger) if drifts and not bad)
    return drift


def dimension_answers(ledger: Ledger) -> Iterator[Answer | None]:
    """Versions, members and deleted members of every dimension."""
    versions: Counter[str] = Counter()
    deleted: dict[str, dict[tuple[str, ...], bool]] = defaultdict(dict)
    for row in polls(ledger.config, ledger.day):
        if row.bad is None and row.table in DIMENSION_TABLES:
            versions[row.table] += 1
            deleted[row.table][row.key] = row.row is None
    for table, members in deleted.items():
        yield answer("dimension_versions", {"dimension": table}, versions[table])
        yield answer("dimension_members", {"dimension": table}, len(members))
        yield answer("dimension_deleted", {"dimension": table}, sum(members.values()))
