"""The lake: the only code that writes to Iceberg, and the fence every commit passes."""

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
from ingestion.lake.files import DataFile, write_data_files
from ingestion.lake.lake import CommitResult, Lake, StreamPosition, TableHead
from ingestion.lake.ops import new_run_id
from ingestion.lake.pins import Pin, PinnedTable, TableWindow, Window

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
    "TableWindow",
    "Window",
    "new_run_id",
    "write_data_files",
]
