"""Stock dlt, appending files to an Iceberg table, killed between its commit and its job mark.

    python -m tests.chaos.stock_dlt FOLDER ROWS

Loads rows in a process that dies there, starts again as dlt documents it, and prints how many
rows were sent, how many are in the table, and how many of them are different ones.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any


def main(folder: Path, count: int) -> None:
    os.environ |= {
        "DLT_DATA_DIR": str(folder),
        "DLT_PROJECT_DIR": str(folder),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "CRITICAL",
        "LOAD__WORKERS": "1",
        "NORMALIZE__WORKERS": "1",
    }
    import dlt  # noqa: PLC0415 - it reads the environment when it is imported
    import pyarrow as pa  # noqa: PLC0415
    from dlt.destinations.impl.filesystem import filesystem  # noqa: PLC0415
    from pyiceberg.table import StaticTable  # noqa: PLC0415

    job = filesystem.IcebergLoadFilesystemJob
    commit = job.run

    def pipeline() -> Any:
        return dlt.pipeline(
            "stock",
            pipelines_dir=str(folder / "pipelines"),
            destination=dlt.destinations.filesystem(f"file://{folder}/lake"),
            dataset_name="raw",
        )

    @dlt.resource(name="clicks", write_disposition="append", table_format="iceberg")
    def clicks() -> Any:
        yield pa.table({"click_id": [f"c{number}" for number in range(count)]})

    def killed(self: Any) -> None:
        commit(self)
        os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        job.run = killed
        pipeline().run(clicks())
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    again = pipeline()
    assert again.has_pending_data
    again.run()  # what is pending, and nothing else
    newest = max((folder / "lake" / "raw" / "clicks" / "metadata").glob("*.metadata.json"))
    ids = StaticTable.from_metadata(str(newest)).scan().to_arrow().column("click_id").to_pylist()
    sys.stdout.write(f"{count} {len(ids)} {len(set(ids))}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
