"""What the processes of a stream tell each other: the plan of a query, a task's range, its result.

All of it is plain values that travel as JSON or pickles; nothing here imports Spark, Arrow or the
lake, because Spark starts several small Python processes that only need this much.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zlib import crc32

from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint

_ERROR_OPEN, _ERROR_CLOSE = "<adx-error>", "</adx-error>"


@dataclass(frozen=True)
class QueryPlan:
    """All that a query and its tasks need to know.

    Attributes:
        topic: Logical name of the topic.
        topic_id: The topic that the table is read from, as the lake knows it.
        source: Source of the contract.
        table: Table of the contract.
        version: Version of the contract.
        contracts: Folder of the contract files, as the driver's `ADX_CONTRACTS` names it; empty
            for the executor's own.
        location: Location of the lake table, for the data files.
        start: Offset from which each partition is read.
        end: Offset up to which each partition is read; None: as far as it goes, for ever.
        most_records: Most records of a batch.
        folder: Folder of this query, on the driver: its checkpoint and its `DriverState`.
        settings: The settings, as `Settings.model_dump_json` gives them.
        keys: Fingerprint of the pseudonym key that every task must work with.
    """

    topic: str
    topic_id: str
    source: str
    table: str
    version: int
    contracts: str
    location: str
    start: dict[int, int]
    end: dict[int, int] | None
    most_records: int
    folder: str
    settings: str
    keys: str

    def to_json(self) -> str:
        """The plan as one option of a Spark data source."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "QueryPlan":
        """Read what `to_json` gave; JSON has turned the partitions into text."""
        values = json.loads(text)
        return cls(
            **{
                **values,
                "start": int_keys(values["start"]),
                "end": None if values["end"] is None else int_keys(values["end"]),
            }
        )


@dataclass(frozen=True)
class TaskRange:
    """What one task consumes, lands and writes.

    Attributes:
        partition: Partition of the topic.
        start: First offset.
        end: Offset after the last one.
        ingest_seq: Stamped on every row; the table's own at planning time plus one.
        loaded_at: Stamped on every row; one time for the whole batch.
    """

    partition: int
    start: int
    end: int
    ingest_seq: int
    loaded_at: datetime


@dataclass(frozen=True)
class Descriptor:
    """What a task reports: the range it covered, the files that hold it, what is in them.

    Attributes:
        partition: Partition of the topic.
        start: First offset of the range.
        end: Offset after the last one.
        ingest_seq: The number that the rows carry.
        files: Data files, as `DataFile.to_dict` gives them.
        read: Records consumed.
        failed: Failed rows among them, by reason.
        drift: Rows with unknown fields.
    """

    partition: int
    start: int
    end: int
    ingest_seq: int
    files: list[dict[str, Any]]
    read: int
    failed: dict[str, int]
    drift: int

    def to_json(self) -> str:
        """The descriptor as the one column that Spark carries."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Descriptor":
        """Read what `to_json` gave."""
        return cls(**json.loads(text))


class DriverState:
    """The head that the next batch is planned on, told by the driver to the planning process.

    Spark plans in a Python process of its own. Handing it this number spares it opening the lake
    for each batch. A wrong number would be refused by the fence, and taken for another stream's
    doing; so a file that was cut short or written over is known by its checksum.
    """

    def __init__(self, plan: QueryPlan) -> None:
        self._path = Path(plan.folder) / "ingest_seq"

    def write(self, ingest_seq: int) -> None:
        """Tell the number of the newest commit."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_suffix(".tmp")
        scratch.write_text(_checked(ingest_seq), encoding="ascii")
        failpoint("stream.in_state")
        scratch.replace(self._path)

    def read(self) -> int:
        """The number of the newest commit.

        Raises:
            ValueError: The file is damaged; the query fails, and the next one gets a new file.
        """
        text = self._path.read_text(encoding="ascii")
        number = int(text.partition(" ")[0])
        if text != _checked(number):
            raise ValueError(f"{self._path} is damaged: {text[:50]!r}")
        return number


def _checked(number: int) -> str:
    return f"{number} {crc32(str(number).encode()):08x}"


def int_keys(offsets: dict[str, int]) -> dict[int, int]:
    """Offsets by partition, from a JSON object."""
    return {int(partition): offset for partition, offset in offsets.items()}


def wrap_error(error: AdxError) -> RuntimeError:
    """An error whose text survives the way through Spark: Python, JVM, Python."""
    values = {"message": error.message, "remedy": error.remedy, "exit_code": int(error.exit_code)}
    return RuntimeError(f"{_ERROR_OPEN}{json.dumps(values)}{_ERROR_CLOSE}")


def unwrap_error(text: str) -> AdxError | None:
    """The error that a text of Spark's carries, if it carries one of ours."""
    _, opened, rest = text.partition(_ERROR_OPEN)
    inside, closed, _ = rest.partition(_ERROR_CLOSE)
    if not (opened and closed):
        return None
    values = json.loads(inside)
    return AdxError(
        values["message"],
        remedy=values["remedy"],
        exit_code=ExitCode(values["exit_code"]),
    )
