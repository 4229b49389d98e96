"""One topic: plan from the table, run a Spark query, commit its batches, plan again if need be.

The checkpoint is disposable: every query gets a fresh one, because the table alone knows what has
been landed (docs/decisions/adr-0002-the-checkpoint-is-disposable.md). So a checkpoint that was
deleted, cut short or damaged is no case of its own: the query fails, or not, and the next one
starts from the table.
"""

import json
import os
import shutil
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from ingestion.contracts import Contract
from ingestion.contracts.registry import FOLDER_VARIABLE
from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint
from ingestion.gaps import Numbers, is_numbered, settle_offsets
from ingestion.kafka.client import Topic, describe_topics
from ingestion.lake import DataFile, Lake, StalePlan, StreamClaim
from ingestion.lake.ops import new_run_id
from ingestion.lake.problems import storage_errors
from ingestion.landing import KeyStore
from ingestion.settings import Settings
from ingestion.streaming.ledger import BatchLedger
from ingestion.streaming.offsets import cluster_id, current_id, recreated, start_offsets
from ingestion.streaming.plan import Descriptor, DriverState, QueryPlan, unwrap_error
from ingestion.streaming.source import PLAN_OPTION, source_of
from ingestion.streaming.spark import spark_log

_log = structlog.get_logger("stream")

_MOST_STALE = 2
_CALM_BATCHES = 100
"""Batches after which a lost race is forgotten: that other writer has gone."""
_MOST_FAILURES = 3
_POLL_SECONDS = 0.2
_NUMBERS_SECONDS = 60.0
"""How often a service looks at the numbers of producers; a drain looks at its end."""


@dataclass
class TopicReport:
    """What a run did with one topic.

    Attributes:
        topic: Logical name of the topic.
        table: `<source>.<table>`.
        batches: Batches committed.
        read: Records consumed; loaded + failed.
        loaded: Good rows.
        failed: Failed rows.
        failed_by_reason: Failed rows by reason.
        drift: Rows with unknown fields.
        bytes: Bytes of the data files.
        lag: Records that the cluster had and the lake had not, when the last batch was in.
        seconds: Time from the first plan to the end.
    """

    topic: str
    table: str
    batches: int = 0
    read: int = 0
    loaded: int = 0
    failed: int = 0
    failed_by_reason: Counter[str] = field(default_factory=Counter)
    drift: int = 0
    bytes: int = 0
    lag: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Position:
    """Where a topic stands, and where the lake does.

    Attributes:
        topic: The topic as the cluster has it.
        topic_id: The topic as the lake knows it.
        start: The next offset of each partition that is to be landed.
        at: When the cluster was asked.
    """

    topic: Topic
    topic_id: str
    start: dict[int, int]
    at: datetime

    @property
    def lag(self) -> int:
        """Records that the cluster has and the lake has not."""
        return sum(self.topic.end.values()) - sum(self.start.values())


class TopicStream:
    """Lands one topic until it is drained, stopped or broken.

    Args:
        settings: The settings.
        lake: The lake.
        contract: Contract of the topic's records.
        name: Logical name of the topic.
        once: Stop at the end that the topic has now.
        landed: Called after each batch with the records it took and those that are left.
    """

    def __init__(
        self,
        settings: Settings,
        lake: Lake,
        contract: Contract,
        name: str,
        *,
        once: bool,
        landed: Callable[[int, int], None],
    ) -> None:
        self.report = TopicReport(name, contract.name)
        self._settings = settings
        self._lake = lake
        self._contract = contract
        self._name = name
        self._once = once
        self._landed = landed
        self._reached: dict[int, int] = {}
        self._folder = settings.checkpoints / name
        self._ledger = BatchLedger(lake, contract, settings.home / "ledger")
        self._batch_lock = threading.Lock()
        self._stopping = False
        self._batch_error: BaseException | None = None
        self._failed_in_a_row = 0
        numbered = is_numbered(contract)
        self._numbers = Numbers(settings, lake, contract) if numbered else None
        self._next_numbers = 0.0
        self._watched: Position | None = None

    def behind(self) -> int:
        """Records that the cluster has and the lake has not.

        Raises:
            AdxError: The cluster cannot be reached, or going on would lose records.
        """
        return self._position().lag

    def recover(self) -> None:
        """Clear away what a killed run left: its checkpoint, and measures that wait for the ledger.

        Call it under the topic's lock, as everything that follows.
        """
        _clear(self._folder)
        self._ledger.recover()

    def run(self, spark: SparkSession) -> None:
        """Land the topic. Call it once, in a thread of its own.

        Raises:
            AdxError: The cluster or the lake cannot be used, records are gone, or another stream
                lands the same topic.
        """
        began = time.monotonic()
        try:
            self._run_queries(spark)
        finally:
            _clear(self._folder)
            self._ledger.append()
            self.report.seconds = time.monotonic() - began

    def check_numbers(self, complete_at: datetime | None = None) -> None:
        """Note which numbers of producers are missing; to be called when all is landed.

        Args:
            complete_at: Everything is landed that the topic held at this time; None: now.

        Raises:
            AdxError: Some are missing for too long, and nobody has accepted it.
        """
        if self._numbers is None:
            return
        if complete_at is None:
            position = self._position()
            complete_at = position.at if position.lag == 0 else None
        gaps = self._numbers.look(complete_at)
        if gaps:
            raise self._numbers.halt(gaps)

    def stop(self) -> None:
        """Let the running batch finish and begin no other."""
        with self._batch_lock:
            self._stopping = True

    def _run_queries(self, spark: SparkSession) -> None:
        target: Position | None = None
        stale = stale_at = 0
        while not self._stopping:
            position = self._position()
            if self._once:
                target = target or position
                if all(position.start[part] >= end for part, end in target.topic.end.items()):
                    self.check_numbers(target.at)
                    return
            end = None if target is None else target.topic.end
            error = self._run_query(spark, self._plan(position, end))
            if isinstance(error, StalePlan):
                calm = self.report.batches - stale_at >= _CALM_BATCHES
                stale, stale_at = 1 if calm else stale + 1, self.report.batches
                _log.warning("plan_stale", topic=self._name, reason=str(error))
                if stale == _MOST_STALE:
                    raise self._lost() from error
            elif isinstance(error, AdxError):
                if error.exit_code == ExitCode.DATA:
                    self._position()  # notes what is missing, and says so
                raise error
            elif error is not None:
                self._failed_in_a_row += 1
                _log.warning("query_failed", topic=self._name, reason=_last_line(error))
                if self._failed_in_a_row == _MOST_FAILURES:
                    raise self._broken(error) from error

    def _position(self) -> Position:
        at = datetime.now(UTC)

        def describe() -> Topic:
            return describe_topics(self._settings, [self._name])[0]

        topic, committed = settle_offsets(self._lake, self._contract, describe)
        start = start_offsets(topic, committed, self._contract.name)
        return Position(topic, current_id(topic.topic_id, committed), start, at)

    def _plan(self, position: Position, end: dict[int, int] | None) -> QueryPlan:
        folder = self._folder / uuid.uuid4().hex[:12]
        return QueryPlan(
            topic=self._name,
            topic_id=position.topic_id,
            source=self._contract.source,
            table=self._contract.table,
            version=self._contract.version,
            contracts=os.environ.get(FOLDER_VARIABLE, ""),
            location=self._lake.location(self._contract),
            start=position.start,
            end=end,
            most_records=self._settings.stream_batch_records,
            folder=str(folder),
            settings=self._settings.model_dump_json(),
            keys=KeyStore(self._settings.keys).fingerprint(),
        )

    def _run_query(self, spark: SparkSession, plan: QueryPlan) -> BaseException | None:
        """Run one query to its end; what broke it, or None if it was drained or stopped."""
        self._batch_error = None
        self._reached = dict(plan.start)
        with storage_errors(plan.folder):
            DriverState(plan).write(self._lake.head(self._contract).ingest_seq)
        batches = self.report.batches
        halt: AdxError | None = None
        try:
            query = self._start_query(spark, plan)
            while not query.awaitTermination(_POLL_SECONDS):
                if not self._once:
                    halt = halt or self._watch_numbers()
                if halt is not None:
                    self.stop()
                if self._stopping:
                    query.stop()
        except (PySparkException, Py4JError) as error:
            # the latter where Spark could not even plan, as when its Python processes were killed
            return halt or self._batch_error or unwrap_error(str(error)) or error
        if halt is not None:
            return halt
        if self.report.batches == batches and not self._stopping:
            return RuntimeError("the query ended without landing anything")
        return None

    def _watch_numbers(self) -> AdxError | None:
        """What ends the service: numbers of producers are missing, or nobody can say."""
        if self._numbers is None or time.monotonic() < self._next_numbers:
            return None
        self._next_numbers = time.monotonic() + _NUMBERS_SECONDS
        try:
            position = self._position()
            before = self._watched
            if before is None:
                self._watched = position
            elif all(position.start[part] >= end for part, end in before.topic.end.items()):
                self._watched = position
                self.check_numbers(before.at)
        except AdxError as error:
            return error
        return None

    def _start_query(self, spark: SparkSession, plan: QueryPlan) -> StreamingQuery:
        name = Path(plan.folder).name
        source = source_of(name)
        spark.dataSource.register(source)
        reader = spark.readStream.format(source.name()).option(PLAN_OPTION, plan.to_json()).load()
        writer = reader.writeStream.queryName(f"{self._name}-{name}")
        writer = writer.option("checkpointLocation", str(Path(plan.folder) / "checkpoint"))
        writer = writer.foreachBatch(lambda frame, _: self._land(plan, frame))
        if self._once:
            return writer.trigger(availableNow=True).start()
        interval = f"{self._settings.stream_interval_seconds} seconds"
        return writer.trigger(processingTime=interval).start()

    def _land(self, plan: QueryPlan, frame: DataFrame) -> None:
        """Land one batch. Spark tells its own story of what goes wrong in here, so ours is kept."""
        with self._batch_lock:
            if self._stopping:
                return  # Spark may note the batch as done: the next run asks the table
            try:
                self._land_batch(plan, frame)
            except BaseException as error:
                self._batch_error = unwrap_error(str(error)) or error
                raise
            self._failed_in_a_row = 0

    def _land_batch(self, plan: QueryPlan, frame: DataFrame) -> None:
        started_at, began = datetime.now(UTC), time.monotonic()
        failpoint("stream.before_files")
        descriptors = [Descriptor.from_json(row.descriptor) for row in frame.collect()]
        failpoint("stream.after_files")
        if not descriptors:
            return
        claim = claim_of(self._settings.topic(self._name), plan.topic_id, descriptors)
        files = files_of(descriptors)
        (topic,) = describe_topics(self._settings, [self._name])
        if topic.topic_id != cluster_id(plan.topic_id):  # recreated while the tasks were reading
            raise recreated(topic, plan.topic_id, self._contract.name)
        row = self._ledger_row(descriptors, started_at)
        details = {
            "topic": claim.topic,
            "topic_id": claim.topic_id,
            "start": claim.start,
            "end": claim.end,
            "files": len(files),
            "failed_by_reason": dict(_by_reason(descriptors)),
            "drift": sum(item.drift for item in descriptors),
        }
        self._ledger.intend({**row, "details": json.dumps(details)}, claim)
        failpoint("stream.before_commit")
        written = time.monotonic()
        try:
            result = self._lake.commit_files(
                self._contract, files, claim, expected_seq=descriptors[0].ingest_seq - 1
            )
        except StalePlan:
            self._ledger.withdraw()
            raise
        failpoint("stream.after_commit")
        if result.status == "already":
            self._ledger.withdraw()
            raise StalePlan(f"{self._contract.name}: another stream landed the same offsets")
        committed = time.monotonic()
        DriverState(plan).write(result.ingest_seq)
        self._reached.update(claim.end)
        self._count(descriptors, lag=sum(topic.end.values()) - sum(self._reached.values()))
        details |= {
            "lag": self.report.lag,
            "batch_seconds": round(committed - began, 3),
            "commit_seconds": round(committed - written, 3),
        }
        self._ledger.add({**row, "finished_at": datetime.now(UTC), "details": json.dumps(details)})
        _log.info("batch_landed", table=self._contract.name, read=row["read"], **details)
        self._landed(row["read"], self.report.lag)
        failpoint("stream.before_checkpoint")

    def _ledger_row(
        self, descriptors: Sequence[Descriptor], started_at: datetime
    ) -> dict[str, Any]:
        read = sum(item.read for item in descriptors)
        failed = _by_reason(descriptors).total()
        return {
            "run_id": new_run_id("stream"),
            "kind": "land_stream",
            "subject": self._contract.name,
            "started_at": started_at,
            "finished_at": datetime.now(UTC),
            "read": read,
            "loaded": read - failed,
            "failed": failed,
            "bytes": sum(file["bytes"] for item in descriptors for file in item.files),
            "ingest_seq": descriptors[0].ingest_seq if read else None,
        }

    def _count(self, descriptors: list[Descriptor], lag: int) -> None:
        reasons = _by_reason(descriptors)
        report = self.report
        report.batches += 1
        report.read += sum(item.read for item in descriptors)
        report.failed += reasons.total()
        report.loaded = report.read - report.failed
        report.failed_by_reason += reasons
        report.drift += sum(item.drift for item in descriptors)
        report.bytes += sum(file["bytes"] for item in descriptors for file in item.files)
        report.lag = lag

    def _lost(self) -> AdxError:
        return AdxError(
            f"Another stream is landing topic {self._name}; this one stopped, and nothing was "
            "landed twice.",
            remedy="Leave it to that stream, or stop it and run this again.",
            exit_code=ExitCode.BUSY,
        )

    def _broken(self, error: BaseException) -> AdxError:
        return AdxError(
            f"The stream of topic {self._name} failed {_MOST_FAILURES} times without landing "
            f"anything: {_last_line(error)}",
            remedy=f"Read {spark_log(self._settings)}; nothing is lost, the next run goes on "
            "where the lake ends.",
            exit_code=ExitCode.FAILED,
        )


def claim_of(topic: str, topic_id: str, descriptors: Sequence[Descriptor]) -> StreamClaim:
    """What a batch claims, from what its tasks report that they did.

    Raises:
        ValueError: Two tasks covered one partition.
    """
    start = {item.partition: item.start for item in descriptors}
    if len(start) != len(descriptors):
        raise ValueError(f"{topic}: two tasks of one batch covered one partition")
    return StreamClaim(topic, topic_id, start, {item.partition: item.end for item in descriptors})


def files_of(descriptors: Sequence[Descriptor]) -> list[DataFile]:
    """The files of a batch.

    Raises:
        ValueError: They hold more or fewer rows than records were read.
    """
    files = [DataFile.from_dict(file) for item in descriptors for file in item.files]
    rows, read = sum(file.rows for file in files), sum(item.read for item in descriptors)
    if rows != read:
        raise ValueError(f"{read} records were read, but the files hold {rows} rows")
    return files


def _clear(folder: Path) -> None:
    """Remove a checkpoint, whatever it has become."""
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)
    else:
        with storage_errors(folder):
            folder.unlink(missing_ok=True)


def _by_reason(descriptors: Iterable[Descriptor]) -> Counter[str]:
    reasons: Counter[str] = Counter()
    for item in descriptors:
        reasons.update(item.failed)
    return reasons


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else 'no reason given'}"[:300]
