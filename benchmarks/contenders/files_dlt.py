"""Stock dlt: rows of its own JSONL reader, normalised, loaded as Parquet files."""

import os
from pathlib import Path
from typing import Any

from benchmarks.contender import contend
from benchmarks.usage import Clock


def work(arguments: dict[str, Any]) -> dict[str, Any]:
    """Run one pipeline over all files."""
    home = Path(arguments["home"])
    os.environ.update(
        {
            "DLT_DATA_DIR": str(home / "dlt"),
            "DLT_PROJECT_DIR": str(home / "dlt"),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "RUNTIME__LOG_LEVEL": "CRITICAL",
        }
    )
    import dlt  # noqa: PLC0415 - it reads the environment while it is imported
    from dlt.sources.filesystem import filesystem, read_jsonl  # noqa: PLC0415

    folder = Path(arguments["files"][0]).parent
    clock = Clock()
    files = filesystem(bucket_url=folder.as_uri(), file_glob="*.jsonl.gz")
    pipeline = dlt.pipeline(
        "peer",
        pipelines_dir=str(home / "pipelines"),
        destination=dlt.destinations.filesystem(bucket_url=(home / "out").as_uri()),
        dataset_name="raw",
    )
    pipeline.run((files | read_jsonl()).with_name("impressions"), loader_file_format="parquet")
    return {
        "cpu": clock.cpu,
        "wall": clock.wall,
        "files": str(home / "out" / "raw" / "impressions" / "*.parquet"),
    }


if __name__ == "__main__":
    contend(work)
