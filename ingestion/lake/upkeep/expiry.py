"""Expiry: the newest metadata of a table forgets snapshots that nobody needs.

What is forgotten is the list, not the files: readers of exact metadata files notice nothing, and
orphan collection finds later which files were only reached through forgotten snapshots.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Final

from pyiceberg.catalog import Catalog
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from ingestion.lake.fence import Append, Fence
from ingestion.lake.pointers import forget_pointers
from ingestion.lake.upkeep.tables import LakeTable

KEPT_SNAPSHOTS: Final = 10
KEPT_HOURS: Final = 72


@dataclass(frozen=True)
class Expiry:
    """What expiry did to a table, or would do.

    Attributes:
        table: `<source>.<table>`, or `ops.<table>`.
        before: Snapshots that its metadata listed.
        removed: Snapshots that were forgotten.
        pinned: Snapshots that stay because a pin names them.
        pointers: Pointers of forgotten commits that were removed.
        is_done: Whether it was done, or only planned.
    """

    table: str
    before: int
    removed: int
    pinned: int
    pointers: int
    is_done: bool


def expire_table(
    lake_table: LakeTable,
    catalog: Catalog,
    fence: Fence,
    root: str,
    *,
    pinned: Collection[int],
    before: datetime,
    keep: int = KEPT_SNAPSHOTS,
    check: bool = False,
) -> Expiry:
    """Forget the old snapshots of a table; a commit of its own, where there is anything to do.

    Args:
        lake_table: The table.
        catalog: Its catalog.
        fence: Commits to it.
        root: Where the lake's files are.
        pinned: Snapshots that stay.
        before: Snapshots that were the head at this time or later stay.
        keep: So many of the newest stay, that of the commit itself among them.
        check: Only say what would be done.
    """

    def plan(table: Table) -> Append[Expiry] | Expiry:
        known = table.snapshots()
        forgotten = old_snapshots(known, pinned=pinned, before=before, keep=keep)
        done = Expiry(
            table=lake_table.name,
            before=len(known),
            removed=len(forgotten),
            pinned=sum(item.snapshot_id in pinned for item in known),
            pointers=0,
            is_done=not check,
        )
        if check or not forgotten:
            return done
        return Append(
            files=[],
            properties={},
            ingest_seq=None,
            outcome=lambda _: done,
            forgotten=forgotten,
        )

    if check:
        planned = plan(lake_table.load(catalog))
        assert isinstance(planned, Expiry)  # noqa: S101 - that is what `check` gives
        return planned
    done = fence.commit(lake_table.identifier, plan)
    # A process that died before this leaves pointers too many, which the next one removes.
    pointers = forget_pointers(root, lake_table.load(catalog))
    return replace(done, pointers=pointers)


def old_snapshots(
    snapshots: Sequence[Snapshot], *, pinned: Collection[int], before: datetime, keep: int
) -> list[int]:
    """Ids of snapshots that neither a pin, nor their number, nor their age keeps.

    The age of a snapshot counts from the commit after it: until then it was the head.

    Args:
        snapshots: Those of a table.
        pinned: As in `expire_table`.
        before: As in `expire_table`.
        keep: As in `expire_table`; the commit that forgets is one of them, so that a table which
            has forgotten enough is not committed to again.
    """
    known = sorted(snapshots, key=lambda item: item.sequence_number or 0)
    replaced_at = {item.snapshot_id: after.timestamp_ms for item, after in pairwise(known)}
    free = [item.snapshot_id for item in known if item.snapshot_id not in pinned]
    if len(free) <= keep:
        return []
    limit = before.timestamp() * 1000
    return [
        number
        for number in free[: len(free) - max(keep - 1, 0)]
        if number in replaced_at and replaced_at[number] < limit
    ]
