"""Named points of a run at which a chaos test lets something go wrong.

A fault is a point, which pass of it, and an action:

- `kill`: SIGKILL; only a death that nothing can catch shows what a crash leaves behind;
- `die`: an error that nothing of ours catches, for a test that goes on in the same process and
  opens everything again from disk, as a new process would; until then every further point raises
  it too, since a dead process writes nothing more;
- `raise`: an error of the disk (EIO); `full`: a disk without space (ENOSPC);
- `short`: where bytes are written, only half of them in the first try (nothing elsewhere);
- `sleep`: half a second passes;
- `stop`: the process stands still until it is told to go on (SIGSTOP, SIGCONT): a zombie.

At a point where bytes are written, every action comes when half of them are written.

A process of its own gets its fault from the environment,
`ADX_FAILPOINT=<point>[:<pass>][=<action>]` (by default the first pass, and `kill`); a test in the
same process uses `failing`. Without either, a failpoint does nothing and costs half a microsecond.

Points, in the order in which a run passes them:

- a file of the lake or of a journal that must be whole and lasting: `disk.write` (its bytes),
  `disk.sync`, `disk.rename` (it is on disk under a temporary name), `disk.folder` (it has its name,
  which may not be lasting);
- a producer: `producer.before_cut` (a torn tail is still there), `producer.after_create` (a segment
  has no record yet), `producer.before_write`, `producer.write` (the bytes of a group),
  `producer.after_write` (a group is written, not synced), `producer.after_sync` (it is on disk,
  nobody was told), `producer.after_ack` (Kafka has it, the position is not stored),
  `producer.before_position`, `producer.after_position` (stored, the segments behind it are still
  there), `producer.before_remove` (one of them is);
- a key: `keys.write` (its bytes), `keys.before_link` (it is on disk, and nobody can use it),
  `keys.after_link` (it has its name, which may not be lasting);
- stream: `stream.in_state` (the head that a batch is planned on is written, not in its place),
  `stream.before_files`, `stream.after_files`, `stream.in_intent` (what a batch intends is written,
  not in its place), `stream.after_intent`, `stream.before_commit`, `stream.after_commit`,
  `stream.after_note` (the measures of the batch are noted, the intent is still there),
  `stream.before_checkpoint`, `stream.after_ledger` (the measures are in the ledger, and still on
  disk);
- gaps: `gaps.after_note` (noted, the stream was not halted yet), `gaps.before_accept`,
  `gaps.after_accept`, `gaps.before_pass` (accepted, the table ends before the gap),
  `gaps.after_pass`, `gaps.before_numbers`, `gaps.after_numbers` (producers' numbers were looked
  at);
- files from a bucket: `bucket.write` (the bytes of a copy), `bucket.after_object` (one object is
  copied, others are not), `bucket.before_take` (all are copied, nobody knows), `bucket.after_take`
  (they are taken),
  `bucket.before_remove` (a file is finished, its object is still there), `bucket.after_remove`,
  `bucket.after_aside` (an object that cannot be copied is in the bucket's error archive, and still
  where it was);
- dropped files: `drop.after_take` (one is taken), `drop.after_note` (the package is noted),
  `drop.before_remove` (committed or archived, still in the folder), `drop.before_reason` (archived
  without a reason), `drop.after_archive` (the original is still there), `catalog.before_register`
  (undeclared files are archived, their form is not in the catalog);
- a file that is taken back out of the error archive: `retry.after_bring` (it is in both places),
  `retry.before_marker` (a delivery is in both, and not said to be whole), `retry.before_forget`,
  `retry.in_forget` (the archive has forgotten it, and still holds its content);
- dlt: `dlt.before_extract`, `dlt.after_extract`, `dlt.before_commit`, `dlt.after_commit`;
- a commit to any lake table: `lake.before_rename` (a data file is written but not yet visible),
  `lake.before_metadata`, `lake.before_swap` (all files are there, the catalog does not know),
  `lake.in_swap` (committed, the answer is not there), `lake.after_swap` (committed, the pointer is
  not written), `lake.after_pointer`, `lake.before_register` (a batch is committed, its files are
  not in `ops.file_registry`);
- pins: `pin.before_commit`, `pin.after_commit`;
- upkeep of the lake: `compact.after_file` (one file is written, others are not),
  `compact.before_commit` (all are written), `expire.after_table` (one table is done, others are
  not), `orphans.after_file` (one file is removed, others are not), `recover.after_table` (the
  catalog knows one table, others not yet);
- an upgrade: `upgrade.after_table` (one table is upgraded, others are not);
- a build: `build.in_copy` (a part of the build that it continues is copied), `build.after_copy`,
  `build.after_dbt`, `build.before_accept`, `build.in_accept`, `build.after_accept`,
  `publish.before_swap`, `publish.in_swap`, `publish.after_swap`,
  `publish.after_ledger` (the row of the publish is written, the note of it is still there),
  `build.in_remove` (an old build is out of the way, and still on disk);
- a rollback: `rollback.after_decision` (it is written down what is taken back, and readers still
  see it), then the points of a publish;
- a close: `finance.before_period` (the lines are frozen, the period is not closed);
- a replay: `failed.before_outcomes` (rows are landed, `ops.failed_outcomes` does not know).
"""

import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, get_args

Action = Literal["kill", "die", "raise", "full", "short", "sleep", "stop"]

VARIABLE: Final = "ADX_FAILPOINT"
_SLEEP_SECONDS: Final = 0.5


class DiedError(BaseException):
    """Stands for the death of a process; nothing of ours catches it."""


@dataclass
class Fault:
    """Something that goes wrong, once.

    Attributes:
        point: Where.
        action: What; or a function that is called there, such as another writer's work.
        at: In which pass of the point.
        passes: Passes so far.
    """

    point: str
    action: Action | Callable[[], object]
    at: int = 1
    passes: int = 0

    @property
    def came(self) -> bool:
        """Whether it has gone wrong."""
        return self.passes >= self.at

    def happen(self) -> None:
        """Let it go wrong."""
        if callable(self.action):
            self.action()
        elif self.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.action == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif self.action == "die":
            raise DiedError(self.point)
        elif self.action == "raise":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        elif self.action == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        elif self.action == "sleep":
            time.sleep(_SLEEP_SECONDS)


_armed: list[Fault] = []
_recorded: list[str] | None = None
_of_environment: tuple[str, Fault] | None = None


def failpoint(name: str) -> None:
    """Let go wrong what a test wants to go wrong at this point."""
    if not _armed and _recorded is None and VARIABLE not in os.environ:
        return
    for fault in _due(name):
        fault.happen()


def write_all(name: str, content: bytes | memoryview, write: Callable[[memoryview], int]) -> None:
    """Write all bytes, however many the system takes at a time; a failpoint in their middle.

    Args:
        name: Name of the point.
        content: What to write.
        write: Writes the bytes that are left, or the first of them; gives how many.
    """
    view = memoryview(content)
    if _armed or _recorded is not None or VARIABLE in os.environ:
        for fault in _due(name):
            view = view[write(view[: len(view) // 2]) :]
            fault.happen()
    while view:
        view = view[write(view) :]


@contextmanager
def failing(point: str, action: Action | Callable[[], object], at: int = 1) -> Iterator[Fault]:
    """Let something go wrong in this process while a block runs.

    Args:
        point: Where.
        action: What, or a function to call.
        at: In which pass of the point.

    Yields:
        The fault, which knows whether it came.
    """
    fault = Fault(point, action, at)
    _armed.append(fault)
    try:
        yield fault
    finally:
        _armed.remove(fault)


@contextmanager
def recorded() -> Iterator[list[str]]:
    """The points that a block passes, in order, one entry a pass."""
    global _recorded  # noqa: PLW0603 - points are of the process
    outer, _recorded = _recorded, []
    try:
        yield _recorded
    finally:
        _recorded = outer


def _due(name: str) -> list[Fault]:
    """The faults that come in this pass of a point; they are counted here."""
    if _recorded is not None:
        _recorded.append(name)
    due = []
    for fault in (*_armed, *_environment()):
        if fault.came and fault.action == "die":
            raise DiedError(name)
        if fault.point == name:
            fault.passes += 1
            if fault.passes == fault.at:
                due.append(fault)
    return due


def _environment() -> list[Fault]:
    """The fault that the environment asks for, if it does."""
    global _of_environment  # noqa: PLW0603
    text = os.environ.get(VARIABLE)
    if text is None:
        return []
    if _of_environment is None or _of_environment[0] != text:
        _of_environment = (text, read_fault(text))
    return [_of_environment[1]]


def read_fault(text: str) -> Fault:
    """The fault that `<point>[:<pass>][=<action>]` means.

    Raises:
        ValueError: It means none.
    """
    place, _, action = text.partition("=")
    point, _, at = place.partition(":")
    if action not in ("", *get_args(Action)):
        raise ValueError(f"{VARIABLE} {text}: {action} is none of {', '.join(get_args(Action))}")
    wanted: Action = action or "kill"  # type: ignore[assignment]  # checked above
    return Fault(point, wanted, int(at or 1))
