"""What a commit claims to bring, and how a claim compares with what is already committed.

Pure functions on the table's properties; `fence.py` calls them on the very table object that it
then commits to.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ingestion.errors import AdxError, ExitCode

SEQ: Final = "adx.ingest-seq"
STREAM: Final = "adx.stream"
FILES: Final = "adx.files"
FILES_LEFT: Final = "adx.files-left"
BATCH_PREFIX: Final = "adx.batch."

KEPT_LOADS: Final = 200
"""Load ids a pipeline remembers; a package is replayed at once after a crash, or never."""
KEPT_FILES: Final = 500
"""File claims a table carries; older ones are in `ops.file_registry` only."""


class StalePlan(Exception):  # noqa: N818 - a verdict that asks for a new plan, not an error
    """The table has moved on since the batch was planned; plan again from `Lake.head`."""


@dataclass(frozen=True)
class StreamClaim:
    """A batch of a topic: for each partition the offsets `start <= offset < end`.

    Attributes:
        topic: Name of the topic, for messages.
        topic_id: UUID of the topic; a recreated topic is another topic.
        start: First offset of each partition.
        end: Next offset of each partition after the batch.
    """

    topic: str
    topic_id: str
    start: Mapping[int, int]
    end: Mapping[int, int]

    def __post_init__(self) -> None:
        if set(self.start) != set(self.end):
            raise ValueError(f"{self.topic}: start and end name different partitions")
        for partition, first in self.start.items():
            if not 0 <= first <= self.end[partition]:
                raise ValueError(f"{self.topic}: partition {partition} ends before it starts")


@dataclass(frozen=True)
class BatchClaim:
    """One package of a batch pipeline.

    Attributes:
        pipeline: Name of the pipeline; one pipeline feeds one table.
        load_id: Identifies the package; a package is committed once.
        position: Position in the source after the package, JSON-able.
        files: Files the package holds, `{sha256: name}`; a file is loaded once. The name is what
            `_source_file` says. Two contents of one name belong into two packages, because the
            later one supersedes the earlier.
        state: State of the extractor after the package, as text; None keeps the one before.
        schema: Schema of the extractor, as text; None keeps the one before.
        follows: Load id that was the pipeline's last one when the package was extracted ("" for
            none); if another was committed since, the package is stale. None: not checked.
    """

    pipeline: str
    load_id: str
    position: Any = None
    files: Mapping[str, str] = field(default_factory=dict)
    state: str | None = None
    schema: str | None = None
    follows: str | None = None

    def __post_init__(self) -> None:
        if len(set(self.files.values())) != len(self.files):
            raise ValueError(f"{self.pipeline}: two contents under one name in {self.load_id}")


@dataclass(frozen=True)
class Load:
    """A package that was committed: its commit, and what it brought."""

    load_id: str
    ingest_seq: int
    rows: int
    failed: int


@dataclass(frozen=True)
class BatchState:
    """What a table knows of a pipeline that feeds it."""

    position: Any = None
    state: str | None = None
    schema: str | None = None
    loads: tuple[Load, ...] = ()

    @property
    def last_load_id(self) -> str:
        """Load id of the newest package; empty if there is none."""
        return self.loads[-1].load_id if self.loads else ""


@dataclass(frozen=True)
class FileClaim:
    """A file that was loaded: enough to write its row of `ops.file_registry` again."""

    name: str
    load_id: str
    ingest_seq: int
    rows: int
    failed: int
    loaded_at: str
    supersedes: str | None = None


@dataclass(frozen=True)
class Claims:
    """Everything that is claimed in a table.

    Attributes:
        ingest_seq: Number of commits that added rows; stamped on each row as `_ingest_seq`.
        stream: `{topic id: {partition: next offset}}`.
        batch: State by pipeline.
        files: File claims by sha256, oldest first; those not yet in `ops.file_registry` and the
            newest of the others.
        files_left: How many file claims are in `ops.file_registry` alone.
    """

    ingest_seq: int = 0
    stream: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    batch: Mapping[str, BatchState] = field(default_factory=dict)
    files: Mapping[str, FileClaim] = field(default_factory=dict)
    files_left: int = 0


def read_claims(properties: Mapping[str, str]) -> Claims:
    """The claims that a table's properties hold."""
    stream = json.loads(properties.get(STREAM, "{}"))
    batch = {
        name.removeprefix(BATCH_PREFIX): json.loads(text)
        for name, text in properties.items()
        if name.startswith(BATCH_PREFIX)
    }
    files = json.loads(properties.get(FILES, "{}"))
    return Claims(
        ingest_seq=int(properties.get(SEQ, "0")),
        stream={
            topic_id: {int(partition): offset for partition, offset in offsets.items()}
            for topic_id, offsets in stream.items()
        },
        batch={
            name: BatchState(
                position=value["position"],
                state=value["state"],
                schema=value["schema"],
                loads=tuple(Load(*load) for load in value["loads"]),
            )
            for name, value in batch.items()
        },
        files={digest: FileClaim(*values) for digest, values in files.items()},
        files_left=int(properties.get(FILES_LEFT, "0")),
    )


def stream_is_in(claims: Claims, claim: StreamClaim) -> bool:
    """Whether every offset of a stream claim is committed already."""
    committed = claims.stream.get(claim.topic_id, {})
    return all(
        claim.start[partition] == end or committed.get(partition, -1) >= end
        for partition, end in claim.end.items()
    ) and any(partition in committed for partition in claim.end)


def check_stream(claims: Claims, claim: StreamClaim, table: str) -> None:
    """Demand that a stream claim begins exactly where the table ends.

    A partition of which the table knows nothing may begin anywhere: where a new topic begins is
    the planner's decision.

    Raises:
        AdxError: Offsets between the table and the claim would be lost.
        StalePlan: A part of the claim is committed already.
    """
    committed = claims.stream.get(claim.topic_id, {})
    for partition, first in sorted(claim.start.items()):
        reached = committed.get(partition, first)
        if first > reached:
            raise AdxError(
                f"Offsets {reached} to {first - 1} of {claim.topic}, partition {partition}, would "
                f"be lost: {table} ends before {reached} and the batch begins at {first}.",
                remedy="Make the broker serve them again, or plan from the table's own position.",
                exit_code=ExitCode.DATA,
            )
        if first < reached:
            raise StalePlan(
                f"{table}: partition {partition} of {claim.topic} is committed up to {reached}, "
                f"the batch begins at {first}"
            )


def with_stream(claims: Claims, claim: StreamClaim) -> dict[str, str]:
    """The properties after a stream claim."""
    stream = {topic_id: dict(offsets) for topic_id, offsets in claims.stream.items()}
    stream.setdefault(claim.topic_id, {}).update(claim.end)
    return {STREAM: json.dumps(stream)}


def find_load(claims: Claims, claim: BatchClaim) -> Load | None:
    """The commit that brought a package, if it is in."""
    loads = claims.batch.get(claim.pipeline, BatchState()).loads
    return next((load for load in loads if load.load_id == claim.load_id), None)


def check_batch(claims: Claims, claim: BatchClaim, table: str) -> None:
    """Demand that nobody committed for the pipeline since the package was extracted.

    Raises:
        StalePlan: Somebody did.
    """
    last = claims.batch.get(claim.pipeline, BatchState()).last_load_id
    if claim.follows is not None and claim.follows != last:
        raise StalePlan(
            f"{table}: {claim.pipeline} has committed {last or 'nothing'} since package "
            f"{claim.load_id} was extracted after {claim.follows or 'nothing'}"
        )


def with_batch(
    claims: Claims, claim: BatchClaim, load: Load, files: Mapping[str, FileClaim], left: int
) -> dict[str, str]:
    """The properties after a batch claim.

    Args:
        claims: What is committed.
        claim: The package.
        load: What it brings.
        files: All file claims the table keeps from now on.
        left: File claims that have left for `ops.file_registry` in total.
    """
    before = claims.batch.get(claim.pipeline, BatchState())
    loads = (*before.loads, load)[-KEPT_LOADS:]
    value = {
        "position": claim.position,
        "state": before.state if claim.state is None else claim.state,
        "schema": before.schema if claim.schema is None else claim.schema,
        "loads": [[item.load_id, item.ingest_seq, item.rows, item.failed] for item in loads],
    }
    kept = {
        digest: [
            item.name,
            item.load_id,
            item.ingest_seq,
            item.rows,
            item.failed,
            item.loaded_at,
            item.supersedes,
        ]
        for digest, item in files.items()
    }
    properties = {f"{BATCH_PREFIX}{claim.pipeline}": json.dumps(value)}
    if kept:
        properties |= {FILES: json.dumps(kept), FILES_LEFT: str(left)}
    return properties
