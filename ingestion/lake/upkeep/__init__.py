"""Upkeep of the lake: what commits leave behind is made small, forgotten, removed, and copied.

    compaction   small files of a partition become one; rows stay as they are
    expiry       the newest metadata forgets snapshots that nobody needs
    orphans      files that nothing reaches any more are found, and removed if asked for
    backup       what the catalog knows, in one file outside the lake

Nothing here changes what a reader sees: readers take exact metadata files, and whatever one that is
kept (`reachable.Kept`) reaches stays. `docs/runbooks/lake-upkeep.md` says how to live with it.
"""
