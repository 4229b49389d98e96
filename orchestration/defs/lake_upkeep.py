"""Daily upkeep of the lake: files made few, snapshots forgotten, orphans found, the catalog saved.

One after the other, since each works on what the one before leaves behind. Readers notice nothing;
a build waits, because all of them take its place in the pool of the warehouse's writers.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings
from orchestration.defs.upkeep import LAKE_SIZE, OLD_BUILDS
from orchestration.defs.warehouse import WRITER_POOL
from orchestration.lib.retries import retried
from orchestration.lib.translator import PLATFORM_TEAM

if TYPE_CHECKING:
    from ingestion.lake.pointers import Pointer

COMPACTED = dg.AssetKey(["upkeep", "compacted"])
EXPIRED = dg.AssetKey(["upkeep", "expired_snapshots"])
ORPHANS = dg.AssetKey(["upkeep", "orphans"])
BACKUP = dg.AssetKey(["upkeep", "catalog_backup"])

LAKE_UPKEEP = (COMPACTED, EXPIRED, ORPHANS, BACKUP)

RESTORED = dg.AssetKey(["upkeep", "catalog_restored"])
REBUILT = dg.AssetKey(["upkeep", "catalog_rebuilt"])


class OrphansConfig(dg.Config):
    """Whether this run removes orphans, even if the settings say that they are only found."""

    delete: bool = False


def lake_upkeep_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """Everything that the daily upkeep does to the lake."""

    @_upkeep(
        COMPACTED,
        [LAKE_SIZE, OLD_BUILDS],
        "Small files of a date become one; rows and commit numbers stay. What is not published "
        "yet is left alone.",
    )
    def compacted(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        from orchestration.lake_upkeep import compact

        with retried(settings, context):
            done = compact(settings, progress=context.log.info)
        rewritten = [item for item in done if item.is_done]
        return dg.MaterializeResult(
            metadata={
                "files_before": sum(item.files_before for item in done),
                "files_after": sum(item.files_after for item in done),
                "bytes_before": sum(item.bytes_before for item in done),
                "bytes_after": sum(item.bytes_after or 0 for item in done),
                "rows_rewritten": sum(item.rows for item in rewritten),
                "tables": _table(
                    ("files before", "files after", "rows rewritten"),
                    [
                        (item.table, item.files_before, item.files_after, item.rows)
                        for item in rewritten
                    ],
                ),
            }
        )

    @_upkeep(
        EXPIRED,
        [COMPACTED],
        "The newest metadata forgets snapshots that are old and that no pin names.",
    )
    def expired_snapshots(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        from orchestration.lake_upkeep import expire

        with retried(settings, context):
            done = expire(settings, progress=context.log.info)
        return dg.MaterializeResult(
            metadata={
                "snapshots_before": sum(item.before for item in done),
                "snapshots_removed": sum(item.removed for item in done),
                "snapshots_pinned": sum(item.pinned for item in done),
                "pointers_removed": sum(item.pointers for item in done),
                "tables": _table(
                    ("snapshots", "removed", "pinned"),
                    [
                        (item.table, item.before, item.removed, item.pinned)
                        for item in done
                        if item.removed
                    ],
                ),
            }
        )

    @_upkeep(
        ORPHANS,
        [EXPIRED],
        "Files that no snapshot, pin, build or pointer reaches. They are removed only where "
        "ADX_DELETE_ORPHANS or the run's configuration says so, and when nobody writes.",
    )
    def orphans(
        context: dg.AssetExecutionContext, config: OrphansConfig
    ) -> dg.MaterializeResult[None]:
        from orchestration.lake_upkeep import orphans as find

        with retried(settings, context):
            delete = config.delete or settings.delete_orphans
            found = find(settings, delete=delete, progress=context.log.info)
        return dg.MaterializeResult(
            metadata={
                "files": sum(item.checked for item in found),
                "orphans": sum(len(item.files) for item in found),
                "orphan_bytes": sum(item.bytes for item in found),
                "too_young": sum(item.young for item in found),
                "removed": sum(len(item.files) for item in found if item.is_deleted),
                "tables": _table(
                    ("orphans", "bytes"),
                    [(item.table, len(item.files), item.bytes) for item in found if item.files],
                ),
            }
        )

    @_upkeep(
        BACKUP,
        [EXPIRED],
        "What the catalog knows, in one file outside the lake, the newest 14.",
    )
    def catalog_backup(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        from orchestration.lake_upkeep import back_up

        with retried(settings, context):
            taken = back_up(settings)
        return dg.MaterializeResult(
            metadata={
                "tables": len(taken.tables),
                "is_new": taken.is_new,
                "file": dg.MetadataValue.path(taken.location),
                "taken_at": taken.taken_at.isoformat(),
            }
        )

    return [compacted, expired_snapshots, orphans, catalog_backup]


class RebuildConfig(dg.Config):
    """Whether a lost catalog is to be brought back; nothing but a person says so."""

    confirm: bool = False


class RestoreConfig(RebuildConfig):
    """The same, and from which backup; by default the newest of this home."""

    backup: str = ""


def lost_catalog_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The ways back of a lost catalog: in no job, and refused unless the run says `confirm`."""

    @_upkeep(
        RESTORED,
        [],
        "A lost catalog, brought back from a backup, or from the pointers where they know more. "
        "Only by hand: the run's configuration says `confirm: true`, and may name the `backup`.",
    )
    def catalog_restored(
        context: dg.AssetExecutionContext, config: RestoreConfig
    ) -> dg.MaterializeResult[None]:
        from orchestration.lake_upkeep import restore

        _demand(config, RESTORED)
        with retried(settings, context):
            return _taken(restore(settings, config.backup or None), config.backup or "the newest")

    @_upkeep(
        REBUILT,
        [],
        "A lost catalog, brought back from the pointers that each commit left beside the lake. "
        "Only by hand: the run's configuration says `confirm: true`.",
    )
    def catalog_rebuilt(
        context: dg.AssetExecutionContext, config: RebuildConfig
    ) -> dg.MaterializeResult[None]:
        from orchestration.lake_upkeep import rebuild

        _demand(config, REBUILT)
        with retried(settings, context):
            return _taken(rebuild(settings), "pointers")

    return [catalog_restored, catalog_rebuilt]


def _demand(config: RebuildConfig, key: dg.AssetKey) -> None:
    """Refuse what nobody has asked for.

    Raises:
        AdxError: The run's configuration does not confirm it.
    """
    if not config.confirm:
        step = "__".join(key.path)
        raise AdxError(
            f"{key.to_user_string()} brings a lost catalog back, and this run does not confirm it.",
            remedy=f"Launch it with `ops: {{{step}: {{config: {{confirm: true}}}}}}`.",
            exit_code=ExitCode.USAGE,
        )


def _taken(pointers: "list[Pointer]", source: str) -> dg.MaterializeResult[None]:
    """What the catalog knows again."""
    return dg.MaterializeResult(
        metadata={
            "tables_taken": len(pointers),
            "from": source,
            "tables": _table(
                ("commit", "seq"),
                [
                    (pointer.table, pointer.sequence_number, pointer.ingest_seq)
                    for pointer in pointers
                ],
            ),
        }
    )


def _upkeep(
    key: dg.AssetKey, deps: Sequence[dg.AssetKey], description: str
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """An asset of the upkeep of the lake."""
    return dg.asset(
        key=key,
        deps=deps,
        group_name="upkeep",
        kinds={"iceberg"},
        owners=[PLATFORM_TEAM],
        pool=WRITER_POOL,
        description=description,
    )


def _table(
    columns: Sequence[str], rows: Sequence[tuple[str, *tuple[int, ...]]]
) -> dg.MarkdownMetadataValue:
    title = f"| table | {' | '.join(columns)} |\n| --- |{' ---: |' * len(columns)}"
    lines = [
        f"| {name} | " + " | ".join(f"{cell:,}" for cell in cells) + " |" for name, *cells in rows
    ]
    return dg.MetadataValue.md("\n".join([title, *lines]))
