"""The drop folder as a queue: which files are whole, who has them, what a crash leaves."""

import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest

from ingestion.sources.drop_queue import DropQueue, being_written, printable

WRITTEN = "it is still being written"


@pytest.fixture
def queue(tmp_path: Path) -> DropQueue:
    return DropQueue(tmp_path, "adserver", quiet_seconds=0.05)


def drop(queue: DropQueue, name: str, content: str = "x") -> Path:
    path = queue.incoming / name
    path.write_text(content)
    return path


def test_quiet_files_are_whole(queue):
    drop(queue, "b.csv")
    drop(queue, "a.csv")
    assert queue.ready() == (["a.csv", "b.csv"], {})


@pytest.mark.parametrize("name", [".a.csv", "a.csv.tmp", "a.csv.part", "a.filepart", ".a.csv.Xk2"])
def test_transfers_on_their_way_are_not_looked_at(queue, name):
    drop(queue, name)
    assert queue.ready() == ([], {})


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (b"x" * 197 + b".csv", "its name is longer than 200 bytes: rename it"),
        (b"x" * 248 + b".csv", "its name is longer than 200 bytes: rename it"),
        (b"\xff.csv", "its name is not UTF-8: rename it"),
    ],
)
def test_a_name_that_nothing_can_stand_beside_holds_up_no_other(queue, name, problem):
    drop(queue, "a.csv")
    drop(queue, os.fsdecode(name))
    folder = queue.incoming / "delivery"
    folder.mkdir()
    (folder / os.fsdecode(name)).write_text("x")
    (queue.incoming / "delivery.done").touch()
    assert queue.ready() == (["a.csv"], {os.fsdecode(name): problem})
    shown = printable(os.fsdecode(name))
    assert queue.deliveries() == ([], {"delivery": f"{shown} in it: {problem}"})
    assert shown.encode()


def test_a_file_that_is_open_for_writing_waits(queue):
    path = drop(queue, "a.csv")
    with path.open("a"):
        assert being_written(path)
        assert queue.ready() == ([], {"a.csv": WRITTEN})
    assert queue.ready() == (["a.csv"], {})


def test_a_file_that_still_grows_waits(queue):
    path = drop(queue, "a.csv")
    stop = False

    def write() -> None:
        while not stop:
            with path.open("a") as file:
                file.write("x")

    writer = Thread(target=write)
    writer.start()
    try:
        assert queue.ready() == ([], {"a.csv": WRITTEN})
    finally:
        stop = True
        writer.join()


def test_a_marker_says_that_a_file_is_whole_at_once(tmp_path):
    queue = DropQueue(tmp_path, "adserver", quiet_seconds=3600)
    drop(queue, "a.csv")
    drop(queue, "a.csv.done", "")
    assert queue.ready() == (["a.csv"], {})


def test_a_marker_older_than_its_file_says_nothing(queue):
    marker = drop(queue, "a.csv.done", "")
    os.utime(marker, (1, 1))
    path = drop(queue, "a.csv")
    with path.open("a"):
        assert queue.ready() == ([], {"a.csv": WRITTEN})


def test_links_and_folders_are_no_files(queue, tmp_path):
    outside = tmp_path / "secret"
    outside.write_text("x")
    (queue.incoming / "link.csv").symlink_to(outside)
    (queue.incoming / "folder.csv").mkdir()
    assert queue.ready() == ([], {})


def test_taken_files_leave_the_drop_folder_and_come_back_to_nobody(queue):
    drop(queue, "a.csv")
    drop(queue, "a.csv.done", "")
    with queue.take(["a.csv", "gone.csv"]) as attempt:
        assert [path.name for path in attempt.files()] == ["a.csv"]
        assert list(queue.incoming.iterdir()) == []
        with queue.abandoned() as others:
            assert others == []
        attempt.finish(attempt.files()[0])
    assert list(queue.processing.iterdir()) == []


def test_what_a_dead_landing_had_taken_is_found_by_the_next_one(tmp_path):
    queue = DropQueue(tmp_path, "adserver", quiet_seconds=0.0)
    drop(queue, "a.csv")
    program = (
        "import os, sys; from pathlib import Path; "
        "from ingestion.sources.drop_queue import DropQueue\n"
        "with DropQueue(Path(sys.argv[1]), 'adserver', 0.0).take(['a.csv']) as attempt:\n"
        "    attempt.note_load('17')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    died = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert died.returncode == -9
    with queue.abandoned() as attempts:
        assert [[path.name for path in attempt.files()] for attempt in attempts] == [["a.csv"]]
        assert attempts[0].loads() == {"17"}
        with queue.abandoned() as others:
            assert others == []
    with queue.abandoned() as attempts:
        attempts[0].finish(attempts[0].files()[0])
    assert list(queue.processing.iterdir()) == []


def test_a_landing_that_failed_leaves_its_files_for_the_next_one(queue):
    drop(queue, "a.csv")
    with pytest.raises(RuntimeError), queue.take(["a.csv"]):
        raise RuntimeError
    with queue.abandoned() as attempts:
        assert [path.name for path in attempts[0].files()] == ["a.csv"]


def test_a_notes_file_is_no_data(queue):
    with queue.take([]) as attempt:
        attempt.note_load("1")
        attempt.note_load("2")
        assert attempt.files() == []
        assert attempt.loads() == {"1", "2"}
    assert list(queue.processing.iterdir()) == []


def deliver(queue: DropQueue, name: str, *files: str) -> Path:
    folder = queue.incoming / name
    folder.mkdir(exist_ok=True)
    for file in files:
        (folder / file).write_text("x")
    return folder


def test_a_delivery_is_whole_when_its_marker_is_newer_than_all_in_it(queue):
    folder = deliver(queue, "hour-05", "a.csv", "b.csv")
    assert queue.deliveries() == (
        [],
        {"hour-05": "hour-05.done is missing, so more files may come"},
    )
    drop(queue, "hour-05.done", "")
    assert queue.deliveries() == (["hour-05"], {})
    assert queue.ready() == ([], {})
    time.sleep(0.02)
    (folder / "b.csv").write_text("more")
    assert queue.deliveries() == ([], {"hour-05": "hour-05.done is older than its files"})
    drop(queue, "hour-05.done", "")
    assert queue.deliveries() == (["hour-05"], {})


@pytest.mark.parametrize("name", ["a.csv.part", "folder", "link"])
def test_a_delivery_holds_finished_files_alone(queue, tmp_path, name):
    folder = deliver(queue, "hour-05", "a.csv")
    if name == "folder":
        (folder / name).mkdir()
    elif name == "link":
        (folder / name).symlink_to(tmp_path)
    else:
        (folder / name).write_text("x")
    drop(queue, "hour-05.done", "")
    assert queue.deliveries() == ([], {"hour-05": f"{name} in it is no finished file"})


def test_a_delivery_is_taken_whole_by_one_landing(queue):
    deliver(queue, "hour-05", "a.csv", "b.csv")
    drop(queue, "hour-05.done", "")
    with queue.take_deliveries(["hour-05", "gone"]) as attempts:
        (attempt,) = attempts
        assert attempt.delivery == "hour-05"
        assert [path.name for path in attempt.files()] == ["a.csv", "b.csv"]
        assert list(queue.incoming.iterdir()) == []
        with queue.take_deliveries(["hour-05"]) as nothing, queue.abandoned() as others:
            assert (nothing, others) == ([], [])
    with queue.abandoned() as attempts:  # they were not finished
        assert [attempt.delivery for attempt in attempts] == ["hour-05"]
        for path in attempts[0].files():
            attempts[0].finish(path)
    assert list(queue.processing.iterdir()) == []


def test_a_folder_that_goes_while_it_is_looked_at_leaves_nothing(queue, monkeypatch):
    gone = queue.processing / "20260328T100000.000000Z-0123abcd"
    monkeypatch.setattr(type(gone), "glob", lambda *_: [gone])
    with queue.abandoned() as attempts:
        assert attempts == []
    assert list(queue.processing.iterdir()) == []
