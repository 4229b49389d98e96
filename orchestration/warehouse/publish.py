"""Makes a build the one that readers see, by replacing one link (or the views of BigQuery).

Going back is the same swap, to a build that readers saw before. What it takes away from them is
written down first, so that no automation shows it to them again (`versions.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ingestion.errors import AdxError
from ingestion.failpoints import failpoint
from ingestion.lake import Lake
from ingestion.lake.ops import new_run_id
from ingestion.settings import Settings
from orchestration.warehouse import ledger
from orchestration.warehouse.duck import open_file
from orchestration.warehouse.store import Build, Manifest, Store
from orchestration.warehouse.versions import Versions, Withdrawal


@dataclass(frozen=True)
class Publication:
    """What a publish did.

    Attributes:
        status: `published`, `nothing to do` when that build is current already, or `held` when a
            rollback keeps readers where they are.
        build_id: The build that readers see now.
        pin: Its pin.
        replaced: The build they saw before.
        removed: Builds that were old enough to go.
        why: Why it is held.
    """

    status: str
    build_id: str
    pin: int
    replaced: str | None
    removed: list[str]
    why: str | None = None


@dataclass(frozen=True)
class Rollback:
    """What a rollback did.

    Attributes:
        status: `rolled back`, or `nothing to do` when readers have gone back already.
        build_id: The build that readers see now.
        pin: Its pin.
        withdrawn: Builds that it took away from them, oldest first.
        reason: Why.
    """

    status: str
    build_id: str
    pin: int
    withdrawn: list[str]
    reason: str


def published_manifest(settings: Settings) -> Manifest | None:
    """What readers see now, on either engine; None before the first publish.

    Raises:
        AdxError: BigQuery cannot be used.
    """
    if settings.warehouse_engine == "bigquery":
        from orchestration.warehouse.bigquery.builds import Builds
        from orchestration.warehouse.bigquery.service import Service

        published = Builds(Service(settings)).published()
        return published.manifest if published else None
    current = Store(settings.warehouse).current()
    return current.manifest if current else None


def kept_versions(settings: Settings) -> Versions:
    """Which builds are kept, and what became of them, on either engine.

    Raises:
        AdxError: BigQuery cannot be used.
    """
    if settings.warehouse_engine == "bigquery":
        from orchestration.warehouse.bigquery.publish import versions_of
        from orchestration.warehouse.bigquery.service import Service

        return versions_of(Service(settings))
    return Store(settings.warehouse).versions()


def publish(
    settings: Settings, build_id: str | None = None, *, by_itself: bool = False
) -> Publication:
    """Publish the newest build that passed and was not withdrawn, or the named one.

    A rollback that was killed half-way is carried out first.

    Args:
        settings: The environment.
        build_id: The build; one that was withdrawn is so no longer.
        by_itself: Nobody asked for it: after a rollback nothing is published.

    Raises:
        AdxError: There is nothing to publish, or the build is not whole or older than the one that
            readers see.
    """
    if settings.warehouse_engine == "bigquery":
        from orchestration.warehouse.bigquery.publish import publish as publish_on_bigquery

        return publish_on_bigquery(settings, build_id, by_itself=by_itself)
    started_at = datetime.now(UTC)
    store = Store(settings.warehouse)
    lake = Lake.open(settings)
    with store.lock("publish"):
        finish_killed(settings, store)
        versions = store.versions()
        current = store.current()
        if by_itself and current is not None and (hold := versions.held_by) is not None:
            return held(current.manifest, hold, store.tidy(settings.kept_builds))
        build = store.read(versions.to_publish(build_id).build_id)
        if current is not None and current.folder == build.folder:
            return nothing_to_publish(build.manifest)
        _check(build, settings)
        if build.ledger_row is not None:
            # whoever built it may have been killed before it could write this
            ledger.write(lake, ledger.from_json(build.ledger_row))
        store.will_publish(build)
        replaced = current.manifest if current is not None else None
        row = begin_publish(store, build.manifest, replaced, started_at)
        failpoint("publish.before_swap")
        store.point_to(build)
        failpoint("publish.after_swap")
        removed = store.tidy(settings.kept_builds, current)
        record_publish(lake, store, row)
    return published(build.manifest, replaced, removed)


def nothing_to_publish(manifest: Manifest) -> Publication:
    """What is said if readers see that build already."""
    return Publication("nothing to do", manifest.build_id, manifest.pin, None, [])


def held(manifest: Manifest, hold: Withdrawal, removed: list[str]) -> Publication:
    """What is said if a rollback keeps readers where they are.

    Args:
        manifest: The build that readers see.
        hold: The rollback.
        removed: Builds that were old enough to go.
    """
    return Publication(
        "held",
        manifest.build_id,
        manifest.pin,
        None,
        removed,
        f"Readers went back from {hold.build_id} to {hold.returned_to} ({hold.reason}). Until "
        "somebody publishes a newer build with `adx publish`, nothing is published by itself.",
    )


def begin_publish(
    store: Store, manifest: Manifest, replaced: Manifest | None, started_at: datetime
) -> ledger.Row:
    """Note the ledger row of a publish that is about to be done; needs the lock.

    Args:
        store: Where it is noted.
        manifest: The build that readers are going to see.
        replaced: The one that they see.
        started_at: When publishing started, UTC.
    """
    row = ledger.row(
        "publish",
        manifest.build_id,
        started_at,
        loaded=manifest.rows,
        pin=manifest.pin,
        replaced=None if replaced is None else replaced.build_id,
    )
    store.note_publish(ledger.to_json(row))
    return row


def record_publish(lake: Lake, store: Store, row: ledger.Row) -> None:
    """Write the ledger row of a publish that is done, and forget the note; needs the lock."""
    ledger.write(lake, row)
    failpoint("publish.after_ledger")
    store.forget_publish()


def finish_publish(settings: Settings, store: Store, current: str | None) -> None:
    """Write the ledger row of a publish whose process was killed; needs the lock.

    Args:
        settings: Where the ledger is.
        store: Where the publish was noted.
        current: The build that readers see; with another one the publish has not come to be.
    """
    noted = store.noted_publish()
    if noted is None:
        return
    row = ledger.from_json(noted)
    if row["subject"] == current:
        record_publish(Lake.open(settings), store, row)
    else:
        store.forget_publish()


def published(manifest: Manifest, replaced: Manifest | None, removed: list[str]) -> Publication:
    """What is said of a publish that is done.

    Args:
        manifest: The build that readers see now.
        replaced: The one that they saw before.
        removed: Builds that were old enough to go.
    """
    before = None if replaced is None else replaced.build_id
    return Publication("published", manifest.build_id, manifest.pin, before, removed)


def rollback(settings: Settings, build_id: str | None = None, *, reason: str) -> Rollback:
    """Let readers go back to the build that they saw before, or to the named one.

    Asked for twice without a name it goes back once: who wants to go further names the build.

    Args:
        settings: The environment.
        build_id: A build that is kept and older than what readers see.
        reason: Why; it stands in the run ledger.

    Raises:
        AdxError: There is no such build, no older one, or it is not whole.
    """
    if settings.warehouse_engine == "bigquery":
        from orchestration.warehouse.bigquery.publish import rollback as rollback_on_bigquery

        return rollback_on_bigquery(settings, build_id, reason=reason)
    store = Store(settings.warehouse)
    with store.lock("rollback"):
        finish_killed(settings, store)
        versions = store.versions()
        if (done := already_back(versions, build_id)) is not None:
            return done
        target = versions.to_go_back_to(build_id)
        _check(store.read(target.build_id), settings)
        withdrawals = decide(versions, target, reason)
        store.withdraw(withdrawals)
        failpoint("rollback.after_decision")
        return _go_back(settings, store, withdrawals)


def finish_killed(settings: Settings, store: Store) -> None:
    """End what a killed process has begun: the note of a publish, a rollback; needs the lock."""
    versions = store.versions()
    current = versions.current
    finish_publish(settings, store, None if current is None else current.build_id)
    if versions.unfinished is not None:
        _go_back(settings, store, of_one_rollback(versions, versions.unfinished))


def _go_back(settings: Settings, store: Store, withdrawals: Sequence[Withdrawal]) -> Rollback:
    target = store.read(withdrawals[0].returned_to)
    done = record_rollback(Lake.open(settings), target.manifest, withdrawals)
    failpoint("publish.before_swap")
    store.will_publish(target)
    store.point_to(target)
    failpoint("publish.after_swap")
    return done


def already_back(versions: Versions, build_id: str | None) -> Rollback | None:
    """What is said if readers have gone back already; None if there is something to do."""
    current, hold = versions.current, versions.held_by
    if current is None or (build_id or current.build_id) != current.build_id:
        return None
    if hold is None and build_id is None:
        return None
    return Rollback(
        "nothing to do",
        current.build_id,
        current.pin,
        [],
        hold.reason if hold is not None else "",
    )


def decide(versions: Versions, target: Manifest, reason: str) -> list[Withdrawal]:
    """Withdraw every build that is newer than the one to go back to."""
    now = datetime.now(UTC).isoformat()
    run_id = new_run_id("rollback")
    return [
        Withdrawal(build_id, target.build_id, reason, now, run_id)
        for build_id in versions.taken_back_by(target)
    ]


def of_one_rollback(versions: Versions, withdrawal: Withdrawal) -> list[Withdrawal]:
    """All builds that were withdrawn with one of them."""
    return [each for each in versions.withdrawn.values() if each.run_id == withdrawal.run_id]


def record_rollback(lake: Lake, target: Manifest, withdrawals: Sequence[Withdrawal]) -> Rollback:
    """Write the ledger row of a rollback that is decided; the same rollback has one row.

    Args:
        lake: Where the ledger is.
        target: The build that readers go back to.
        withdrawals: What they shall not see any more.
    """
    first = withdrawals[0]
    withdrawn = sorted(each.build_id for each in withdrawals)
    ledger.record(
        lake,
        "rollback",
        target.build_id,
        datetime.fromisoformat(first.withdrawn_at),
        row_id=first.run_id,
        loaded=target.rows,
        pin=target.pin,
        withdrawn=withdrawn,
        reason=first.reason,
    )
    return Rollback("rolled back", target.build_id, target.pin, withdrawn, first.reason)


def _check(build: Build, settings: Settings) -> None:
    """The file must be whole on disk and hold what its manifest says.

    Raises:
        AdxError: It was changed after the build.
    """
    if build.log.exists():
        raise AdxError(
            f"Build {build.manifest.build_id} has changes that are not checkpointed.",
            remedy="A program wrote to it after the build; run `adx build --full-refresh`.",
        )
    with open_file(build.file, settings, read_only=True, lake=False) as connection:
        row = connection.execute("select build_id, pin from meta.build").fetchone()
    if row != (build.manifest.build_id, build.manifest.pin):
        raise AdxError(
            f"The file of build {build.manifest.build_id} is another build's: {row}.",
            remedy=f"Remove {build.folder} and run `adx build`.",
        )
