"""Builds the warehouse on a copy of the published one, with dbt, from a pin.

The rules:

- Nothing new since the newest build's pin, and the same code: nothing to do.
- The same code: an increment. The window is what came since the pin of the published build.
- Changed code (dbt project, macros, seeds, DuckDB itself), nothing published yet, or what was
  published is lost: everything is built from nothing, because rows that older code made must not
  stay among new ones. Who knows that a change touches no rows (a description, a test) says
  `--keep-rows` and gets an increment.
- Dates that are named (`--dates`) count as touched by every event table of an increment, so that
  everything that is built by date is built again for them, from the vault.
- Vault keys of another hash contract: everything from nothing, and `--keep-rows` is refused, since
  old keys would join no new ones.
- A selection is built in the scratch folder and never published: its window would count as done
  for models that were not built.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint
from ingestion.lake import Lake, Pin, Window
from ingestion.settings import Settings
from orchestration.warehouse import checksums, dbt, ledger
from orchestration.warehouse.dates import DateRange
from orchestration.warehouse.duck import open_file
from orchestration.warehouse.parsed import ParsedProject
from orchestration.warehouse.pin import find_pin, pin_lake, registration
from orchestration.warehouse.publish import finish_killed
from orchestration.warehouse.register import register
from orchestration.warehouse.store import FILE_NAME, Build, Manifest, Store
from orchestration.warehouse.versions import Withdrawal

if TYPE_CHECKING:
    from orchestration.warehouse.bigquery.build import BigQuerySession

_HEADROOM = 256 * 1024 * 1024
"""Bytes a build needs beyond twice the published file, for DuckDB's log and temporary files."""

_CLONE_BYTES = 1024**3
_NO_CLONE = {errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL}
"""What file systems answer that cannot copy inside the kernel."""

META_BUILD = """
create or replace table meta.build (
    build_id varchar not null,
    pin integer not null,
    previous_pin integer,
    built_at timestamp not null,
    full_refresh boolean not null,
    code varchar not null,
    hash_contract integer not null
)
"""


@dataclass(frozen=True)
class Plan:
    """What a build is going to do.

    Attributes:
        pin: The pin to build.
        previous: The pin it continues; None builds everything from nothing.
        base: The build it starts as a copy of.
        code: Hash of the dbt project.
        hash_contract: Version of the hash contract of its vault keys.
        reason: Why it is a full refresh, or an increment.
        dates: Event dates that an increment builds again.
    """

    pin: Pin
    previous: Pin | None
    base: Build | None
    code: str
    hash_contract: int
    reason: str
    dates: DateRange | None = None

    def is_done_by(self, newest: Manifest) -> bool:
        """Whether the newest build already is what this one would be."""
        is_same = (newest.pin, newest.code) == (self.pin.number, self.code)
        return is_same and not logged_after(self.pin, newest)

    def arguments(self, code: ParsedProject, selection: str | None) -> list[str]:
        """Arguments of the dbt command that builds the models and runs the tests.

        Unit tests judge code, not data: code that has passed them is not judged again.
        """
        return [
            "build",
            *([] if self.previous else ["--full-refresh"]),
            *(["--exclude-resource-type", "unit_test"] if code.is_judged else []),
            *(["--select", *selection.split()] if selection else []),
        ]

    def manifest(
        self, build_id: str, started_at: datetime, *, models: int, tests: int, rows: int
    ) -> Manifest:
        """What the build is, now that it is finished."""
        return Manifest(
            build_id=build_id,
            pin=self.pin.number,
            previous_pin=self.previous.number if self.previous else None,
            code=self.code,
            full_refresh=self.previous is None,
            started_at=started_at.isoformat(),
            finished_at=datetime.now(UTC).isoformat(),
            models=models,
            tests=tests,
            rows=rows,
            hash_contract=self.hash_contract,
        )

    def result(
        self, status: str, manifest: Manifest, folder: str, changed: dict[str, int]
    ) -> "Result":
        """What the build did, to whoever asked for it."""
        started_at = datetime.fromisoformat(manifest.started_at)
        return Result(
            status=status,
            build_id=manifest.build_id,
            pin=manifest.pin,
            previous_pin=manifest.previous_pin,
            full_refresh=manifest.full_refresh,
            reason=self.reason,
            folder=folder,
            models=manifest.models,
            tests=manifest.tests,
            rows=manifest.rows,
            changed=changed,
            seconds=round((datetime.now(UTC) - started_at).total_seconds(), 1),
        )


@dataclass(frozen=True)
class Result:
    """What a build did.

    Attributes:
        status: `built`, `nothing to do`, or `partial` (a selection, in the scratch folder).
        build_id: The build that holds the pin now.
        pin: Its pin.
        previous_pin: The pin it continued.
        full_refresh: Whether everything was built from nothing.
        reason: Why.
        folder: Where it is.
        models: Models built.
        tests: Tests passed.
        rows: Rows in the vault and the marts.
        changed: Rows more or less by table, and tables whose rows changed otherwise (0).
        seconds: Wall time.
    """

    status: str
    build_id: str
    pin: int
    previous_pin: int | None
    full_refresh: bool
    reason: str
    folder: str
    models: int
    tests: int
    rows: int
    changed: dict[str, int]
    seconds: float


def nothing_new(newest: Manifest, folder: str, withdrawal: Withdrawal | None = None) -> Result:
    """What is said if the newest build is the one that was asked for.

    Args:
        newest: That build.
        folder: Where it is.
        withdrawal: The rollback that took it away from readers, if one did.
    """
    reason = f"nothing is new since pin {newest.pin}, and the code is the same"
    if withdrawal is not None:
        reason += (
            f"; build {newest.build_id} was withdrawn ({withdrawal.reason}), "
            "`adx build --full-refresh` makes another one"
        )
    return Result(
        status="nothing to do",
        build_id=newest.build_id,
        pin=newest.pin,
        previous_pin=newest.previous_pin,
        full_refresh=False,
        reason=reason,
        folder=folder,
        models=0,
        tests=0,
        rows=newest.rows,
        changed={},
        seconds=0.0,
    )


class Session:
    """A build in progress, with its file copied and registered; made by `open_session`."""

    def __init__(
        self, settings: Settings, lake: Lake, store: Store, plan: Plan, started_at: datetime
    ) -> None:
        self.settings = settings
        self.plan = plan
        self.window = replace(lake.window(plan.previous, plan.pin), again=plan.dates)
        self.build_id = store.next_id(plan.pin.number)
        self.file = store.building / FILE_NAME
        self.is_open = True
        self._lake = lake
        self._store = store
        self._started_at = started_at
        self._code: ParsedProject | None = None

    def arguments(self, selection: str | None = None) -> list[str]:
        """Arguments of the dbt command that builds and tests; see `Plan.arguments`."""
        self._code = dbt.parsed(self.settings, self.file)
        return self.plan.arguments(self._code, selection)

    def begin(self) -> None:
        """Copy the base and make the pinned lake readable in it."""
        self._store.start()
        if self.plan.base is not None:
            _copy(self.plan.base.file, self.file)
        raw, ops = registration(self._lake, self.plan.pin)
        failpoint("build.after_copy")
        with open_file(self.file, self.settings, read_only=False) as connection:
            register(connection, raw, ops, self.window.ranges)

    def run(
        self,
        arguments: Sequence[str],
        *,
        quiet: bool = True,
        artifacts: bool = False,
        on_node: Callable[[str, str], None] | None = None,
    ) -> dbt.Outcome:
        """Run one dbt command on the file that is being built; see `dbt.run`."""
        return dbt.run(
            self.settings,
            arguments,
            database=self.file,
            window=self.window.to_json(),
            build_id=self.build_id,
            quiet=quiet,
            artifacts=artifacts,
            on_node=on_node,
        )

    def finish(self, models: int, tests: int, **details: object) -> Result:
        """Seal a build whose models were built and whose tests passed, and write its ledger row.

        Args:
            models: Models built.
            tests: Tests passed.
            details: More for the ledger row.
        """
        failpoint("build.after_dbt")
        if self._code is not None:
            self._code.keep_judged()
        manifest, changed, read = self._seal(models, tests)
        failpoint("build.before_accept")
        row = ledger_row(manifest, self.plan, read=read, changed=changed, **details)
        build = self._store.accept(manifest, ledger.to_json(row))
        self.is_open = False
        failpoint("build.after_accept")
        ledger.write(self._lake, row)
        return self.plan.result("built", manifest, str(build.folder), changed)

    def _new_rows(self, connection: duckdb.DuckDBPyConnection) -> int:
        """Rows of the raw tables in the window."""
        sql = new_rows("ops.source_loads", self.window)
        row = connection.execute(sql).fetchone()
        return int(row[0]) if row else 0

    def _seal(self, models: int, tests: int) -> tuple[Manifest, dict[str, int], int]:
        """Write `meta.*` and checkpoint, so that the file is whole without its log.

        Returns:
            The manifest, what has changed by table, and the rows of the window.
        """
        with open_file(self.file, self.settings, read_only=False, lake=False) as connection:
            read = self._new_rows(connection)
            before = checksums.stored(connection) if self.plan.base else {}
            checksums.store(connection)
            after = checksums.stored(connection)
            manifest = self.plan.manifest(
                self.build_id,
                self._started_at,
                models=models,
                tests=tests,
                rows=sum(part.row_count for part in after.values()),
            )
            connection.execute(META_BUILD)
            connection.execute(
                "insert into meta.build values (?, ?, ?, ?, ?, ?, ?)",
                [
                    manifest.build_id,
                    manifest.pin,
                    manifest.previous_pin,
                    datetime.fromisoformat(manifest.finished_at).replace(tzinfo=None),
                    manifest.full_refresh,
                    manifest.code,
                    manifest.hash_contract,
                ],
            )
            connection.execute("checkpoint")
        return manifest, _changes(before, after), read

    def keep_partial(self, models: int, tests: int) -> Result:
        """Keep a build of a selection in the scratch folder."""
        manifest, changed, _ = self._seal(models, tests)
        self.is_open = False
        return self.plan.result("partial", manifest, str(self._store.keep_partial()), changed)

    def fail(self, outcome: dbt.Outcome) -> AdxError:
        """Set a build aside whose models or tests failed, and say which."""
        first = outcome.failures[0]
        if "no space left" in first.message.lower():
            # Kept aside, it would only hold the space that is missing; the next start removes it.
            self.is_open = False
            return AdxError(
                f"The disk is full: {first.kind} {first.name} could not be written.",
                remedy="Free some space or let ADX_HOME name a larger disk, then build again. The "
                "published warehouse is untouched.",
                exit_code=ExitCode.UNAVAILABLE,
            )
        folder = self.set_aside()
        others = len(outcome.failures) - 1
        also = f" and {others} more" if others else ""
        compiled = f"; its SQL is {first.compiled}" if first.compiled else ""
        return AdxError(
            f"Build {self.build_id} failed: {first.kind} {first.name}{also} ({first.source}): "
            f"{first.message}",
            remedy=(
                f'Look at it with `adx query --build {self.build_id} "select …"` '
                f"({folder / FILE_NAME}){compiled}. The published warehouse is untouched."
            ),
        )

    def set_aside(self) -> Path:
        """Keep the build where it can be looked at; it is never published."""
        self.is_open = False
        return self._store.set_aside(self.build_id)


def new_rows(source_loads: str, window: Window) -> str:
    """The statement that counts the rows of the raw tables in a window."""
    new = " or ".join(
        f"(source || '.' || table_name = '{name}' and ingest_seq > {first})"
        for name, (first, _) in window.ranges.items()
    )
    return f"select coalesce(sum(read_count), 0) from {source_loads} where {new}"


def ledger_row(
    manifest: Manifest,
    plan: Plan,
    *,
    read: int,
    changed: dict[str, int],
    **details: Any,
) -> ledger.Row:
    """The ledger row of a build that passed.

    Args:
        manifest: The build.
        plan: What it was going to do.
        read: Rows of its window.
        changed: As in `Result`.
        details: More for the row.
    """
    return ledger.row(
        "build",
        manifest.build_id,
        datetime.fromisoformat(manifest.started_at),
        read=read,
        loaded=manifest.rows,
        failed=0,
        pin=manifest.pin,
        previous_pin=manifest.previous_pin,
        full_refresh=manifest.full_refresh,
        models=manifest.models,
        tests=manifest.tests,
        changed=changed,
        again=plan.dates,
        **details,
    )


def _changes(
    before: dict[checksums.Part, checksums.Checksum],
    after: dict[checksums.Part, checksums.Checksum],
) -> dict[str, int]:
    changed: dict[str, int] = {}
    for part, (old, new) in checksums.differences(before, after).items():
        name = f"{part.schema_name}.{part.table_name}"
        changed[name] = changed.get(name, 0) + new.row_count - old.row_count
    return changed


def plan_build(
    lake: Lake,
    store: Store,
    pin: Pin,
    *,
    full_refresh: bool = False,
    keep_rows: bool = False,
    dates: DateRange | None = None,
) -> Plan:
    """Decide between an increment on the published build and a build from nothing.

    Raises:
        AdxError: Rows are to be kept whose vault keys follow another version of the hash contract.
    """
    code, hashes = dbt.code_hash(), dbt.hash_contract()
    current = store.current()
    reason = "asked for" if full_refresh else rebuild_reason(store, keep_rows=keep_rows)
    if not reason and current is not None and current.manifest.pin > pin.number:
        reason = f"pin {pin.number} is older than the published pin {current.manifest.pin}"
    if reason or current is None:
        return Plan(pin, None, None, code, hashes, reason)
    previous = find_pin(lake, current.manifest.pin)
    if reason := logged_after(previous, current.manifest):
        return Plan(pin, None, None, code, hashes, reason)
    return Plan(pin, previous, current, code, hashes, what_is_new(previous, dates), dates)


def logged_after(pin: Pin, build: Manifest) -> str:
    """Why a build does not hold the pin of its number; empty if it does.

    A lake that was restored from a backup gives the numbers of its lost pins again.
    """
    if pin.pinned_at <= datetime.fromisoformat(build.finished_at):
        return ""
    return f"pin {pin.number} was logged after build {build.build_id}: the lake was restored"


def what_is_new(previous: Pin, dates: DateRange | None) -> str:
    """What an increment builds."""
    again = f", and the dates {dates[0]} to {dates[1]} again" if dates is not None else ""
    return f"what is new since pin {previous.number}{again}"


def rebuild_reason(store: Store, *, keep_rows: bool = False) -> str:
    """Why the next build is made from nothing; empty if it continues the published one.

    Raises:
        AdxError: As `plan_build`.
    """
    current = store.current()
    if current is None:
        lost = store.lost()
        return f"the files of build {lost} are gone" if lost else "nothing is published yet"
    reason = changed_code(current.manifest, dbt.code_hash(), keep_rows=keep_rows)
    if not reason and current.log.exists():
        return f"build {current.manifest.build_id} was written to after it was published"
    return reason


def changed_code(current: Manifest, code: str, *, keep_rows: bool) -> str:
    """What of the code makes a build from nothing necessary; empty if nothing does.

    Raises:
        AdxError: As `plan_build`.
    """
    stored, hashes = current.hash_contract, dbt.hash_contract()
    if stored != hashes:
        reason = (
            f"the vault keys of build {current.build_id} follow version {stored} of the hash "
            f"contract, the code is at {hashes}"
        )
        if keep_rows:
            raise AdxError(
                f"No row of the published warehouse can be kept: {reason}.",
                remedy="Run `adx build` without --keep-rows, then `adx publish`.",
                exit_code=ExitCode.CONFIGURATION,
            )
        return reason
    if current.code != code and not keep_rows:
        return f"the dbt code has changed since build {current.build_id}"
    return ""


@contextmanager
def open_session(
    settings: Settings,
    *,
    pin: int | None = None,
    full_refresh: bool = False,
    keep_rows: bool = False,
    dates: DateRange | None = None,
    again: bool = False,
) -> "Iterator[Session | BigQuerySession | Result]":
    """Hold the writer's lock, pin, plan, copy and register; or say that there is nothing to do.

    A session that is left without `finish` is set aside: it is never published.

    Args:
        settings: The environment.
        pin: Number of a logged pin; by default the lake is pinned now.
        full_refresh: Build everything from nothing.
        keep_rows: The code has changed, but not the rows it makes: build an increment.
        dates: Event dates to build again, though nothing of them is new.
        again: Build even if the newest build is this one already; to be kept in the scratch place.

    Raises:
        AdxError: Another build is running, the lake is empty or has no such pin, or BigQuery
            cannot be used.
        OSError: The disk has no room for the copy.
    """
    if settings.warehouse_engine == "bigquery":
        from orchestration.warehouse.bigquery.build import open_session as open_on_bigquery

        with open_on_bigquery(
            settings,
            pin=pin,
            full_refresh=full_refresh,
            keep_rows=keep_rows,
            dates=dates,
            scratch=again,
        ) as on_bigquery:
            yield on_bigquery
        return
    started_at = datetime.now(UTC)
    store = Store(settings.warehouse)
    lake = Lake.open(settings)
    with store.lock("build"):
        finish_killed(settings, store)
        pinned = pin_lake(lake) if pin is None else find_pin(lake, pin)
        plan = plan_build(
            lake, store, pinned, full_refresh=full_refresh, keep_rows=keep_rows, dates=dates
        )
        newest = next(reversed(store.passed()), None)
        asked = again or full_refresh or dates
        if newest is not None and plan.is_done_by(newest.manifest) and not asked:
            withdrawn = store.versions().withdrawn.get(newest.manifest.build_id)
            yield nothing_new(newest.manifest, str(newest.folder), withdrawn)
            return
        session = Session(settings, lake, store, plan, started_at)
        session.begin()
        try:
            yield session
        finally:
            if session.is_open:
                session.set_aside()


def build(
    settings: Settings,
    *,
    pin: int | None = None,
    full_refresh: bool = False,
    keep_rows: bool = False,
    dates: DateRange | None = None,
    selection: str | None = None,
    on_node: Callable[[str, str], None] | None = None,
) -> Result:
    """Pin (unless a pin is given), build and test; publishing is a step of its own.

    Args:
        settings: The environment.
        pin: Number of a logged pin; by default the lake is pinned now.
        full_refresh: Build everything from nothing.
        keep_rows: The code has changed, but not the rows it makes: build an increment.
        dates: Event dates to build again, though nothing of them is new.
        selection: dbt selection; the result stays in the scratch folder.
        on_node: Called with name and status after each model or test.

    Raises:
        AdxError: A model or test failed (the build is kept aside, what is published stays), dbt
            could not start, another build is running, or the disk is full.
    """
    with open_session(
        settings,
        pin=pin,
        full_refresh=full_refresh,
        keep_rows=keep_rows,
        dates=dates,
        again=selection is not None,
    ) as session:
        if isinstance(session, Result):
            return session
        outcome = session.run(session.arguments(selection), on_node=on_node)
        if outcome.failures:
            raise session.fail(outcome)
        if selection:
            return session.keep_partial(outcome.models, outcome.tests)
        slowest = sorted(outcome.seconds.items(), key=lambda item: -item[1])[:5]
        return session.finish(outcome.models, outcome.tests, slowest=dict(slowest))


def _copy(source: Path, target: Path) -> None:
    """Copy a checkpointed DuckDB file; shares blocks where the file system can (reflink).

    Raises:
        OSError: The disk has no room for it.
    """
    wanted = 2 * source.stat().st_size + _HEADROOM
    if shutil.disk_usage(target.parent).free < wanted:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target.parent))
    try:
        _clone(source, target)
    except OSError as error:
        if error.errno not in _NO_CLONE:
            raise
        shutil.copyfile(source, target)


def _clone(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        while os.copy_file_range(reader.fileno(), writer.fileno(), _CLONE_BYTES):
            failpoint("build.in_copy")
