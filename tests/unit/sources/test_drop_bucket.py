"""What of a bucket prefix is whole; what an ETag says; which copies are trusted."""

import hashlib
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

import pytest

from ingestion.sources.drop_bucket import DropBucket, Pending
from ingestion.sources.drop_queue import Attempt, DropQueue
from ingestion.sources.origins import Origin, origins_of, write_origins
from ingestion.sources.s3_objects import GoneError, RemoteObject, _fits

URL = "s3://bucket/in"
START = datetime(2026, 3, 28, 10, tzinfo=UTC)


class Listing:
    """Objects that appeared one second after the other."""

    def __init__(self, *keys: str) -> None:
        self.objects = [
            RemoteObject(
                f"{URL}/adserver/{key}", f"e{number}", 1, START + timedelta(seconds=number)
            )
            for number, key in enumerate(keys)
        ]

    def below(self, folder: str) -> list[RemoteObject]:
        assert folder == f"{URL}/adserver"
        return sorted(self.objects, key=lambda found: found.location)


def pending(*keys: str, taken: frozenset[tuple[str, str]] = frozenset()) -> Pending:
    return DropBucket(URL, "adserver", 1, Listing(*keys)).pending(taken)


def names(found: Pending) -> tuple[list[str], dict[str, list[str]], dict[str, str]]:
    prefix = f"{URL}/adserver/"
    return (
        [item.name for item in found.single],
        {name: [item.name for item in items] for name, items in found.deliveries.items()},
        {item.location.removeprefix(prefix): reason for item, reason in found.waiting},
    )


def test_an_object_is_whole_and_markers_and_folders_are_no_files():
    found = pending("a.csv", "a.csv.done", "b.csv", "folder/", "c.csv.done")
    assert names(found) == (["a.csv", "b.csv"], {}, {})
    assert [marker.name for marker in found.markers["a.csv"]] == ["a.csv.done"]


def test_a_delivery_is_whole_when_its_marker_came_last():
    assert names(pending("d/a.csv", "d/b.csv", "d/b.csv.done", "d.done")) == (
        [],
        {"d": ["a.csv", "b.csv"]},
        {},
    )
    for keys, reason in (
        (("d/a.csv",), "d.done is missing, so more files may come"),
        (("d/a.csv", "d.done", "d/b.csv"), "d.done is older than it"),
        (("d/a.csv", "d/a.csv.done"), "d.done is missing, so more files may come"),
    ):
        single, deliveries, waiting = names(pending(*keys))
        assert (single, deliveries, set(waiting.values())) == ([], {}, {reason})


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("a.csv.part", "its name says that it is on its way"),
        (".a.csv", "its name says that it is on its way"),
        ("d/e/a.csv", "it lies deeper than a delivery"),
        ("x" * 201, "its name is longer than 200 bytes: rename it"),
        ("d/a\0.csv", "its name is none for a file"),
        ("../a.csv", "its name says that it is on its way"),
    ],
)
def test_what_can_be_no_file_waits(key, reason):
    assert names(pending(key)) == ([], {}, {key: reason})


def test_one_object_that_cannot_be_taken_holds_up_its_delivery():
    _, deliveries, waiting = names(pending("d/a.csv", "d/b.csv.part", "d.done"))
    assert deliveries == {}
    assert waiting == {
        "d/a.csv": "another object of its delivery cannot be taken",
        "d/b.csv.part": "its name says that it is on its way",
    }


def test_what_is_copied_is_not_copied_again_unless_it_is_written_anew():
    taken = frozenset({(f"{URL}/adserver/a.csv", "e0"), (f"{URL}/adserver/b.csv", "before")})
    assert names(pending("a.csv", "b.csv", taken=taken))[0] == ["b.csv"]


def test_an_etag_is_the_md5_of_an_object_or_of_the_md5s_of_its_parts():
    def md5(content: bytes) -> bytes:
        return hashlib.md5(content, usedforsecurity=False).digest()

    one, two = md5(b"one"), md5(b"two")
    assert _fits(one.hex(), [one])
    assert not _fits(one.hex(), [two])
    assert _fits(f"{md5(one + two).hex()}-2", [one, two])
    assert not _fits(f"{md5(one + two).hex()}-2", [two, one])
    # other ETags say nothing of the content: encrypted objects, services that have their own
    assert _fits("anything", [one])
    assert _fits(f"{md5(one + two).hex()}-2", [md5(b"onetwo")])
    assert _fits(one.hex(), [b""])


def test_origins_say_what_must_not_be_landed(tmp_path):
    assert origins_of(tmp_path) == {}
    origins = {
        "a.csv": Origin("s3://b/a.csv", "e", 1, "abc"),
        "b.csv": Origin("s3://b/b.csv", "e", 1, "", "Damaged.", "Send it again.", "s3://b/x"),
    }
    write_origins(tmp_path, origins)
    assert origins_of(tmp_path) == origins
    assert origins["b.csv"].error.message == "Damaged."
    assert Attempt(tmp_path).files() == []


class Service(Listing):
    """A service whose copies take some time; it knows how many there were at once."""

    def __init__(self, *keys: str) -> None:
        super().__init__(*keys)
        self.gone: tuple[str, ...] = ()
        self.running = self.most = 0
        self._lock = Lock()

    def copy(self, found: RemoteObject, target: Path) -> str:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        time.sleep(0.02)
        with self._lock:
            self.running -= 1
        if found.name in self.gone:
            raise GoneError(found.location)
        target.write_text("x")
        return "abc"


def test_copies_run_side_by_side_and_no_more_than_asked_for(tmp_path):
    service = Service(*(f"{number}.csv" for number in range(9)))
    with DropBucket(URL, "adserver", 3, service).take(DropQueue(tmp_path, "adserver", 0)) as taken:
        (attempt,) = taken.attempts
        assert len(attempt.files()) == 9
        assert {origin.sha256 for origin in origins_of(attempt.folder).values()} == {"abc"}
    assert service.most == 3


def test_a_delivery_that_loses_an_object_meanwhile_is_not_taken(tmp_path):
    service = Service("d/a.csv", "d/b.csv", "d.done", "c.csv", "c.csv.done", "gone.csv")
    service.gone = ("b.csv", "gone.csv")
    queue = DropQueue(tmp_path, "adserver", 0)
    with DropBucket(URL, "adserver", 2, service).take(queue) as taken:
        assert [[path.name for path in attempt.files()] for attempt in taken.attempts] == [
            ["c.csv"]
        ]
        assert dict(taken.waiting) == dict.fromkeys(
            ("d/a.csv", "d/b.csv"), "b.csv of its delivery has just changed"
        )
        (origin,) = origins_of(taken.attempts[0].folder).values()
        assert origin.markers == ((f"{URL}/adserver/c.csv.done", "e4"),)


def test_the_markers_of_a_delivery_go_with_one_of_its_files(tmp_path):
    service = Service("d/a.csv", "d/b.csv", "d/b.csv.done", "d.done")
    queue = DropQueue(tmp_path, "adserver", 0)
    with DropBucket(URL, "adserver", 2, service).take(queue) as taken:
        (attempt,) = taken.attempts
        assert attempt.delivery == "d"
        markers = {name: origin.markers for name, origin in origins_of(attempt.folder).items()}
    assert {location.rpartition("/")[2] for location, _ in markers["a.csv"]} == {
        "d.done",
        "b.csv.done",
    }
    assert markers["b.csv"] == ()


def test_what_a_dead_copier_left_is_removed(tmp_path):
    queue = DropQueue(tmp_path, "adserver", 0)
    left = queue.processing / ".copying-20260328T100000.000000Z-0123abcd"
    left.mkdir()
    (left / "a.csv").write_text("half")
    with DropBucket(URL, "adserver", 2, Service()).take(queue) as taken:
        assert taken.attempts == []
    assert not left.exists()
