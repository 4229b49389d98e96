"""Where dropped files stand: waiting, taken, failed; and nothing that is loaded."""

from pathlib import Path

import pytest

from ingestion.errors import AdxError
from ingestion.landing import KeyStore
from ingestion.settings import Settings
from ingestion.sources.drop_queue import DropQueue
from ingestion.sources.error_archive import ErrorArchive
from ingestion.sources.file_states import dropped_files


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", drop_quiet_seconds=0)


@pytest.fixture
def queue(settings: Settings) -> DropQueue:
    return DropQueue(settings.drop, "adserver", 0.0)


def states(settings: Settings) -> list[tuple[str, str, str]]:
    return [(file.state, file.name, file.reason) for file in dropped_files(settings, "adserver")]


def test_nothing_dropped_is_nothing(settings):
    assert dropped_files(settings, "adserver") == []


def test_files_wait_until_they_are_taken(settings, queue):
    (queue.incoming / "a.csv").write_text("x")
    (queue.incoming / "a.csv.done").write_text("")
    (queue.incoming / "b.csv.tmp").write_text("x")
    with (queue.incoming / "c.csv").open("w"):
        assert states(settings) == [
            ("waiting", "a.csv", "the next landing takes it"),
            ("waiting", "b.csv.tmp", "its name says that it is on its way"),
            ("waiting", "c.csv", "it is still being written"),
        ]


def test_a_taken_file_says_whether_its_landing_lives(settings, queue):
    (queue.incoming / "a.csv").write_text("x")
    with queue.take(["a.csv"]) as attempt:
        (taken,) = dropped_files(settings, "adserver")
        assert (taken.state, taken.name, taken.attempt) == ("taken", "a.csv", attempt.id)
        assert taken.reason == "it is being landed"
    assert states(settings) == [
        ("taken", "a.csv", "its landing died; the next one finishes it"),
    ]
    with queue.abandoned() as attempts:  # looking took it from nobody
        assert [path.name for path in attempts[0].files()] == ["a.csv"]


def test_a_failed_file_says_when_at_which_step_why_and_how_to_retry(settings, queue):
    path = queue.incoming / "a.csv"
    path.write_text("abc")
    archive = ErrorArchive(queue.error, "adserver", KeyStore(settings.keys))
    error = AdxError("Its header is another one.", remedy="Send it again.")
    reason = archive.put(path, "a1", table="", sha256="0", step="parse", error=error)
    path.unlink()
    (file,) = dropped_files(settings, "adserver")
    assert (file.state, file.name, file.bytes, file.attempt, file.step, file.reason) == (
        "failed",
        "a.csv",
        3,
        "a1",
        "parse",
        "Its header is another one.",
    )
    assert file.since.isoformat() == reason.failed_at
    assert file.retry == "adx files retry adserver/a1/a.csv"
    assert dropped_files(settings, "exchange") == []


def test_a_delivery_is_shown_as_one_until_it_is_taken(settings, queue):
    folder = queue.incoming / "hour-05"
    folder.mkdir()
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text("abc")
    (file,) = dropped_files(settings, "adserver")
    assert (file.state, file.name, file.bytes) == ("waiting", "hour-05", 6)
    assert "hour-05.done is missing" in file.reason
    (queue.incoming / "hour-05.done").write_text("")
    assert states(settings) == [("waiting", "hour-05", "the next landing takes it")]
    with queue.take_deliveries(["hour-05"]):
        assert [state[:2] for state in states(settings)] == [
            ("taken", "a.csv"),
            ("taken", "b.csv"),
        ]
