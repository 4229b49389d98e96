"""Decides about failed rows: landed again with declared fixes, or given up with a reason.

Everything that is decided about rows of a table goes into one fenced commit of that table: the
rows that pass now, under the positions they came from, and as the claim of the batch `replay` what
was decided about each failed row. **That commit decides**; `ops.failed_outcomes` is written after
it, from the claim. A run that was killed in between is settled by the next one before it looks at
anything (the claim stays in the table until the next commit of `replay` replaces it), so that a
failed row is landed once whenever the process dies. Two runs at once exclude each other: a claim
says which one it follows.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contracts import Contract, all_contracts, raw_schema
from ingestion.errors import AdxError, ExitCode
from ingestion.failed.mending import REPLAYED_CARRIERS, land_again
from ingestion.failed.records import (
    FailedRecord,
    contracts_named,
    failed_records,
    is_erased,
    payload_of,
    payload_tokens,
)
from ingestion.failed.rules import Fix, Rules
from ingestion.failpoints import failpoint
from ingestion.lake import BatchClaim, BatchState, Lake, StalePlan, TableHead
from ingestion.lake.duckdb import connect
from ingestion.landing import KeyStore, LandingContext
from ingestion.settings import Settings

PIPELINE: Final = "replay"
_RECORDS: Final = 500
"""Failed rows a commit decides about; its claim, which lists them, has about 100 KB."""
_COMMON: Final = ("source", "table_name", "contract_version", "rules_sha256", "decided_at")
"""What all outcomes of a commit share."""
_WHY: Final = ("reason", "field", "message")
_TRIES: Final = 5

Outcome = dict[str, Any]
"""A row of `ops.failed_outcomes`."""

_FINAL: Final = ("replayed", "discarded")


@dataclass
class Tally:
    """What a run did.

    Attributes:
        matched: Open failed rows that it was for.
        replayed: Those that passed and were landed.
        failed_again: Those that failed again, by reason.
        discarded: Those that were given up.
        erased: Those whose payload cannot be read any more; they stay open.
        unchanged: Those that failed again under the same rules and contract before.
        commits: Commits that were made.
        records: Each failed row that was decided about, with what became of it.
    """

    matched: int = 0
    replayed: int = 0
    failed_again: dict[str, int] = field(default_factory=dict)
    discarded: int = 0
    erased: int = 0
    unchanged: int = 0
    commits: int = 0
    records: list[dict[str, Any]] = field(default_factory=list)


def outcomes(lake: Lake) -> dict[str, dict[str, Outcome]]:
    """The newest outcome of each failed row that has any, by table and id; read-only.

    What a killed run committed and did not write down is among them.
    """
    # Claims first: what leaves one is in the table by then.
    claimed = [row for contract in all_contracts() for row in _claimed(lake.head(contract))]
    found: dict[str, dict[str, Outcome]] = {contract.name: {} for contract in all_contracts()}
    for row in _newest([*claimed, *lake.read_ops("failed_outcomes").to_pylist()]).values():
        found[f"{row['source']}.{row['table_name']}"][row["failed_id"]] = row
    return found


def _newest(rows: Iterable[Outcome]) -> dict[str, Outcome]:
    """The last outcome of each failed row."""
    return {row["failed_id"]: row for row in sorted(rows, key=lambda one: one["attempt"])}


def replay(
    settings: Settings,
    rules: Rules,
    *,
    table: str | None = None,
    reason: str | None = None,
    dry_run: bool = False,
) -> Tally:
    """Fix open failed rows as the rules say, and land what passes now.

    A row that failed again under the same rules and contract is left alone, so a second run changes
    nothing.

    Args:
        settings: The environment.
        rules: What is done to which records.
        table: Only rows of this raw table (`<source>.<table>`) or source.
        reason: Only rows that failed for this reason.
        dry_run: Parse and say, and write nothing.

    Raises:
        AdxError: Somebody else decides about failed rows of the same table all the time, or the
            lake or the key folder cannot be used.
    """
    lake = _open(settings)
    tally = Tally()
    tables = {rule.table for rule in rules.rules}
    chosen = [contract for contract in contracts_named(table) if contract.name in tables]
    for contract in chosen:
        _check_carrier(contract)
    keys = KeyStore(settings.keys)
    with connect(settings) as connection:
        for contract in chosen:
            place = _Place(lake, contract, connection, tally)
            _Replay(place, keys, rules, reason).run(dry_run=dry_run)
    return tally


def discard(
    settings: Settings,
    why: str,
    *,
    ids: Sequence[str] = (),
    table: str | None = None,
    reason: str | None = None,
) -> Tally:
    """Give open failed rows up for good; their payloads stay, and who reads the counts sees why.

    Args:
        settings: The environment.
        why: Why; kept in clear.
        ids: These rows.
        table: Rows of this raw table or source.
        reason: Rows that failed for this reason.

    Raises:
        AdxError: There is no reason, or nothing says which rows are meant; an id is none of an open
            failed row.
    """
    if not why.strip():
        raise AdxError(
            "Discarding needs a reason.",
            remedy="Say why with --reason; it is kept beside the records.",
            exit_code=ExitCode.USAGE,
        )
    if not ids and table is None and reason is None:
        raise AdxError(
            "Nothing says which failed records are to be discarded.",
            remedy="Name their ids, or --table, or --failed-for.",
            exit_code=ExitCode.USAGE,
        )
    lake = _open(settings)
    wanted = set(ids)
    with connect(settings) as connection:

        def run(*, dry_run: bool) -> Tally:
            tally = Tally()
            for contract in contracts_named(table):
                place = _Place(lake, contract, connection, tally)
                _Discard(place, why.strip(), wanted, reason).run(dry_run=dry_run)
            return tally

        if wanted:  # one that is wrong discards none of the others
            found = {record["id"] for record in run(dry_run=True).records}
            if missing := sorted(wanted - found):
                raise AdxError(
                    f"No open failed record has the id {missing[0]}.",
                    remedy="`adx failed list --limit 20` shows ids; those that were replayed or "
                    "discarded stay so.",
                    exit_code=ExitCode.USAGE,
                )
        return run(dry_run=False)


@dataclass
class _Decided:
    """What is to be committed: rows that pass, and an outcome for each failed row."""

    rows: pa.Table
    outcomes: list[Outcome]


@dataclass
class _Place:
    """Where a run works, and where it counts."""

    lake: Lake
    contract: Contract
    connection: duckdb.DuckDBPyConnection
    tally: Tally


class _Run(ABC):
    """Decides about the open failed rows of one table, some hundred a commit."""

    def __init__(self, place: _Place) -> None:
        self._lake = place.lake
        self._contract = place.contract
        self._connection = place.connection
        self._tally = place.tally

    @abstractmethod
    def chosen(self, record: FailedRecord, last: Outcome | None) -> bool:
        """Whether the run is for an open failed row, whose last outcome is given."""

    @abstractmethod
    def decide(self, records: Sequence[FailedRecord], tokens: Mapping[str, str | None]) -> _Decided:
        """What becomes of some of them."""

    def run(self, *, dry_run: bool = False) -> None:
        """Decide about all rows that are open when each commit begins.

        Raises:
            AdxError: Another process writes the table (exit code BUSY). The fence would keep the
                two apart, but a stream that is refused twice in a row ends.
        """
        if dry_run:
            self._decide_all(dry_run=True)
            return
        head = self._lake.head(self._contract)
        self._settle(head)
        if self._open_rows(head, set())[1]:
            with self._lake.writer_lock(self._contract):
                self._decide_all(dry_run=False)

    def _decide_all(self, *, dry_run: bool) -> None:
        seen: set[str] = set()
        tries = 0
        while True:
            head = self._lake.head(self._contract)
            if not dry_run:
                self._settle(head)
            attempts, chosen = self._open_rows(head, seen)
            if not chosen:
                return
            tokens = payload_tokens(
                self._connection, self._contract, head.metadata_location, chosen
            )
            decided = self.decide(chosen, tokens)
            for outcome in decided.outcomes:
                outcome["attempt"] = attempts.get(outcome["failed_id"], 0) + 1
            if not dry_run and decided.outcomes and not self._commit(head, decided):
                tries += 1
                if tries == _TRIES:
                    raise AdxError(
                        f"Others decide about failed records of {self._contract.name} too.",
                        remedy="Try again when they are done.",
                        exit_code=ExitCode.BUSY,
                    )
                continue
            seen |= {record.failed_id for record in chosen}
            self._count(chosen, decided)

    def _open_rows(
        self, head: TableHead, seen: set[str]
    ) -> tuple[dict[str, int], list[FailedRecord]]:
        """Attempts so far by id, and the next rows that the run is for."""
        rows = self._lake.read_ops("failed_outcomes").to_pylist()
        last = _newest([*_claimed(head), *rows])
        found = []
        for record in failed_records(self._connection, self._contract, head.metadata_location):
            before = last.get(record.failed_id)
            is_open = before is None or before["outcome"] not in _FINAL
            if is_open and record.failed_id not in seen and self.chosen(record, before):
                found.append(record)
                if len(found) == _RECORDS:
                    break
        return {name: row["attempt"] for name, row in last.items()}, found

    def _commit(self, head: TableHead, decided: _Decided) -> bool:
        """Commit what was decided on a head; false if somebody else has decided since."""
        names = ("failed_id", "attempt", "outcome", "rules_sha256", "message")
        said = repr([[row[name] for name in names] for row in decided.outcomes])
        load_id = f"{PIPELINE}-{hashlib.sha256(said.encode()).hexdigest()[:16]}"
        common = {name: decided.outcomes[0][name] for name in _COMMON}
        common |= {"load_id": load_id, "decided_at": common["decided_at"].isoformat()}
        own = [
            {name: value for name, value in row.items() if value is not None and name not in common}
            for row in decided.outcomes
        ]
        state = head.claims.batch.get(PIPELINE, BatchState())
        claim = BatchClaim(
            PIPELINE, load_id, {"common": common, "outcomes": own}, follows=state.last_load_id
        )
        try:
            result = self._lake.commit_rows(self._contract, decided.rows, claim)
        except StalePlan:
            return False
        if result.status == "already":
            return False
        self._tally.commits += 1
        failpoint("failed.before_outcomes")
        self._settle(self._lake.head(self._contract))
        return True

    def _settle(self, head: TableHead) -> None:
        """Write down what the newest commit of `replay` decided, if that is not done."""
        rows = _claimed(head)
        if rows:
            self._lake.append_ops("failed_outcomes", rows)

    def _count(self, records: Sequence[FailedRecord], decided: _Decided) -> None:
        tally = self._tally
        tally.matched += len(records)
        tally.erased += len(records) - len(decided.outcomes)
        for outcome in decided.outcomes:
            if outcome["outcome"] == "replayed":
                tally.replayed += 1
            elif outcome["outcome"] == "discarded":
                tally.discarded += 1
            else:
                reason = outcome["reason"]
                tally.failed_again[reason] = tally.failed_again.get(reason, 0) + 1
            names = ("outcome", "attempt", *_WHY)
            tally.records.append(
                {
                    "id": outcome["failed_id"],
                    "table": self._contract.name,
                    "position": outcome["position"],
                    **{name: outcome[name] for name in names},
                }
            )

    def _outcome(
        self, record: FailedRecord, outcome: str, now: datetime, **details: Any
    ) -> Outcome:
        return {
            "failed_id": record.failed_id,
            "outcome": outcome,
            "source": self._contract.source,
            "table_name": self._contract.table,
            "failed_seq": record.failed_seq,
            "position": record.position,
            "contract_version": self._contract.version,
            "rules_sha256": None,
            **dict.fromkeys(_WHY),
            "decided_at": now,
            **details,
        }


class _Replay(_Run):
    """Lands failed rows again, with the fixes of some rules."""

    def __init__(self, place: _Place, keys: KeyStore, rules: Rules, reason: str | None) -> None:
        super().__init__(place)
        self._keys = keys
        self._rules = rules
        self._reason = reason
        self._unchanged: set[str] = set()

    def chosen(self, record: FailedRecord, last: Outcome | None) -> bool:
        if self._reason not in (None, record.reason) or self._fixes(record) is None:
            return False
        tried = (self._rules.sha256, self._contract.version)
        if last is not None and (last["rules_sha256"], last["contract_version"]) == tried:
            if record.failed_id not in self._unchanged:
                self._unchanged.add(record.failed_id)
                self._tally.unchanged += 1
            return False
        return True

    def _fixes(self, record: FailedRecord) -> list[Fix] | None:
        """What is done to a record; None if no rule is for it."""
        rules = [
            rule
            for rule in self._rules.rules
            if rule.matches(record.table, record.reason, record.field, record.contract_version)
        ]
        return [fix for rule in rules for fix in rule.fixes] if rules else None

    def decide(self, records: Sequence[FailedRecord], tokens: Mapping[str, str | None]) -> _Decided:
        now = datetime.now(UTC)
        readable: list[FailedRecord] = []
        payloads: list[bytes | None] = []
        for record in records:
            try:
                payloads.append(payload_of(self._keys, tokens[record.failed_id]))
            except AdxError as error:
                if not is_erased(error):
                    raise
            else:
                readable.append(record)
        if not readable:
            return _Decided(raw_schema(self._contract).empty_table(), [])
        context = LandingContext(self._contract, 0, now, self._keys)
        fixes = [self._fixes(record) or [] for record in readable]
        rows = land_again(context, readable, payloads, fixes)
        errors = rows["_error"].to_pylist()
        decided = [
            self._outcome(record, "replayed", now, rules_sha256=self._rules.sha256)
            if error is None or error["reason"] is None
            else self._outcome(
                record,
                "failed_again",
                now,
                rules_sha256=self._rules.sha256,
                **{name: error[name] for name in _WHY},
            )
            for record, error in zip(readable, errors, strict=True)
        ]
        is_good = pc.is_null(pc.struct_field(rows["_error"], "reason"))
        return _Decided(rows.filter(is_good).combine_chunks(), decided)


class _Discard(_Run):
    """Gives failed rows up."""

    def __init__(self, place: _Place, why: str, ids: set[str], reason: str | None) -> None:
        super().__init__(place)
        self._why = why
        self._ids = ids
        self._reason = reason

    def chosen(self, record: FailedRecord, last: Outcome | None) -> bool:
        del last
        return self._reason in (None, record.reason) and (
            not self._ids or record.failed_id in self._ids
        )

    def decide(self, records: Sequence[FailedRecord], tokens: Mapping[str, str | None]) -> _Decided:
        del tokens
        now = datetime.now(UTC)
        decided = [self._outcome(one, "discarded", now, message=self._why) for one in records]
        return _Decided(raw_schema(self._contract).empty_table(), decided)


def _open(settings: Settings) -> Lake:
    lake = Lake.open(settings)
    lake.head(all_contracts()[0])  # an empty lake is told what to do, not made
    lake.ensure_tables()
    return lake


def _check_carrier(contract: Contract) -> None:
    if contract.carrier not in REPLAYED_CARRIERS:
        raise AdxError(
            f"Records of {contract.name} are not replayed: its source is polled.",
            remedy="Mend the record in its source: the next poll brings it. Then discard what "
            "failed.",
            exit_code=ExitCode.USAGE,
        )


def _claimed(head: TableHead) -> list[Outcome]:
    """What the newest commit of `replay` decided, from the claim that it left in the table."""
    state = head.claims.batch.get(PIPELINE, BatchState())
    if not state.loads:
        return []
    load = state.loads[-1]
    common = state.position["common"]
    return [
        {
            **dict.fromkeys(_WHY),
            **common,
            **row,
            "decided_at": datetime.fromisoformat(common["decided_at"]),
            "ingest_seq": load.ingest_seq if row["outcome"] == "replayed" else None,
        }
        for row in state.position["outcomes"]
    ]
