"""What a stream does about gaps, its Spark query replaced: when it looks, and how it ends."""

import json
from typing import Any

import pytest

from ingestion.contracts import contract_for_topic
from ingestion.errors import AdxError, ExitCode
from ingestion.gaps import accept_gap, known_gaps, offsets
from ingestion.kafka import Topic
from ingestion.lake import Lake
from ingestion.settings import Settings
from ingestion.streaming import query, run_stream
from ingestion.streaming.offsets import expired
from ingestion.streaming.query import TopicStream
from tests.integration.gaps.planted import PRODUCER, numbered_event
from tests.integration.landings import land_messages

TOPIC = "ad-events"


class Query:
    """A Spark query that lands what is sent in each interval, until it is stopped or breaks."""

    def __init__(self, stream: "Streams") -> None:
        self._stream = stream
        self._stopped = False

    def awaitTermination(self, _: float) -> bool:  # noqa: N802 - Spark's name
        if not self._stopped:
            self._stream.interval()
        return self._stopped

    def stop(self) -> None:
        self._stopped = True


class Streams:
    """The topic ad-events of one partition, and streams of it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lake = Lake.open(settings)
        self.contract = contract_for_topic(TOPIC)
        self.earliest, self.sent, self.landed = 0, list[int](), 0
        self.coming: list[Any] = []
        self.intervals = 0

    def describe(self, *_: object) -> list[Topic]:
        return [Topic(TOPIC, "first", {0: self.earliest}, {0: len(self.sent)})]

    def land(self, end: int) -> None:
        """Land what was sent up to an offset."""
        values = [event(seq) for seq in self.sent[self.landed : end]]
        if values:
            land_messages(self.settings, TOPIC, {0: [(value, None) for value in values]}, "first")
            self.landed = end

    def interval(self) -> None:
        """Land what was there, then let the next thing happen."""
        self.intervals += 1
        assert self.intervals < 50, "the stream does not end"
        self.land(len(self.sent))
        if self.coming:
            self.coming.pop(0)()

    def serve(self) -> AdxError:
        stream = TopicStream(
            self.settings, self.lake, self.contract, TOPIC, once=False, landed=lambda *_: None
        )
        with pytest.raises(AdxError) as caught:
            stream.run(None)  # type: ignore[arg-type]
        return caught.value


def event(seq: int) -> bytes:
    return json.dumps(numbered_event(seq)).encode()


@pytest.fixture
def streams(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Streams:
    streams = Streams(settings.model_copy(update={"gap_hours": 0.0}))
    monkeypatch.setattr(query, "_NUMBERS_SECONDS", 0.0)
    monkeypatch.setattr(query, "describe_topics", streams.describe)
    monkeypatch.setattr(offsets, "describe_topics", streams.describe)
    monkeypatch.setattr(TopicStream, "_start_query", lambda *_: Query(streams))
    return streams


def test_a_service_ends_at_a_missing_number_once_it_has_caught_up(streams: Streams) -> None:
    streams.sent = [0, 2]
    streams.coming = [lambda: streams.sent.extend([3, 4])]
    error = streams.serve()
    assert error.exit_code is ExitCode.DATA
    assert error.message.startswith(f"Of the numbers 1 to 1 of producer {PRODUCER}")
    assert streams.lake.head(streams.contract).rows == 4
    before = streams.intervals
    streams.sent += [6]
    assert "1 to 1" in streams.serve().message, "each start lands what there is, and ends"
    assert streams.lake.head(streams.contract).rows == 5
    assert streams.intervals > before


def test_a_service_does_not_end_while_the_number_may_lie_unread(streams: Streams) -> None:
    """The topic held it all the time; the lake had not got there."""
    streams.sent = [0, 2, 1]
    ends = iter([1, 2, 2, 2, 2, 2, 3])

    def interval() -> None:
        end = next(ends, 3)
        if streams.landed < end:
            values = [event(seq) for seq in streams.sent[streams.landed : end]]
            land_messages(
                streams.settings, TOPIC, {0: [(value, None) for value in values]}, "first"
            )
            streams.landed = end
        streams.intervals += 1
        if streams.intervals == 12:
            streams.earliest = 4  # ends the test
            streams.sent += [3, 4, 5]

    streams.interval = interval  # type: ignore[method-assign]
    assert "have expired" in streams.serve().message
    assert [gap.kind for gap in known_gaps(streams.lake)] == ["expired"]


def test_records_that_expire_below_a_query_are_noted_and_named(streams: Streams) -> None:
    def vanish() -> None:
        streams.sent += [2, 3, 4]
        streams.earliest = 4
        streams.landed = len(streams.sent)
        raise expired("ad-events", 0, 2, 4)

    streams.sent = [0, 1]
    streams.coming = [vanish]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TopicStream, "_run_query", broken(TopicStream._run_query))
        error = streams.serve()
    (gap,) = known_gaps(streams.lake)
    assert (gap.kind, gap.first_number, gap.next_number) == ("expired", 2, 4)
    assert gap.gap_id in error.remedy
    accept_gap(streams.settings, gap.gap_id, "gone")
    stream = TopicStream(
        streams.settings, streams.lake, streams.contract, TOPIC, once=True, landed=lambda *_: None
    )
    assert stream.behind() == 1
    assert streams.lake.stream_position(streams.contract) == {"first": {0: 4}}


def broken(run_query: Any) -> Any:
    """As Spark does: what is raised in a task ends the query, and its text is our error."""

    def run(*arguments: Any) -> Any:
        try:
            return run_query(*arguments)
        except AdxError as error:
            return error

    return run


def test_a_drain_lands_everything_and_then_says_what_is_missing(streams: Streams) -> None:
    def drain() -> None:
        stream = TopicStream(
            streams.settings, streams.lake, streams.contract, TOPIC, once=True, landed=print
        )
        stream.run(None)  # type: ignore[arg-type]

    def drained(*_: object) -> None:
        streams.land(len(streams.sent))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TopicStream, "_run_query", drained)
        streams.sent = [0, 2]
        drain()  # what it landed is younger than what it knows to be complete
        streams.sent += [3]
        with pytest.raises(AdxError, match="Of the numbers 1 to 1"):
            drain()
        assert streams.lake.head(streams.contract).rows == 3
    with pytest.raises(AdxError, match="Of the numbers 1 to 1"):
        run_stream(streams.settings, [TOPIC], once=True)  # nothing to land: no Spark
    streams.sent += [1]
    streams.land(4)
    run_stream(streams.settings, [TOPIC], once=True)
    assert [gap.status for gap in known_gaps(streams.lake)] == ["closed"]
