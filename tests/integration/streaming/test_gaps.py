"""Gaps that a running stream meets: a topic made anew below it, numbers that never came."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ingestion.contracts import contract_for_topic
from ingestion.errors import AdxError, ExitCode
from ingestion.gaps import Gap, accept_gap, known_gaps
from ingestion.lake import Lake
from ingestion.settings import Settings
from ingestion.streaming import query, run_stream
from tests.integration.gaps.planted import make_anew, numbered_event
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("spark")]


def event(seq: int) -> bytes:
    return json.dumps(numbered_event(seq)).encode()


def landed(settings: Settings, topic: str) -> int:
    return Lake.open(settings).head(contract_for_topic(topic)).rows


def only_gap(settings: Settings) -> Gap:
    (gap,) = known_gaps(Lake.open(settings))
    return gap


def test_a_topic_made_anew_below_a_service_halts_it_until_somebody_accepts(
    stream_settings: Settings,
    make_topics: Callable[..., list[str]],
    send: Callable[..., None],
    drain: Callable[..., Any],
) -> None:
    topic = "user-events"
    make_topics(stream_settings, [topic])
    Lake.open(stream_settings).ensure_tables()  # the test looks before the service has made them
    send(stream_settings, topic, [b"{}"] * 5)
    errors: list[BaseException] = []

    def serve() -> None:
        try:
            run_stream(stream_settings, [topic], stop=threading.Event(), keep_spark=True)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            errors.append(error)

    service = threading.Thread(target=serve)
    service.start()
    wait_for("five rows", lambda: landed(stream_settings, topic) == 5)
    make_anew(stream_settings, topic)
    send(stream_settings, topic, [b"{}"] * 3)
    service.join(60)
    assert not service.is_alive()
    (error,) = errors
    if isinstance(error, AdxError) and error.exit_code is ExitCode.UNAVAILABLE:
        # it looked in the moment without a topic; whoever supervises it starts it again
        with pytest.raises(AdxError) as caught:
            drain(stream_settings, topics=[topic])
        error = caught.value
    assert isinstance(error, AdxError)
    assert error.exit_code is ExitCode.DATA
    gap = only_gap(stream_settings)
    assert (gap.kind, gap.status) == ("recreated", "open")
    assert gap.gap_id in error.remedy
    accept_gap(stream_settings, gap.gap_id, "the topic was made anew on purpose")
    drain(stream_settings, topics=[topic])
    assert landed(stream_settings, topic) == 8


def test_a_drain_lands_the_other_topics_of_one_that_has_a_gap(
    stream_settings: Settings,
    make_topics: Callable[..., list[str]],
    send: Callable[..., None],
    drain: Callable[..., Any],
) -> None:
    broken, whole = topics = ["user-events", "ad-events"]
    make_topics(stream_settings, topics)
    send(stream_settings, broken, [b"{}"] * 5)
    drain(stream_settings, topics=topics)
    make_anew(stream_settings, broken)
    send(stream_settings, broken, [b"{}"] * 3)
    send(stream_settings, whole, [event(0)])
    with pytest.raises(AdxError) as caught:
        drain(stream_settings, topics=topics)
    assert only_gap(stream_settings).gap_id in caught.value.remedy
    assert [landed(stream_settings, topic) for topic in topics] == [5, 1]


def test_a_missing_number_ends_runs_that_have_landed_all_there_is(
    make_stream_settings: Callable[..., Settings],
    make_topics: Callable[..., list[str]],
    send: Callable[..., None],
    drain: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = make_stream_settings(gap_hours=0)
    topic = "ad-events"
    make_topics(settings, [topic])
    send(settings, topic, [event(0), event(2)])
    drain(settings, topics=[topic])  # what it lands is younger than what it has looked at
    send(settings, topic, [event(3)])
    with pytest.raises(AdxError, match="Of the numbers 1 to 1") as caught:
        drain(settings, topics=[topic])
    assert caught.value.exit_code is ExitCode.DATA
    assert landed(settings, topic) == 3
    with pytest.raises(AdxError, match="Of the numbers 1 to 1"):
        drain(settings, topics=[topic])

    # A service goes on until it has caught up, and halts; the number closes the gap.
    monkeypatch.setattr(query, "_NUMBERS_SECONDS", 0.5)
    with pytest.raises(AdxError, match="Of the numbers 1 to 1"):
        run_stream(settings, [topic], stop=threading.Event(), keep_spark=True)
    send(settings, topic, [event(1), event(5)])
    drain(settings, topics=[topic])
    assert only_gap(settings).status == "closed"
    with pytest.raises(AdxError, match="Of the numbers 4 to 4"):
        drain(settings, topics=[topic])
    still = [gap.gap_id for gap in known_gaps(Lake.open(settings)) if gap.status == "open"]
    accept_gap(settings, still[0], "the producer's disk was lost")
    drain(settings, topics=[topic])
    assert landed(settings, topic) == 5
