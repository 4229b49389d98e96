"""Failed records of the lake as it is now: counted, listed, shown, and decided about.

Counts balance: failed = open + replayed + discarded, whatever they are grouped by.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ingestion.contracts import all_contracts
from ingestion.errors import AdxError, ExitCode
from ingestion.failed import (
    FailedRecord,
    Outcome,
    Tally,
    discard,
    failed_records,
    outcomes,
    payload_of,
    read_rules,
    replay,
)
from ingestion.failed.records import contracts_named, payload_tokens
from ingestion.lake import Lake
from ingestion.lake.duckdb import connect
from ingestion.landing import KeyStore
from ingestion.settings import Settings
from orchestration.warehouse import ledger

Row = dict[str, object]

STATES: Final = ("open", "replayed", "discarded")

GROUPINGS: Final[dict[str, Callable[[FailedRecord], dict[str, str]]]] = {
    "reason": lambda record: {"table": record.table, "reason": record.reason},
    "table": lambda record: {"table": record.table},
    "source": lambda record: {"source": record.table.partition(".")[0]},
    "date": lambda record: {"date": _day(record.loaded_at)},
}
"""What failed records can be counted by."""


def groups(
    settings: Settings, *, by: str = "reason", table: str | None = None, reason: str | None = None
) -> list[Row]:
    """Failed records by table and reason or something else, most first, each with one example."""
    counts: dict[tuple[tuple[str, str], ...], Counter[str]] = {}
    spans: dict[tuple[tuple[str, str], ...], tuple[FailedRecord, FailedRecord]] = {}
    for record, last in _all(settings, table, reason):
        group = tuple(GROUPINGS[by](record).items())
        counts.setdefault(group, Counter())[state_of(last)] += 1
        first, latest = spans.get(group, (record, record))
        spans[group] = (
            min(first, record, key=_when),
            max(latest, record, key=_when),
        )
    rows: list[Row] = [
        {
            **dict(group),
            "count": count.total(),
            **{state: count[state] for state in STATES},
            "first_loaded": _day(spans[group][0].loaded_at),
            "last_loaded": _day(spans[group][1].loaded_at),
            "example": _described(spans[group][0]),
        }
        for group, count in sorted(counts.items(), key=lambda one: (-one[1].total(), one[0]))
    ]
    return rows


def records(settings: Settings, *, table: str | None, reason: str | None, limit: int) -> list[Row]:
    """Failed records without their payloads, newest first."""
    found = sorted(
        _all(settings, table, reason),
        key=lambda pair: (-pair[0].loaded_at.timestamp(), pair[0].table, pair[0].position),
    )
    return [_row(record, last) for record, last in found[:limit]]


def show(settings: Settings, record_id: str, position: str | None = None) -> Row:
    """One failed record with its payload in clear, and what was decided about it last.

    Args:
        settings: The environment.
        record_id: Its id; or its raw table, if a position is given.
        position: Where it stood in its source.

    Raises:
        AdxError: There is no such record, or the key of its day was dropped.
    """
    lake = Lake.open(settings)
    known = outcomes(lake)
    with connect(settings) as connection:
        for contract in all_contracts():
            if position is not None and contract.name != record_id:
                continue
            location = lake.head(contract).metadata_location
            for record in failed_records(connection, contract, location):
                if record_id != record.failed_id and position != record.position:
                    continue
                tokens = payload_tokens(connection, contract, location, [record])
                payload = payload_of(KeyStore(settings.keys), tokens[record.failed_id])
                return _shown(record, known[contract.name].get(record.failed_id), payload)
    what = record_id if position is None else f"{record_id} at {position}"
    raise AdxError(
        f"There is no failed record {what}.",
        remedy="`adx failed list --limit 20` shows ids, tables and positions.",
        exit_code=ExitCode.USAGE,
    )


def replay_failed(
    settings: Settings,
    rules: Path,
    *,
    table: str | None = None,
    reason: str | None = None,
    dry_run: bool = False,
) -> Tally:
    """Replay, and write down in the ledger that it was done; see `ingestion.failed.decisions`."""
    started_at = datetime.now(UTC)
    known = read_rules(rules)
    tally = replay(settings, known, table=table, reason=reason, dry_run=dry_run)
    if tally.commits:
        _record(settings, "replay", known.sha256, started_at, tally)
    return tally


def discard_failed(
    settings: Settings,
    why: str,
    *,
    ids: Sequence[str] = (),
    table: str | None = None,
    reason: str | None = None,
) -> Tally:
    """Discard, and write down in the ledger that it was done; see `ingestion.failed.decisions`."""
    started_at = datetime.now(UTC)
    tally = discard(settings, why, ids=ids, table=table, reason=reason)
    if tally.commits:
        _record(settings, "discard", why, started_at, tally)
    return tally


def state_of(last: Outcome | None) -> str:
    """What a failed record is: open, replayed or discarded."""
    if last is None or last["outcome"] == "failed_again":
        return "open"
    return str(last["outcome"])


def _all(
    settings: Settings, table: str | None, reason: str | None
) -> list[tuple[FailedRecord, Outcome | None]]:
    lake = Lake.open(settings)
    heads = {contract: lake.head(contract) for contract in contracts_named(table)}
    lake.ensure_tables()  # a lake of before has no table of outcomes
    known = outcomes(lake)
    with connect(settings) as connection:
        return [
            (record, known[contract.name].get(record.failed_id))
            for contract, head in heads.items()
            for record in failed_records(connection, contract, head.metadata_location)
            if reason in (None, record.reason)
        ]


def _row(record: FailedRecord, last: Outcome | None) -> Row:
    return {
        "id": record.failed_id,
        "table": record.table,
        "position": record.position,
        "reason": record.reason,
        "field": record.field,
        "message": record.message,
        "contract_version": record.contract_version,
        "loaded_at": str(record.loaded_at),
        "state": state_of(last),
        "attempts": 0 if last is None else last["attempt"],
    }


def _shown(record: FailedRecord, last: Outcome | None, payload: bytes | None) -> Row:
    shown = _row(record, last)
    if last is not None:
        shown["last_outcome"] = last["outcome"]
        shown["last_message"] = last["message"]
        shown["decided_at"] = str(last["decided_at"])
    shown["payload"] = (
        None if payload is None else payload.decode("utf-8", errors="backslashreplace")
    )
    return shown


def _record(
    settings: Settings, kind: str, subject: str, started_at: datetime, tally: Tally
) -> None:
    details = {name: value for name, value in asdict(tally).items() if name != "records"}
    ledger.record(
        Lake.open(settings),
        kind,
        subject,
        started_at,
        read=tally.matched,
        loaded=tally.replayed,
        failed=sum(tally.failed_again.values()),
        **details,
    )


def _when(record: FailedRecord) -> tuple[datetime, str, str]:
    return record.loaded_at, record.table, record.position


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()


def _described(record: FailedRecord) -> str:
    return record.message if record.field is None else f"{record.field}: {record.message}"
