"""Records that a broker has lost, and numbers that never came, under the real stream.

Each start of the stream is a process of its own. It must halt before what is missing, with a gap of
exactly that; a person accepts it, and the next start lands all that is there.
"""

import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

from ingestion.contracts import contract_for_topic
from ingestion.errors import ExitCode
from ingestion.gaps import accept_gap, known_gaps
from ingestion.kafka import create_topics, describe_topics
from ingestion.lake import Lake
from ingestion.settings import Settings
from tests.chaos.books import VIEWS, Books, Difference, Entry, rows_of
from tests.chaos.inprocess.home import few_tables
from tests.chaos.real.processes import DEADLINE_SECONDS, end, start
from tests.chaos.real.topics import PARTITIONS, produce
from tests.chaos.suite import Outcome, Run, chaos_class, reproduce
from tests.integration.gaps.planted import expire, make_anew, numbered_event

EXPIRED, ANEW = "records expired on the broker", "topic made anew"
NUMBERS = "numbers of a producer missing"

_TOPIC: Final = "ad-events"
_HALTED: Final = "the stream halts"
_MOST_STARTS: Final = 6
_SMOKE: Final = ((ANEW, _HALTED),)
_MORE: Final = (
    (EXPIRED, _HALTED),
    (NUMBERS, _HALTED),
    (EXPIRED, "gaps.after_note"),
    (NUMBERS, "gaps.after_numbers"),
    (ANEW, "gaps.after_pass"),
    (EXPIRED, "gaps.before_pass"),
    (NUMBERS, "stream.after_commit"),
)
_ROUNDS: Final = 2

Key = tuple[Any, ...]


class GapTopic:
    """The topic ad-events, its stream, and what is missing from it."""

    def __init__(self, run: Run) -> None:
        self.settings = Settings(
            home=run.folder / "gaps",
            kafka_bootstrap=run.bootstrap,
            kafka_partitions=PARTITIONS,
            kafka_topic_prefix=f"gaps-{run.seed}-{int(time.time())}.",
            gap_hours=0,
        )
        self.settings.home.mkdir(parents=True)
        self.log = self.settings.home / "stream.log"
        self.contract = contract_for_topic(_TOPIC)
        self.books = Books()
        self.rng = random.Random(f"gaps {run.seed}")
        self.planted: Counter[Key] = Counter()
        self.operator = 0
        self._number = self._seq = 0
        create_topics(self.settings, [_TOPIC])
        Lake.open(self.settings).ensure_tables()

    def send(self) -> None:
        """Send events that have to be landed."""
        (topic,) = describe_topics(self.settings, [_TOPIC])
        for partition in range(PARTITIONS):
            values = []
            first = topic.end[partition]
            for offset in range(first, first + self.rng.randrange(20, 60)):
                event = numbered_event(self._seq, self._number)
                amount = self.rng.randrange(10**9)
                event["impression"]["clearing_price_micros"] = amount
                place = (topic.topic_id, str(partition), str(offset))
                self.books.send(self.contract.name, place, Entry(event["event_id"], amount))
                values.append(orjson.dumps(event))
                self._number += 1
                self._seq += 1
            produce(self.settings, _TOPIC, partition, values)

    def expire(self) -> None:
        """Let records go that nobody has landed."""
        partition = self.rng.randrange(PARTITIONS)
        produce(self.settings, _TOPIC, partition, [b"nobody reads this"] * 3)
        (topic,) = describe_topics(self.settings, [_TOPIC])
        last = topic.end[partition]
        expire(self.settings, _TOPIC, partition, last)
        self.planted["expired", partition, last - 3, last] += 1

    def make_anew(self) -> None:
        """Make another topic of the same name."""
        make_anew(self.settings, _TOPIC)
        self.planted["recreated", None, None, None] += 1

    def skip(self) -> None:
        """Give numbers to events that are never sent."""
        first, self._seq = self._seq, self._seq + 2
        self.planted["sequence", None, first, self._seq] += 1

    def begin(self, fault: str | None = None) -> int:
        """Start the stream, until it has landed all there is or halts; gives how it ended."""
        with self.log.open("wb") as output:
            arguments = ["-m", "ingestion.streaming", "--once", _TOPIC]
            process = start(arguments, self.settings, fault, output=output)
        try:
            return process.wait(DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            return process.poll() or 0
        finally:
            end(process)

    def drain(self, fault: str | None) -> float:
        """Start the stream, and accept what it halts for, until nothing is left to do.

        Gives the seconds of the longest start: a person takes the time that a person takes.
        """
        longest = 0.0
        for _ in range(_MOST_STARTS):
            began = time.monotonic()
            code = self.begin(fault)
            longest = max(longest, time.monotonic() - began)
            if code == -signal.SIGKILL and fault is not None:
                fault = None
            elif code == ExitCode.DATA:
                self._accept()
            else:
                assert code == 0, self.log.read_text(errors="replace")[-600:]
                if fault is None and self._found() == self.planted and self._behind() == 0:
                    return longest
        raise AssertionError(f"{_MOST_STARTS} starts were not enough; {fault} did not come")

    def _behind(self) -> int:
        (topic,) = describe_topics(self.settings, [_TOPIC])
        committed = Lake.open(self.settings).stream_position(self.contract).get(topic.topic_id, {})
        return sum(last - committed.get(part, 0) for part, last in topic.end.items())

    def _accept(self) -> None:
        """What a person does."""
        still = [gap for gap in known_gaps(Lake.open(self.settings)) if gap.status == "open"]
        assert still, "the stream halts, and no gap is open"
        for gap in still:
            assert gap.gap_id in self.log.read_text(errors="replace"), "the remedy names no gap"
            accept_gap(self.settings, gap.gap_id, "planted by the test")
            self.operator += 1

    def _found(self) -> Counter[Key]:
        return Counter(
            (gap.kind, gap.kafka_partition, gap.first_number, gap.next_number)
            for gap in known_gaps(Lake.open(self.settings))
        )

    def compare(self) -> Difference:
        """Compare every row with what was sent, and every gap with what was taken away."""
        lake = Lake.open(self.settings)
        views = [view for view in VIEWS if view.contract == self.contract]
        difference = self.books.compare(rows_of(self.settings, lake, views))
        found = self._found()
        for gap in (found - self.planted).elements():
            difference.add("phantom", 1, f"gap {gap}")
        for gap in (self.planted - found).elements():
            difference.add("lost", 1, f"gap {gap}")
        return difference


_WORKS: Final[dict[str, Callable[[GapTopic], None]]] = {
    EXPIRED: GapTopic.expire,
    ANEW: GapTopic.make_anew,
    NUMBERS: GapTopic.skip,
}


def _plan(run: Run) -> list[str]:
    listed = (*_SMOKE, *_MORE) * _ROUNDS if run.full else _SMOKE
    return [f"{name}/{where}#{place}" for place, (name, where) in enumerate(listed)]


@chaos_class(*_WORKS, level="real", plan=_plan, operator=True)
def gaps(run: Run) -> Iterator[Outcome]:
    """One gap after another, in one topic."""
    todo = [case for case in _plan(run) if case not in run.done]
    if not todo:
        return
    folder = run.folder / "gaps"
    with few_tables(run.folder / "contracts-of-gaps"):
        topic: GapTopic | None = None
        for case in todo:
            if topic is None:
                topic = GapTopic(run)
                topic.send()
                assert topic.begin() == 0, topic.log.read_text(errors="replace")[-600:]
            outcome = _one(topic, run, case)
            if outcome.notes:
                shutil.rmtree(folder, ignore_errors=True)
                topic = None
            yield outcome
    shutil.rmtree(folder, ignore_errors=True)


def _one(topic: GapTopic, run: Run, case: str) -> Outcome:
    name, _, rest = case.partition("/")
    where = rest.rpartition("#")[0]
    outcome = Outcome(case, steps=reproduce(run, case, [name, where, "accept, start again"]))
    before, topic.operator = len(topic.books), 0
    try:
        _WORKS[name](topic)
        topic.send()
        outcome.seconds = topic.drain(None if where == _HALTED else where)
        outcome.count(topic.compare())
    except Exception as error:  # noqa: BLE001 - the report has it
        outcome.notes.append(f"{type(error).__name__}: {error}")
    outcome.operator = topic.operator
    outcome.events = len(topic.books) - before
    return outcome
