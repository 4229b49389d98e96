import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ingestion import failpoints
from ingestion.failpoints import (
    DiedError,
    failing,
    failpoint,
    read_fault,
    recorded,
    write_all,
)
from tests.chaos.registry import failpoints as used_points

PROGRAM = """
from ingestion.failpoints import failpoint
for number in range(3):
    print(number, flush=True)
    failpoint("stream.after_files")
    failpoint("lake.after_swap")
"""


@pytest.mark.parametrize(
    ("wanted", "code", "printed"),
    [
        ("stream.after_files", -signal.SIGKILL, "0"),
        ("stream.after_files:1", -signal.SIGKILL, "0"),
        ("lake.after_swap:3", -signal.SIGKILL, "0 1 2"),
        ("lake.after_swap:3=kill", -signal.SIGKILL, "0 1 2"),
        ("lake.after_swap:2=raise", 1, "0 1"),
        ("lake.after_swap:4", 0, "0 1 2"),
        ("stream.after", 0, "0 1 2"),
    ],
)
def test_a_process_gets_its_fault_from_the_environment(
    wanted: str, code: int, printed: str
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"ADX_FAILPOINT": wanted},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout.split()) == (code, printed.split())


def test_a_fault_that_nobody_knows_is_named() -> None:
    with pytest.raises(ValueError, match="explode is none of kill, die"):
        read_fault("lake.after_swap=explode")


def test_a_fault_comes_once_in_its_pass() -> None:
    with failing("a", "raise", at=2) as fault:
        failpoint("a")
        failpoint("b")
        assert not fault.came
        with pytest.raises(OSError, match="Input/output error"):
            failpoint("a")
        failpoint("a")
        assert fault.came
    failpoint("a")


def test_a_dead_process_does_nothing_more() -> None:
    written: list[bytes] = []
    with failing("a", "die"):
        with pytest.raises(DiedError):
            failpoint("a")
        with pytest.raises(DiedError):
            failpoint("b")
        with pytest.raises(DiedError):
            write_all("c", b"text", lambda left: written.append(bytes(left)) or len(left))
    assert written == []
    failpoint("b")


def test_another_work_can_be_done_at_a_point() -> None:
    seen: list[str] = []
    with failing("a", lambda: seen.append("other")):
        failpoint("a")
        failpoint("a")
    assert seen == ["other"]


def write(path: Path, action: failpoints.Action) -> None:
    with path.open("wb", buffering=0) as file, failing("disk.write", action):
        write_all("disk.write", b"0123456789", lambda left: os.write(file.fileno(), left))


@pytest.mark.parametrize(("action", "error"), [("full", errno.ENOSPC), ("raise", errno.EIO)])
def test_writes_fail_in_their_middle(tmp_path: Path, action: failpoints.Action, error: int) -> None:
    with pytest.raises(OSError, match=re.escape(os.strerror(error))):
        write(tmp_path / "file", action)
    assert (tmp_path / "file").read_bytes() == b"01234"


def test_a_short_write_is_followed_by_the_rest(tmp_path: Path) -> None:
    write(tmp_path / "file", "short")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_all_is_written_however_little_the_system_takes_at_a_time() -> None:
    written = bytearray()

    def three(left: memoryview) -> int:
        written.extend(left[:3])
        return min(3, len(left))

    write_all("disk.write", b"0123456789", three)
    assert bytes(written) == b"0123456789"


def test_what_is_passed_is_recorded_in_order() -> None:
    with recorded() as passes:
        failpoint("a")
        write_all("b", b"x", len)
        failpoint("a")
    failpoint("c")
    assert passes == ["a", "b", "a"]


def test_every_point_of_the_code_is_described() -> None:
    described = set(re.findall(r"`([a-z]+\.[a-z_]+)`", str(failpoints.__doc__)))
    assert used_points() == {name for name in described if not name.startswith("ops.")}
