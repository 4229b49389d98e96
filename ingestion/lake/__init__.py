"""The lake: the only code that writes to Iceberg, and the fence every commit passes."""

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

__all__ = [
    "BatchClaim",
    "BatchState",
    "Claims",
    "CommitResult",
    "DataFile",
    "FileClaim",
    "Lake",
    "Load",
    "StalePlan",
    "StreamClaim",
    "StreamPosition",
    "TableHead",
    "write_data_files",
]
