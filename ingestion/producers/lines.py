"""Events from a pipe: one a line."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ingestion.landing.verdict import Failure
from ingestion.producers.events import Ready
from ingestion.producers.producer import BackPressureError, Producer

_READ_BYTES = 1024 * 1024
_LONGEST_LINE = 4 * 1024 * 1024
_PAUSE_SECONDS = 0.1


class Pipe(Protocol):
    """What lines are read from."""

    def read(self, size: int, /) -> bytes | None:
        """What is there, at most so many bytes; nothing at the end."""


@dataclass
class LinesReport:
    """What became of the lines.

    Attributes:
        lines: Lines that were read to the end, empty ones included.
        accepted: Events that are on disk.
        refused: Lines that are no record of the contract.
        waiting: Why reading ended before the end: the journal took nothing more.
    """

    lines: int = 0
    accepted: int = 0
    refused: int = 0
    waiting: BackPressureError | None = None


def produce_lines(
    producer: Producer,
    pipe: Pipe,
    *,
    patience: float,
    on_refused: Callable[[int, Failure], None],
) -> LinesReport:
    """Journal every line of a pipe.

    While the journal takes nothing, the pipe is not read: whoever writes to it waits.

    Args:
        producer: Takes the events.
        pipe: Where they come from.
        patience: Seconds to wait for the journal before reading ends.
        on_refused: Told the number of a line, from 1, and why it was refused.

    Raises:
        AdxError: The producer has stopped.
    """
    report = LinesReport()
    for lines in _batches(pipe):
        events: list[Ready] = []
        filled = [(report.lines + n, line) for n, line in enumerate(lines, 1) if line.strip()]
        verdicts = producer.judge([line for _, line in filled])
        refused = []
        for (number, _), verdict in zip(filled, verdicts, strict=True):
            if isinstance(verdict, Failure):
                refused.append((number, verdict))
            else:
                events.append(verdict)
        try:
            _submit(producer, events, patience)
        except BackPressureError as error:
            report.waiting = error
            return report
        for number, failure in refused:
            on_refused(number, failure)
        report.lines += len(lines)
        report.accepted += len(events)
        report.refused += len(refused)
    return report


def _submit(producer: Producer, events: Sequence[Ready], patience: float) -> None:
    deadline = time.monotonic() + patience
    done = not events
    while not done:
        try:
            done = bool(producer.submit(events).result().event_ids)
        except BackPressureError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE_SECONDS)


def _batches(pipe: Pipe) -> Iterator[list[bytes]]:
    """The lines that are there at a time; of one that is too long no more than its beginning."""
    rest = b""
    while chunk := pipe.read(_READ_BYTES):
        lines = chunk.split(b"\n")
        lines[0] = (rest + lines[0])[: _LONGEST_LINE + 1]
        rest = lines.pop()
        if lines:
            yield lines
    if rest:
        yield [rest]
