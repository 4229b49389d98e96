import os
import subprocess
from pathlib import Path

import pytest

from ingestion.java import Java
from ingestion.streaming import classes
from ingestion.streaming.classes import archive_options, keep_archive

JAVA = Java(Path("/usr/bin/java"), 17, "openjdk 17.0.15")
SPARK = "4.1.1 /env/spark-home"


@pytest.fixture
def dead_pid() -> int:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


@pytest.fixture
def made(tmp_path: Path, dead_pid: int, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a JVM has made whose driver is dead."""
    monkeypatch.setattr(classes, "_SETTLED_SECONDS", -1.0)
    (option, _) = archive_options(JAVA, SPARK, tmp_path)
    new = Path(option.partition("=")[2])
    return new.rename(new.with_name(f"{new.name.split('.')[0]}.{dead_pid}.new"))


def test_the_first_start_makes_the_archive_and_others_leave_it_alone(tmp_path: Path) -> None:
    assert archive_options(JAVA, SPARK, tmp_path)[0].startswith("-XX:ArchiveClassesAtExit=")
    assert archive_options(JAVA, SPARK, tmp_path) == []


def test_later_starts_use_the_archive(tmp_path: Path, made: Path) -> None:
    made.write_bytes(b"classes")
    option = archive_options(JAVA, SPARK, tmp_path)[0]
    assert option.startswith("-XX:SharedArchiveFile=")
    assert Path(option.partition("=")[2]).read_bytes() == b"classes"


def test_another_build_of_java_has_another_archive(tmp_path: Path, made: Path) -> None:
    made.write_bytes(b"classes")
    archive_options(JAVA, SPARK, tmp_path)
    other = Java(JAVA.program, 17, "openjdk 17.0.16")
    assert archive_options(other, SPARK, tmp_path)[0].startswith("-XX:ArchiveClassesAtExit=")


def test_a_spark_at_another_place_has_another_archive(tmp_path: Path, made: Path) -> None:
    made.write_bytes(b"classes")
    assert archive_options(JAVA, SPARK, tmp_path)[0].startswith("-XX:SharedArchiveFile=")
    moved = archive_options(JAVA, "4.1.1 /moved/spark-home", tmp_path)
    assert moved[0].startswith("-XX:ArchiveClassesAtExit=")


def test_what_this_process_has_made_is_kept_at_once(tmp_path: Path) -> None:
    (option, _) = archive_options(JAVA, SPARK, tmp_path)
    Path(option.partition("=")[2]).write_bytes(b"classes")
    keep_archive(tmp_path)
    assert archive_options(JAVA, SPARK, tmp_path)[0].startswith("-XX:SharedArchiveFile=")


def test_a_start_that_died_before_it_wrote_is_forgotten(tmp_path: Path, made: Path) -> None:
    assert made.stat().st_size == 0
    assert archive_options(JAVA, SPARK, tmp_path)[0].endswith(f".{os.getpid()}.new")


def test_an_archive_that_is_still_written_is_not_used(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.write_bytes(b"half")
    monkeypatch.setattr(classes, "_SETTLED_SECONDS", 30.0)
    assert archive_options(JAVA, SPARK, tmp_path) == []


def test_an_environment_that_cannot_be_written_has_no_archive(tmp_path: Path) -> None:
    (tmp_path / "spark-classes").write_text("a file, not a folder")
    assert archive_options(JAVA, SPARK, tmp_path) == []
