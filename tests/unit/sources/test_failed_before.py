"""Records that failed before are recognised without being kept."""

from ingestion.sources import changes
from ingestion.sources.changes import FailedBefore

KEY = b"k" * 32


def test_a_record_is_new_once():
    before = FailedBefore([], KEY)
    assert before.add(b"x")
    assert not before.add(b"x")
    assert not FailedBefore(before.digests, KEY).add(b"x")
    assert FailedBefore(before.digests, KEY).add(b"y")


def test_a_digest_needs_the_key():
    before = FailedBefore([], KEY)
    before.add(b"u1@example.com")
    assert FailedBefore(before.digests, b"other").add(b"u1@example.com")


def test_the_oldest_are_forgotten_and_what_is_sent_again_stays_young(monkeypatch):
    monkeypatch.setattr(changes, "MAX_REMEMBERED", 2)
    before = FailedBefore([], KEY)
    for record in (b"1", b"2", b"1", b"3"):
        before.add(record)
    later = FailedBefore(before.digests, KEY)
    assert [later.add(record) for record in (b"1", b"2", b"3")] == [False, True, False]
