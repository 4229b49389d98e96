"""What must halt the stream before it starts; none of it needs Spark."""

from collections.abc import Callable

import pytest

from ingestion.contracts import contract_for_topic
from ingestion.errors import AdxError, ExitCode
from ingestion.gaps import accept_gap, known_gaps
from ingestion.kafka import describe_topics, free_port
from ingestion.lake import Lake, StreamClaim
from ingestion.settings import Settings
from ingestion.streaming import run_stream
from tests.integration.gaps.planted import expire, make_anew

pytestmark = pytest.mark.slow

TOPIC = "user-events"


@pytest.fixture
def settings(
    stream_settings: Settings, make_topics: Callable[..., list[str]], send: Callable[..., None]
) -> Settings:
    """A topic with ten records in partition 0, of which the lake claims four."""
    make_topics(stream_settings, [TOPIC])
    send(stream_settings, TOPIC, [b"{}"] * 10)
    lake = Lake.open(stream_settings)
    lake.ensure_tables()
    (topic,) = describe_topics(stream_settings, [TOPIC])
    claim = StreamClaim(topic.name, topic.topic_id, {0: 0}, {0: 4})
    lake.commit_files(contract_for_topic(TOPIC), [], claim, expected_seq=0)
    return stream_settings


def halted(settings: Settings) -> AdxError:
    before = Lake.open(settings).stream_position(contract_for_topic(TOPIC))
    with pytest.raises(AdxError) as caught:
        run_stream(settings, [TOPIC], once=True)
    assert Lake.open(settings).stream_position(contract_for_topic(TOPIC)) == before
    return caught.value


def test_expired_offsets_halt_the_stream_and_are_named(settings: Settings) -> None:
    expire(settings, TOPIC, 0, 6)
    error = halted(settings)
    assert error.exit_code == ExitCode.DATA
    assert f"Offsets 4 to 5 of {settings.topic(TOPIC)}, partition 0, have expired" in str(error)


def test_a_topic_that_was_created_again_halts_the_stream(settings: Settings) -> None:
    make_anew(settings, TOPIC)
    error = halted(settings)
    assert error.exit_code == ExitCode.DATA
    assert "is not the one that user_events.events was read from" in str(error)


def test_a_topic_that_does_not_exist_is_named(settings: Settings) -> None:
    other = settings.model_copy(update={"kafka_topic_prefix": "nobody."})
    error = halted(other)
    assert error.exit_code == ExitCode.UNAVAILABLE
    assert "nobody.user-events" in str(error)


def test_a_broker_that_is_down_is_named(settings: Settings) -> None:
    port = free_port()
    error = halted(settings.model_copy(update={"kafka_bootstrap": f"127.0.0.1:{port}"}))
    assert error.exit_code == ExitCode.UNAVAILABLE
    assert f"127.0.0.1:{port}" in str(error)


def test_a_missing_java_is_named_before_anything_is_read(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("ingestion.streaming.spark._session", None)
    error = halted(settings)
    assert error.exit_code == ExitCode.CONFIGURATION
    assert "No Java was found" in str(error)


def test_a_second_stream_of_a_topic_is_sent_away(settings: Settings) -> None:
    with Lake.open(settings).writer_lock(contract_for_topic(TOPIC)):
        assert halted(settings).exit_code == ExitCode.BUSY


def test_once_somebody_accepts_them_expired_offsets_are_passed_over(settings: Settings) -> None:
    expire(settings, TOPIC, 0, 10)
    error = halted(settings)
    (gap,) = known_gaps(Lake.open(settings))
    assert (gap.status, gap.first_number, gap.next_number) == ("open", 4, 10)
    assert gap.gap_id in error.remedy
    assert accept_gap(settings, gap.gap_id, "nobody has them")[1]
    assert [report.read for report in run_stream(settings, [TOPIC], once=True)] == [0]
    (position,) = Lake.open(settings).stream_position(contract_for_topic(TOPIC)).values()
    assert position[0] == 10
