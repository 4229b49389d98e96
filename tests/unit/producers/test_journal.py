"""The journal's form, and what each kind of crash and damage leaves of it."""

import binascii
import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.producers.disk import Disk
from ingestion.producers.journal import Journal
from ingestion.producers.records import (
    HEADER_BYTES,
    Record,
    pack,
    read_record,
    read_records,
)
from tests.unit.producers.stand_ins import CrashingDisk

Open = Callable[..., Journal]


@pytest.fixture
def reopen(tmp_path: Path) -> Iterator[Open]:
    """Opens the journal of the test, and closes the one before."""
    opened: list[Journal] = []

    def close() -> None:
        if opened:
            opened.pop().close()

    def make(**arguments: object) -> Journal:
        close()
        opened.append(Journal(tmp_path / "journal", "px", **arguments))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    close()


def events(first: int, count: int) -> list[tuple[bytes, bytes]]:
    return [(b"key %d" % n, b'{"n":%d}' % n) for n in range(first, first + count)]


def stored(journal: Journal, start: int = 0) -> list[tuple[bytes, bytes]]:
    reader = journal.read(start)
    found = []
    while records := reader.records():
        assert [record.seq for record in records] == list(
            range(start + len(found), start + len(found) + len(records))
        )
        found += [(record.key, record.value) for record in records]
    reader.close()
    return found


def segments(folder: Path) -> list[Path]:
    return sorted((folder / "journal").glob("*.log"))


def test_the_form_of_a_record_is_fixed() -> None:
    made = pack(7, 5, 1_775_000_000_000, b"user_1", b'{"a":1}')
    body = bytes.fromhex(
        "07000000 0600"  # lengths of value and key
        "0700000000000000 0500000000000000 00963e469d010000"  # seq, durable, clock
    )
    body += b'user_1{"a":1}'
    assert made == b"AXJ1" + binascii.crc32(body).to_bytes(4, "little") + body
    record = read_record(made, 0)
    assert record is not None
    assert (record.seq, record.durable, record.clock_ms) == (7, 5, 1_775_000_000_000)
    assert (record.key, record.value, record.size) == (b"user_1", b'{"a":1}', len(made))
    assert len(made) == HEADER_BYTES + 13


def test_every_bit_of_a_record_is_checked() -> None:
    made = pack(7, 5, 1_775_000_000_000, b"k", b"{}")
    for place in range(len(made)):
        for bit in range(8):
            damaged = bytearray(made)
            damaged[place] ^= 1 << bit
            assert read_record(bytes(damaged), 0) is None


def test_what_was_appended_is_there_after_a_restart(reopen: Open) -> None:
    journal = reopen()
    journal.append(events(0, 3), 1000)
    journal.append(events(3, 2), 2000)
    name = journal.producer_id
    journal = reopen()
    assert (journal.end, journal.position, journal.clock_ms) == (5, 0, 2000)
    assert journal.producer_id == name
    assert stored(journal) == events(0, 5)
    assert stored(journal, 4) == events(4, 1)
    assert stored(journal, 5) == []


def test_segments_follow_each_other_and_go_when_they_are_acknowledged(
    reopen: Open, tmp_path: Path
) -> None:
    journal = reopen(segment_bytes=200)
    for first in range(0, 40, 4):
        journal.append(events(first, 4), first)
    assert len(segments(tmp_path)) == 10
    assert stored(journal) == events(0, 40)
    journal.acknowledge(9)
    assert [int(path.stem) for path in segments(tmp_path)][:2] == [8, 12]
    journal = reopen(segment_bytes=200)
    assert (journal.position, journal.end) == (9, 40)
    assert stored(journal, 9) == events(9, 31)
    journal.acknowledge(40)
    assert [int(path.stem) for path in segments(tmp_path)] == [36]
    assert journal.size == 0
    assert reopen().end == 40


def test_a_tail_that_is_torn_at_any_byte_is_cut(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "px")
    journal.append(events(0, 2), 1)
    (path,) = segments(tmp_path)
    whole = path.stat().st_size
    journal.append(events(2, 3), 2)
    journal.close()
    content = path.read_bytes()
    ends = [whole]
    while (record := read_record(content, ends[-1])) is not None:
        ends.append(ends[-1] + record.size)
    assert ends[-1] == len(content)
    for size in range(whole, len(content) + 1):
        for tail in (b"", b"\0" * 7, b"AXJ1\0\0"):
            path.write_bytes(content[:size] + tail)
            journal = Journal(tmp_path / "journal", "px")
            expected = 2 + sum(end <= size for end in ends[1:])
            assert journal.end == expected
            assert path.stat().st_size == ends[expected - 2]
            journal.append(events(expected, 1), 3)
            assert stored(journal) == events(0, expected + 1)
            journal.close()


def test_a_later_block_of_a_group_that_reached_the_disk_first_is_no_damage(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path / "journal", "px")
    journal.append(events(0, 2), 1)
    (path,) = segments(tmp_path)
    whole = path.stat().st_size
    journal.append(events(2, 3), 2)
    journal.close()
    content = bytearray(path.read_bytes())
    content[whole : whole + 20] = bytes(20)
    path.write_bytes(content)
    journal = Journal(tmp_path / "journal", "px")
    assert journal.end == 2
    journal.close()


def test_damage_before_a_group_that_was_on_disk_is_told_and_nothing_is_cut(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path / "journal", "px")
    for first in (0, 2, 4):
        journal.append(events(first, 2), 1)
    journal.close()
    (path,) = segments(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(AdxError, match="record 3 was on disk and cannot be read") as caught:
        Journal(tmp_path / "journal", "px")
    assert caught.value.exit_code == ExitCode.DATA
    assert path.read_bytes() == bytes(content)


def test_damage_in_an_earlier_segment_is_told_when_it_is_read(reopen: Open, tmp_path: Path) -> None:
    journal = reopen(segment_bytes=100)
    for first in range(0, 8, 2):
        journal.append(events(first, 2), 1)
    path = segments(tmp_path)[1]
    path.write_bytes(path.read_bytes()[:-1])
    journal = reopen()
    with pytest.raises(AdxError, match="record 3 was on disk"):
        stored(journal)


def test_a_second_process_of_the_same_producer_is_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "px")
    with pytest.raises(AdxError, match="Another process is the producer px") as caught:
        Journal(tmp_path / "journal", "px")
    assert caught.value.exit_code == ExitCode.BUSY
    journal.close()
    Journal(tmp_path / "journal", "px").close()


def test_a_journal_that_was_lost_begins_with_another_producer_id(
    reopen: Open, tmp_path: Path
) -> None:
    first = reopen()
    first.append(events(0, 1), 1)
    for path in segments(tmp_path):
        path.unlink()
    second = reopen()
    assert second.end == 0
    assert second.producer_id != first.producer_id
    assert second.producer_id.startswith("px.")


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path: Path) -> None:
    disk = CrashingDisk()
    journal = Journal(tmp_path / "journal", "px", disk=disk)
    journal.append(events(0, 2), 1)
    (path,) = segments(tmp_path)
    before = path.read_bytes()
    for room in (0, 1, HEADER_BYTES, HEADER_BYTES + 60):
        disk.room = room
        with pytest.raises(OSError) as caught:  # noqa: PT011 - the number is looked at below
            journal.append(events(2, 3), 2)
        assert caught.value.errno == errno.ENOSPC
        assert path.read_bytes() == before
        assert stored(journal) == events(0, 2)
    disk.room = None
    journal.append(events(2, 1), 3)
    assert stored(journal) == events(0, 3)
    journal.close()


def test_a_full_disk_begins_no_segment(tmp_path: Path) -> None:
    disk = CrashingDisk()
    journal = Journal(tmp_path / "journal", "px", disk=disk, segment_bytes=1)
    journal.append(events(0, 1), 1)
    disk.room = 0
    with pytest.raises(OSError, match="No space left"):
        journal.append(events(1, 1), 1)
    assert len(segments(tmp_path)) == 1
    disk.room = None
    journal.append(events(1, 1), 1)
    assert stored(journal) == events(0, 2)
    journal.close()


def test_a_disk_that_does_not_confirm_ends_the_writing(tmp_path: Path) -> None:
    disk = CrashingDisk()
    journal = Journal(tmp_path / "journal", "px", disk=disk)
    journal.append(events(0, 2), 1)
    disk.broken = True
    with pytest.raises(AdxError, match="did not confirm") as caught:
        journal.append(events(2, 1), 1)
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
    disk.broken = False
    with pytest.raises(AdxError, match="did not confirm"):
        journal.append(events(2, 1), 1)
    assert stored(journal) == events(0, 2)
    journal.close()


def test_what_a_killed_process_left_in_memory_is_synced_before_it_is_read(tmp_path: Path) -> None:
    class Counting(Disk):
        syncs = 0

        def sync(self, handle: int) -> None:
            super().sync(handle)
            self.syncs += 1

    journal = Journal(tmp_path / "journal", "px")
    journal.append(events(0, 1), 1)
    journal.close()
    disk = Counting()
    Journal(tmp_path / "journal", "px", disk=disk).close()
    assert disk.syncs == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"next": null}', '{"next": 1}'])
def test_without_a_readable_position_what_is_there_is_sent_again(
    reopen: Open, tmp_path: Path, text: str
) -> None:
    journal = reopen(segment_bytes=100)
    for first in range(0, 8, 2):
        journal.append(events(first, 2), 1)
    journal.acknowledge(5)
    (tmp_path / "journal" / "position.json").write_text(text)
    assert reopen().position == 4


def test_numbers_that_kafka_has_are_not_given_again(reopen: Open, tmp_path: Path) -> None:
    journal = reopen()
    journal.append(events(0, 4), 1)
    position = tmp_path / "journal" / "position.json"
    position.write_text(json.dumps({"next": 9, "clock_ms": 5}))  # of a later state of the disk
    journal = reopen()
    assert (journal.position, journal.end) == (9, 9)
    journal.append(events(9, 1), 6)
    assert stored(journal, 9) == events(9, 1)
    assert reopen().end == 10


def test_an_identity_that_cannot_be_read_is_told(reopen: Open, tmp_path: Path) -> None:
    reopen().append(events(0, 1), 1)
    (tmp_path / "journal" / "identity.json").write_text("{")
    with pytest.raises(AdxError, match="does not tell the producer_id"):
        reopen()


def test_a_long_record_is_read(reopen: Open) -> None:
    journal = reopen()
    long = [(b"k", b"x" * 5_000_000), (b"", b"y")]
    journal.append(long, 1)
    assert stored(journal) == long


def test_what_is_appended_while_a_reader_looks_for_its_place_is_no_damage(
    reopen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = reopen()
    journal.append(events(0, 3), 1)

    def overtaken(content: bytes, first: int) -> Iterator[Record]:
        yield from read_records(content, first)
        if journal.end == 3:
            journal.append(events(3, 2), 2)

    monkeypatch.setattr("ingestion.producers.journal.read_records", overtaken)
    assert stored(journal, 3) == events(3, 2)


def test_a_reader_believes_no_bytes_of_a_group_that_is_undone_while_it_reads(
    reopen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = CrashingDisk()
    journal = reopen(disk=disk)
    journal.append(events(0, 1), 1)
    reader = journal.read(0)
    read = os.pread

    def meanwhile(handle: int, size: int, offset: int) -> bytes:
        """The group is on disk when it is read, then refused, and another gets its number."""
        monkeypatch.setattr(os, "pread", read)
        disk.room = len(pack(1, 1, 2, b"key", b"refused")) + 5
        with pytest.raises(OSError, match="No space"):
            journal.append([(b"key", b"refused"), (b"key", b"too long")], 2)
        seen = first + pack(1, 1, 2, b"key", b"refused")
        disk.room = None
        journal.append([(b"key", b"taken")], 3)
        return seen

    first = read(reader._handle, 1 << 16, 0)
    monkeypatch.setattr(os, "pread", meanwhile)
    found = reader.records() + reader.records()
    reader.close()
    assert [record.value for record in found] == [b'{"n":0}', b"taken"]
