"""Makes a build the one that readers see, by replacing one link (or the views of BigQuery)."""

from dataclasses import dataclass
from datetime import UTC, datetime

from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint
from ingestion.lake import Lake
from ingestion.settings import Settings
from orchestration.warehouse import ledger
from orchestration.warehouse.duck import open_file
from orchestration.warehouse.store import Build, Manifest, Store


@dataclass(frozen=True)
class Publication:
    """What a publish did.

    Attributes:
        status: `published`, or `nothing to do` when that build is current already.
        build_id: The build that readers see now.
        pin: Its pin.
        replaced: The build they saw before.
        removed: Builds that were old enough to go.
    """

    status: str
    build_id: str
    pin: int
    replaced: str | None
    removed: list[str]


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


def publish(settings: Settings, build_id: str | None = None) -> Publication:
    """Publish the newest build that passed, or the named one (also an older one, to go back).

    Raises:
        AdxError: There is nothing to publish, or the build is not whole.
    """
    if settings.warehouse_engine == "bigquery":
        from orchestration.warehouse.bigquery.publish import publish as publish_on_bigquery

        return publish_on_bigquery(settings, build_id)
    started_at = datetime.now(UTC)
    store = Store(settings.warehouse)
    with store.lock("publish"):
        current = store.current()
        build = store.read(build_id) if build_id else _newest(store)
        if current is not None and current.folder == build.folder:
            return Publication(
                "nothing to do", build.manifest.build_id, build.manifest.pin, None, []
            )
        _check(build, settings)
        failpoint("publish.before_swap")
        store.point_to(build)
        failpoint("publish.after_swap")
        removed = store.tidy(current)
    replaced = current.manifest if current is not None else None
    return record_publish(Lake.open(settings), build.manifest, replaced, started_at, removed)


def record_publish(
    lake: Lake,
    manifest: Manifest,
    replaced: Manifest | None,
    started_at: datetime,
    removed: list[str],
) -> Publication:
    """Write the ledger row of a publish that is done.

    Args:
        lake: Where the ledger is.
        manifest: The build that readers see now.
        replaced: The one that they saw before.
        started_at: When publishing started, UTC.
        removed: Builds that were old enough to go.
    """
    before = None if replaced is None else replaced.build_id
    ledger.record(
        lake,
        "publish",
        manifest.build_id,
        started_at,
        loaded=manifest.rows,
        pin=manifest.pin,
        replaced=before,
        removed=removed,
    )
    return Publication("published", manifest.build_id, manifest.pin, before, removed)


def _newest(store: Store) -> Build:
    """The newest build; going back to an older one must be asked for by name."""
    passed = store.passed()
    if not passed:
        raise AdxError(
            f"There is no build to publish in {store.builds}.",
            remedy="Run `adx build` first; a build that fails its tests is never published.",
            exit_code=ExitCode.CONFIGURATION,
        )
    return passed[-1]


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
