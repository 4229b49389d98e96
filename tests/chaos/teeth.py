"""The suite bites: the same faults, with what protects us taken away, must be found out.

- the fence off: commits append whatever they bring, as a sink that retries and rebases does;
- the checkpoint trusted: the stream goes on where its checkpoint says, not where the table ends;
- the last file by name: readers take the metadata file that sorts last, not the one committed;
- stock dlt: its own append to Iceberg, killed between its commit and its job mark.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from pyiceberg.table import Table

from ingestion.contracts import Contract
from ingestion.lake import Lake, commits
from ingestion.lake.claims import SEQ, StreamClaim, read_claims, with_stream
from ingestion.lake.commits import CommitResult as Done
from ingestion.lake.commits import Commits
from ingestion.lake.fence import Append
from ingestion.lake.files import DataFile, total
from ingestion.lake.raw_tables import TableHead
from ingestion.streaming.query import Position, TopicStream
from tests.chaos.inprocess.driver import InProcess, Wrong
from tests.chaos.registry import all_classes
from tests.chaos.suite import CLASSES, Outcome, Run

OURS: Final = "ours"
_COMMIT: Final = frozenset(
    {
        "lake.before_swap",
        "lake.in_swap",
        "lake.after_swap",
        "stream.before_commit",
        "stream.after_commit",
        "dlt.before_commit",
        "dlt.after_commit",
    }
)


def _append_files(
    self: Commits,
    contract: Contract,
    files: list[DataFile],
    claim: StreamClaim,
    *,
    expected_seq: int,
) -> Done:
    """A commit that compares nothing."""
    rows, failed = total(files)
    seq = expected_seq + 1

    def plan(table: Table) -> Append[Done]:
        claims = read_claims(table.properties)
        newest = max(seq, claims.ingest_seq)
        return Append(
            files=files,
            properties={**with_stream(claims, claim), SEQ: str(newest)},
            ingest_seq=seq,
            outcome=lambda snapshot: Done("committed", seq, snapshot, rows, failed),
        )

    return self._fence.commit(contract.identifier, plan)


@contextmanager
def fence_off() -> Iterator[None]:
    """Commits append whatever they bring."""
    with (
        patch.object(Commits, "stream", _append_files),
        patch.object(Commits, "_already", lambda *_: None),
        patch.object(commits, "check_batch", lambda *_: None),
    ):
        yield


@contextmanager
def checkpoint_trusted() -> Iterator[None]:
    """The stream goes on where a checkpoint says that is written after each batch."""
    land, position = TopicStream._land_batch, TopicStream._position

    def place(stream: TopicStream) -> Path:
        return stream._settings.home / "trusted" / f"{stream._name}.json"

    def begin(stream: TopicStream) -> Position:
        with patch.object(Lake, "stream_position", lambda *_: {}):
            found = position(stream)
        if place(stream).exists():
            known = json.loads(place(stream).read_text(encoding="utf-8"))
            found.start.update({int(partition): offset for partition, offset in known.items()})
        return found

    def land_and_note(stream: TopicStream, *arguments: Any) -> None:
        land(stream, *arguments)
        place(stream).parent.mkdir(exist_ok=True)
        place(stream).write_text(json.dumps(stream._reached), encoding="utf-8")

    with (
        patch.object(TopicStream, "_position", begin),
        patch.object(TopicStream, "_land_batch", land_and_note),
        patch.object(Commits, "stream", _append_files),
    ):
        yield


@contextmanager
def last_by_name() -> Iterator[None]:
    """Readers take the metadata file whose name sorts last."""
    head = Lake.head

    def newest(lake: Lake, contract: Contract) -> TableHead:
        found = head(lake, contract)
        folder = Path(found.metadata_location).parent
        last = max(folder.glob("*.metadata.json"))
        return replace(found, metadata_location=str(last))

    with patch.object(Lake, "head", newest):
        yield


@dataclass(frozen=True)
class Tooth:
    """A class of faults with something taken away.

    Attributes:
        without: What was taken away; `ours` for the same faults without that.
        of: The class.
        kinds: What must be found, any of them; nothing may be found in ours.
        patched: Takes it away.
        faults: How many faults.
        action: What goes wrong.
        points: Where.
    """

    without: str
    of: str
    kinds: tuple[str, ...]
    patched: Callable[[], AbstractContextManager[None]]
    faults: int = 4
    action: Wrong = "die"
    points: frozenset[str] = _COMMIT

    @property
    def name(self) -> str:
        """How the report names it."""
        return f"{self.of} [{self.without}]"

    def __call__(self, run: Run) -> Iterator[Outcome]:
        """Let the faults happen."""
        all_classes(("in process",))
        if self.of == STOCK_CLASS and self.without == "stock dlt append":
            yield from _stock_dlt(self, run)
            return
        whole = CLASSES[self.of].work
        assert isinstance(whole, InProcess)
        work = replace(
            whole,
            name=self.name,
            smoke=self.faults,
            rounds=1,
            actions=(self.action,),
            doubles=0,
            points=self.points,
        )
        with self.patched():
            yield from work(replace(run, full=False))


STOCK_CLASS: Final = "landing of files"


def _stock_dlt(tooth: Tooth, run: Run) -> Iterator[Outcome]:
    name = f"{tooth.name}/killed after its commit#0"
    if name in run.done:
        return
    folder = run.folder / "stock-dlt"
    folder.mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.stock_dlt", str(folder), "1000"],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    sent, found, distinct = map(int, done.stdout.split())
    yield Outcome(
        name,
        lost=sent - distinct,
        duplicated=found - distinct,
        events=sent,
        notes=[f"{sent} rows were sent, the table holds {found}, {distinct} different ones"],
    )


def _beside_ours(*teeth: Tooth) -> dict[str, Tooth]:
    found = {}
    for tooth in teeth:
        ours = replace(tooth, without=OURS, kinds=(), patched=nullcontext)
        found.setdefault(ours.name, ours)
        found[tooth.name] = tooth
    return found


TEETH: Final = _beside_ours(
    Tooth("checkpoint trusted", "stream", ("duplicated",), checkpoint_trusted, faults=5),
    Tooth("last file by name", "stream", ("phantom",), last_by_name, faults=5),
    Tooth(
        "fence off",
        "stream overtaken",
        ("duplicated",),
        fence_off,
        action="overtaken",
        points=frozenset({"stream.before_commit"}),  # later, the other one finds all landed
    ),
    Tooth("fence off", STOCK_CLASS, ("duplicated",), fence_off),
    Tooth("stock dlt append", STOCK_CLASS, ("duplicated",), nullcontext),
)


def bites(name: str, outcomes: list[Outcome]) -> str | None:
    """What is wrong with what a tooth found; None if it is as expected."""
    tooth = TEETH[name]
    if not outcomes:
        return f"{name}: nothing was tried"
    if tooth.without == OURS:
        failed = [outcome.case for outcome in outcomes if not outcome.survived]
        return f"{failed[0]} fails in ours: {outcomes[0].notes}" if failed else None
    found = sum(getattr(outcome, kind) for outcome in outcomes for kind in tooth.kinds)
    return None if found else f"{name} was not found out: no {' or '.join(tooth.kinds)}"
