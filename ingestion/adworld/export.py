"""A day's messages as Parquet files, for tests and benchmarks that need no broker."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.adworld.config import WorldConfig
from ingestion.adworld.program import Message
from ingestion.adworld.sources import script_of

SCHEMA = pa.schema(
    [
        ("topic", pa.string()),
        ("partition", pa.int32()),
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("event_id", pa.binary()),
    ]
)
"""`event_id` is the header of that name; order within a partition is the order of the rows."""


def messages_table(messages: list[Message]) -> pa.Table:
    """Messages as a table of `SCHEMA`."""
    columns = list(zip(*messages, strict=True)) or [()] * 5
    headers = [dict(header).get("event_id") if header else None for header in columns[4]]
    return pa.table([*columns[:4], headers], schema=SCHEMA)


def export_messages(config: WorldConfig, day: int, folder: Path) -> list[Path]:
    """Write the messages of a day, one file an hour and topic.

    Returns:
        The files, in the order in which their messages are sent.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, messages in enumerate(script_of(config, day).chunks()):
        paths.append(folder / f"messages-{day:03d}-{number:03d}.parquet")
        pq.write_table(messages_table(messages), paths[-1], compression="zstd")
    return paths
