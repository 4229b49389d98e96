"""What a journal says of itself, whatever its producer is doing meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.errors import AdxError
from ingestion.producers.inspection import inspect, journals
from ingestion.producers.journal import Journal
from ingestion.settings import Settings


def events(first: int, count: int) -> list[tuple[bytes, bytes]]:
    return [(b"key", b'{"event_id":"id-%d"}' % number) for number in range(first, first + count)]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal of twelve records in six segments, of which Kafka has seven, open as in use."""
    opened = Journal(tmp_path / "px" / "ad-events", "px", segment_bytes=1)
    for first in range(0, 12, 2):
        opened.append(events(first, 2), 0)
    opened.acknowledge(7)
    yield opened
    opened.close()


@pytest.fixture
def folder(journal: Journal, tmp_path: Path) -> Path:
    return tmp_path / "px" / "ad-events"


def test_a_journal_in_use_is_read_beside_its_producer(journal: Journal, folder: Path) -> None:
    state = inspect(folder, with_ids=True)
    assert (state.producer, state.topic) == ("px", "ad-events")
    assert state.producer_id == journal.producer_id
    assert (state.accepted, state.acknowledged, state.to_send) == (12, 7, 5)
    assert state.kept == {6: "id-6"}
    assert state.problem is None
    journal.append(events(12, 1), 0)
    journal.acknowledge(13)
    state = inspect(folder, with_ids=True)
    assert (state.accepted, state.acknowledged, state.to_send) == (13, 13, 0)
    assert state.kept == {12: "id-12"}


def test_a_group_that_is_half_written_is_not_accepted(journal: Journal, folder: Path) -> None:
    newest = max(folder.glob("*.log"))
    with newest.open("ab") as stream:
        stream.write(newest.read_bytes()[:40])
    state = inspect(folder)
    assert (state.accepted, state.to_send, state.problem) == (12, 5, None)


def test_a_segment_that_is_gone_is_missing(journal: Journal, folder: Path) -> None:
    (folder / f"{8:020}.log").unlink()
    state = inspect(folder)
    assert (state.accepted, state.acknowledged, state.to_send) == (12, 7, 3)
    assert "ends before record 10, at 8" in str(state.problem)


def test_a_record_that_cannot_be_read_is_missing(journal: Journal, folder: Path) -> None:
    path = folder / f"{8:020}.log"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    state = inspect(folder)
    assert (state.accepted, state.acknowledged, state.to_send) == (12, 7, 4)
    assert "ends before record 10, at 9" in str(state.problem)


def test_damage_in_the_newest_segment_is_told_from_a_torn_tail(tmp_path: Path) -> None:
    folder = tmp_path / "px" / "ad-events"
    journal = Journal(folder, "px")
    for first in range(3):
        journal.append(events(first, 1), 0)
    (path,) = folder.glob("*.log")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    state = inspect(folder)
    assert (state.accepted, state.to_send) == (1, 1)
    assert "record 1 was on disk and cannot be read" in str(state.problem)
    journal.close()


def test_a_segment_that_goes_while_it_is_read_is_looked_for_again(
    journal: Journal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Path.read_bytes
    asked: list[Path] = []

    def slow(path: Path) -> bytes:
        if path.suffix == ".log" and not asked:
            asked.append(path)
            journal.acknowledge(12)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", slow)
    state = inspect(folder)
    assert (state.accepted, state.acknowledged, state.to_send) == (12, 12, 0)


def test_a_journal_without_an_identity_is_told(journal: Journal, folder: Path) -> None:
    (folder / "identity.json").unlink()
    with pytest.raises(AdxError, match="does not tell the producer_id"):
        inspect(folder)


def test_the_journals_of_a_machine_are_those_of_all_producers(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert journals(settings) == []
    for place in ("b/user-events", "a/ad-events", "a/user-events", "a/other"):
        (settings.producers / place).mkdir(parents=True)
    found = [path.relative_to(settings.producers).as_posix() for path in journals(settings)]
    assert found == ["a/ad-events", "a/user-events", "b/user-events"]
