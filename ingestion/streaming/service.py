"""Runs the streams of all topics in one Spark driver: as a service, or to the end once."""

import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, nullcontext
from types import FrameType

from pyspark.sql import SparkSession
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ingestion.contracts import contract_for_topic
from ingestion.errors import AdxError, ExitCode
from ingestion.kafka.client import TOPICS
from ingestion.lake import Lake
from ingestion.settings import Settings
from ingestion.streaming.query import TopicReport, TopicStream

_POLL_SECONDS = 0.2


def run_stream(
    settings: Settings,
    topics: Sequence[str] = TOPICS,
    once: bool = False,
    stop: threading.Event | None = None,
    keep_spark: bool = False,
) -> list[TopicReport]:
    """Land topics in the lake.

    Args:
        settings: The settings.
        topics: Logical names of the topics.
        once: Land what the topics hold now and return; otherwise go on until stopped.
        stop: Set it to stop after the running batch. Without one, SIGTERM and SIGINT stop it.
        keep_spark: Leave Spark running for the next call in this process, which saves its
            start-up.

    Returns:
        What was done, by topic.

    Raises:
        AdxError: The broker, the lake, Java or the disk cannot be used; records are gone before
            they were landed, or never came, and nobody has accepted that (`adx gaps`); another
            stream lands one of the topics; or a drain was stopped before its end. What was
            committed stays, and the next run goes on behind it.
    """
    lake = Lake.open(settings)
    lake.ensure_tables()
    with ExitStack() as stack:
        progress = stack.enter_context(_progress(shown=once))
        streams = [
            stack.enter_context(_stream(settings, lake, topic, progress, once=once))
            for topic in topics
        ]
        problems = _Problems(kept=once)
        busy, idle = list[TopicStream](), list[TopicStream]()
        for stream in streams:
            with problems.of_topic():
                (busy if stream.behind() or not once else idle).append(stream)
        if busy:
            with problems.of_topic():
                _run(settings, busy, stop, once=once, keep_spark=keep_spark)
        for stream in idle:
            with problems.of_topic():
                stream.check_numbers()
        problems.raise_first()
    return [stream.report for stream in streams]


class _Problems:
    """What is wrong with the records of topics: a drain goes on with the others.

    Args:
        kept: Whether such an error waits until all topics had their turn; a service stops at once.
    """

    def __init__(self, *, kept: bool) -> None:
        self._kept = kept
        self._errors: list[AdxError] = []

    @contextmanager
    def of_topic(self) -> Iterator[None]:
        try:
            yield
        except AdxError as error:
            if not self._kept or error.exit_code is not ExitCode.DATA:
                raise
            self._errors.append(error)

    def raise_first(self) -> None:
        if self._errors:
            raise self._errors[0]


@contextmanager
def _stream(
    settings: Settings, lake: Lake, topic: str, progress: Progress, *, once: bool
) -> Iterator[TopicStream]:
    """The stream of a topic, under the lock that keeps a second one away, with its progress bar."""
    contract = contract_for_topic(topic)
    with lake.writer_lock(contract):
        task = progress.add_task(topic, total=None)

        def show(read: int, left: int) -> None:
            progress.update(task, advance=read, total=progress.tasks[task].completed + left)

        stream = TopicStream(settings, lake, contract, topic, once=once, landed=show)
        stream.recover()
        yield stream


def _run(
    settings: Settings,
    streams: list[TopicStream],
    stop: threading.Event | None,
    *,
    once: bool,
    keep_spark: bool,
) -> None:
    from ingestion.streaming.spark import start_spark, stop_spark  # noqa: PLC0415 - none if idle

    stopped = stop or threading.Event()
    signals = (lambda: _stop_signals(stopped)) if stop is None else nullcontext
    with signals():
        spark = start_spark(settings)
        try:
            with signals():  # again, because Spark has put its own handler of SIGINT
                _await(spark, streams, stopped, once=once)
        finally:
            if not keep_spark:
                stop_spark()
    if once and stopped.is_set():
        raise AdxError(
            "The drain was stopped before it reached the end of the topics.",
            remedy="Run it again; it goes on where it stopped.",
        )


def _await(
    spark: SparkSession, streams: list[TopicStream], stopped: threading.Event, *, once: bool
) -> None:
    """Run the streams side by side until all have ended; raise what the first one raised.

    A drain goes on with the other topics when one breaks. A service stops as a whole, so that
    whoever supervises it notices.
    """
    with ThreadPoolExecutor(len(streams), thread_name_prefix="stream") as pool:
        running: set[Future[None]] = {pool.submit(stream.run, spark) for stream in streams}
        errors: list[BaseException] = []
        while running:
            done, running = wait(running, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            errors += [error for future in done if (error := future.exception()) is not None]
            if stopped.is_set() or (errors and not once):
                for stream in streams:
                    stream.stop()
    if errors:
        raise errors[0]


@contextmanager
def _stop_signals(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set an event while the body runs; in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _progress(*, shown: bool) -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not (shown and console.is_terminal),
    )
