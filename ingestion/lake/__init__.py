"""The lake: the only code that writes to Iceberg, and the fence every commit passes.

Names are imported when they are first used: a Spark executor that only writes data files starts
in 0.5 s of CPU, against 4 s with pyiceberg, SQLAlchemy and DuckDB.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ingestion.lake.check import FileProblem
    from ingestion.lake.claims import (
        BatchClaim,
        BatchState,
        Claims,
        FileClaim,
        Load,
        StalePlan,
        StreamClaim,
    )
    from ingestion.lake.commits import CommitResult
    from ingestion.lake.files import DataFile, write_data_files
    from ingestion.lake.lake import Lake
    from ingestion.lake.ops import new_run_id
    from ingestion.lake.pins import Pin, PinnedTable, TableWindow, Window
    from ingestion.lake.raw_tables import StreamPosition, TableHead
    from ingestion.lake.versions import TableUpgrade

__all__ = [
    "BatchClaim",
    "BatchState",
    "Claims",
    "CommitResult",
    "DataFile",
    "FileClaim",
    "FileProblem",
    "Lake",
    "Load",
    "Pin",
    "PinnedTable",
    "StalePlan",
    "StreamClaim",
    "StreamPosition",
    "TableHead",
    "TableUpgrade",
    "TableWindow",
    "Window",
    "new_run_id",
    "write_data_files",
]

_HOMES: Final = {
    "check": ("FileProblem",),
    "claims": (
        "BatchClaim",
        "BatchState",
        "Claims",
        "FileClaim",
        "Load",
        "StalePlan",
        "StreamClaim",
    ),
    "commits": ("CommitResult",),
    "files": ("DataFile", "write_data_files"),
    "lake": ("Lake",),
    "ops": ("new_run_id",),
    "pins": ("Pin", "PinnedTable", "TableWindow", "Window"),
    "raw_tables": ("StreamPosition", "TableHead"),
    "versions": ("TableUpgrade",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
