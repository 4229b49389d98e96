"""The durable journal of one producer and topic: segmented files that are only appended to.

```
<folder>/lock                        held by the process that owns the journal
<folder>/identity.json               the `producer_id` that stands in the events
<folder>/position.json               what Kafka has acknowledged without a gap, and the clock
<folder>/00000000000000000000.log    records from number 0 on (`records.py` has their form)
```

The number of a record is the `seq` of its event: from 0, without a gap. A new segment is begun when
the one before it is on disk, so that only the last one can have a torn tail.
"""

import errno
import fcntl
import json
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from uuid import uuid4

from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint
from ingestion.lake.durable import make_folder, write_file
from ingestion.producers.disk import Disk
from ingestion.producers.records import Record, pack_all, read_records, was_durable

SEGMENT_BYTES = 64 * 1024 * 1024
_READ_BYTES = 256 * 1024
_SUFFIX = ".log"
_POSITION = "position.json"
_IDENTITY = "identity.json"


@dataclass
class _Segment:
    first: int
    path: Path
    size: int


class Journal:
    """The journal in one folder; one process at a time.

    One thread appends; another one may read and acknowledge.

    Args:
        folder: Where it lies; created if it is missing.
        producer: Name of the producer that a new journal belongs to.
        segment_bytes: Size from which on a segment is followed by another one.
        disk: The file system.

    Raises:
        AdxError: Another process holds it, or what was on disk is damaged.
    """

    def __init__(
        self,
        folder: Path,
        producer: str,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        disk: Disk | None = None,
    ) -> None:
        self._folder = folder
        self._disk = disk or Disk()
        self._segment_bytes = segment_bytes
        self._broken = False
        self._changing = threading.Lock()  # of the list of segments
        make_folder(folder)
        self._lock = self._take(producer)
        try:
            position = read_position(folder)
            self._position = position.get("next", 0)
            self._clock_ms = position.get("clock_ms", 0)
            self._segments = self._find()
            self.producer_id = self._identify(producer)
            self._end = self._recover()
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def end(self) -> int:
        """Number of the next record; all below are on disk."""
        return self._end

    @property
    def position(self) -> int:
        """Number below which Kafka has acknowledged all records."""
        return self._position

    @property
    def clock_ms(self) -> int:
        """The newest clock of the producer that is known, in milliseconds."""
        return self._clock_ms

    @property
    def size(self) -> int:
        """Bytes of the segments that hold what Kafka has not acknowledged."""
        if self._position >= self._end:
            return 0
        return sum(segment.size for segment in self._segments)

    def append(self, records: Sequence[tuple[bytes, bytes]], clock_ms: int) -> None:
        """Append keys and values as one group; they are on disk when this returns.

        Args:
            records: Keys and values.
            clock_ms: The producer's clock.

        Raises:
            OSError: The disk took none of them (it is full); the journal is as it was before.
            AdxError: The disk did not confirm; the journal takes nothing more until it is opened
                again, and what it has then may hold the group or a part of it.
        """
        if self._broken:
            raise self._unconfirmed()
        first = self._end
        content = pack_all(records, first, first, clock_ms)
        if self._segments[-1].size >= self._segment_bytes:
            self._begin(first)
        segment = self._segments[-1]
        failpoint("producer.before_write")
        try:
            self._disk.write(self._handle, content, segment.size)
        except OSError:
            self._undo(segment)
            raise
        failpoint("producer.after_write")
        try:
            self._disk.sync(self._handle)
        except OSError as error:
            # what a failed sync left is unknown, and a second one may say that all is well
            self._broken = True
            raise self._unconfirmed() from error
        failpoint("producer.after_sync")
        segment.size += len(content)
        self._clock_ms = max(self._clock_ms, clock_ms)
        self._end = first + len(records)

    def acknowledge(self, position: int, clock_ms: int = 0) -> None:
        """Remember durably what Kafka has acknowledged, and remove the segments behind it.

        Args:
            position: Number below which all records are acknowledged.
            clock_ms: The producer's clock.
        """
        document = {"next": position, "clock_ms": max(self._clock_ms, clock_ms)}
        failpoint("producer.before_position")
        try:
            write_file(self._folder / _POSITION, json.dumps(document).encode())
        except OSError as error:
            if not is_full(error):
                raise
            # room comes from the segments that go now; the oldest one that stays is a position too
        failpoint("producer.after_position")
        self._position = position
        with self._changing:
            while len(self._segments) > 1 and self._segments[1].first <= position:
                self._disk.remove(self._segments[0].path)
                self._segments = self._segments[1:]

    def read(self, start: int) -> "Reader":
        """A reader of the records from a number on."""
        return Reader(self, start)

    def close(self) -> None:
        """Let another process have it."""
        self._disk.close(self._handle)
        os.close(self._lock)

    def segment_of(self, seq: int) -> tuple[int, Path]:
        """First number and file of the segment that has, or will have, a record.

        Raises:
            AdxError: There is none.
        """
        for segment in reversed(self._segments):
            if segment.first <= seq:
                return segment.first, segment.path
        raise _damaged(self._folder, f"no segment has record {seq}")

    def damaged_at(self, path: Path, seq: int) -> AdxError:
        """The error for a record that was on disk and cannot be read any more."""
        return _damaged(path, f"record {seq} was on disk and cannot be read")

    def _take(self, producer: str) -> int:
        handle = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise AdxError(
                f"Another process is the producer {producer}: it holds the journal {self._folder}.",
                remedy="Stop it, or give this one another ADX_PRODUCER_ID.",
                exit_code=ExitCode.BUSY,
            ) from error
        return handle

    def _identify(self, producer: str) -> str:
        """The `producer_id` of the events: the name and when its journal was begun.

        A journal that was lost begins again at number 0. So does another machine's with the same
        name. The second part of the id keeps their events apart.
        """
        if self._segments or self._position:
            return read_identity(self._folder)
        made = f"{producer}.{time.time_ns() // 1_000_000:x}{uuid4().hex[:6]}"
        content = json.dumps({"producer_id": made}).encode()
        write_file(self._folder / _IDENTITY, content)
        return made

    def _find(self) -> list[_Segment]:
        return [
            _Segment(first, path, path.stat().st_size)
            for first, path in segment_files(self._folder)
        ]

    def _recover(self) -> int:
        """Cut the torn tail, if there is one; gives the number of the next record."""
        if not self._segments:
            self._begin(self._position)
            return self._position
        self._position = max(self._position, self._segments[0].first)
        last = self._segments[-1]
        for before in self._segments[-2:-1]:
            # the last segment may have no record yet, and the position be older
            for record in read_records(before.path.read_bytes(), before.first):
                self._clock_ms = max(self._clock_ms, record.clock_ms)
        content = last.path.read_bytes()
        end, good = last.first, 0
        for record in read_records(content, last.first):
            end, good = end + 1, good + record.size
            self._clock_ms = max(self._clock_ms, record.clock_ms)
        if good < len(content) and was_durable(content, good, end):
            raise self.damaged_at(last.path, end)
        self._handle = self._disk.open(last.path)
        self._disk.truncate(self._handle, good)
        self._disk.sync(self._handle)  # what another process wrote may be in memory only
        last.size = good
        if end < self._position:
            # Kafka has them: only a disk that was set back to an earlier state forgets them
            self._begin(self._position)
            return self._position
        return end

    def _begin(self, first: int) -> None:
        path = self._folder / f"{first:020}{_SUFFIX}"
        try:
            handle = self._disk.create(path)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        if self._segments:
            self._disk.close(self._handle)
        self._handle = handle
        with self._changing:
            self._segments = [*self._segments, _Segment(first, path, 0)]

    def _undo(self, segment: _Segment) -> None:
        """Take away what a write that failed left."""
        try:
            self._disk.truncate(self._handle, segment.size)
        except OSError:
            self._broken = True

    def _unconfirmed(self) -> AdxError:
        return AdxError(
            f"The disk did not confirm what was written to {self._folder}.",
            remedy="Check that disk, then start the producer again; what was acknowledged is kept.",
            exit_code=ExitCode.UNAVAILABLE,
        )


class Reader:
    """Reads records in their order; only what is on disk.

    Args:
        journal: The journal.
        start: Number of the first record.
    """

    def __init__(self, journal: Journal, start: int) -> None:
        self._journal = journal
        self._next = start
        self._open()

    def records(self) -> list[Record]:
        """The next records, some hundred of them; none when all that is on disk was read.

        Raises:
            AdxError: A record that was on disk cannot be read.
        """
        asked = _READ_BYTES
        # the end first: bytes behind it are of a group that may be undone, and written over
        while self._next < (end := self._journal.end):
            content = os.pread(self._handle, asked, self._offset)
            found = list(islice(read_records(content, self._next), end - self._next))
            if found:
                self._offset += sum([record.size for record in found])
                self._next += len(found)
                return found
            if len(content) == asked:
                asked *= 4  # a record that is longer
                continue
            first, path = self._journal.segment_of(self._next)
            if content or first != self._next:
                raise self._journal.damaged_at(path, self._next)
            self.close()
            self._open()
        return []

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def _open(self) -> None:
        """Open the segment of the next record at its place."""
        end = self._journal.end  # asked before the file is read: another thread may append
        first, path = self._journal.segment_of(self._next)
        self._handle = os.open(path, os.O_RDONLY)
        self._offset = 0
        if first == self._next:
            return
        for record in read_records(path.read_bytes(), first):
            if record.seq == self._next:
                return
            self._offset += record.size
        if self._next < end:
            self.close()
            raise self._journal.damaged_at(path, self._next)


def segment_files(folder: Path) -> list[tuple[int, Path]]:
    """The segments of a journal, oldest first: number of the first record, and file."""
    return [(int(path.stem), path) for path in sorted(folder.glob(f"*{_SUFFIX}"))]


def read_position(folder: Path) -> dict[str, int]:
    """The position; without a readable one, what the journal still has is sent again."""
    try:
        found = json.loads((folder / _POSITION).read_bytes())
        return {"next": int(found["next"]), "clock_ms": int(found["clock_ms"])}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}


def read_identity(folder: Path) -> str:
    """The `producer_id` of a journal that has records.

    Raises:
        AdxError: Its file does not tell.
    """
    path = folder / _IDENTITY
    try:
        return str(json.loads(path.read_bytes())["producer_id"])
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, "it does not tell the producer_id") from error


def _damaged(path: Path, what: str) -> AdxError:
    return AdxError(
        f"The journal is damaged: {what} ({path}).",
        remedy="Restore that file, or move the folder away: its events that Kafka has not "
        "acknowledged are lost then (docs/runbooks/producers.md).",
        exit_code=ExitCode.DATA,
    )


def is_full(error: BaseException | None) -> bool:
    """Whether an error says that a disk, or its quota, is full."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
