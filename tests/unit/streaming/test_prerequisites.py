import json
import os
from pathlib import Path

import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.java import find_java
from ingestion.kafka.jars import cache_folder, ensure_jars, kafka_version


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing but what a test puts there (and a shell), and an empty cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/bin-of-the-test")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_missing_java_is_named(tools: Path) -> None:
    with pytest.raises(AdxError, match="No Java was found") as caught:
        find_java()
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    assert "JDK 17" in caught.value.remedy


@pytest.mark.parametrize("shown", ['java version "1.8.0_402"', 'openjdk version "11.0.22"'])
def test_a_java_that_is_too_old_is_named(tools: Path, shown: str) -> None:
    program(tools, "java", f"echo '{shown}' >&2")
    with pytest.raises(AdxError, match="too old"):
        find_java()


def test_a_java_that_does_not_run_is_named(tools: Path) -> None:
    program(tools, "java", "exit 1")
    with pytest.raises(AdxError, match="no working Java"):
        find_java()


def test_java_home_comes_before_the_path(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tools, "java", "echo 'openjdk version \"11.0.22\"' >&2")
    (tmp_path / "jdk" / "bin").mkdir(parents=True)
    program(tmp_path / "jdk" / "bin", "java", "echo 'openjdk version \"21.0.2\"' >&2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert find_java().version == 21


def test_a_missing_maven_is_named(tools: Path) -> None:
    with pytest.raises(AdxError, match="Maven was not found") as caught:
        ensure_jars()
    assert caught.value.exit_code == ExitCode.CONFIGURATION


FETCH = """
for argument; do case $argument in -DoutputDirectory=*) out=${argument#*=};; esac; done
/bin/mkdir -p "$out"
echo jar > "$out/kafka.jar"
"""


def test_a_fetch_that_fails_is_told_and_leaves_nothing(tools: Path) -> None:
    program(
        tools, "mvn", FETCH + "echo '[ERROR] Could not transfer artifact a:b: no route'; exit 1"
    )
    with pytest.raises(AdxError, match=r"Could not transfer artifact a:b: no route\.") as caught:
        ensure_jars()
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
    assert [path.name for path in cache_folder().parent.iterdir()] == [
        f"kafka-{kafka_version()}.lock"
    ]


def test_jars_are_fetched_once(tools: Path) -> None:
    program(tools, "mvn", FETCH)
    folder = ensure_jars()
    assert folder == cache_folder()
    assert (folder / "kafka.jar").exists()
    (tools / "mvn").unlink()
    assert ensure_jars() == folder


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "kafka.jar").unlink(),
        lambda folder: (folder / "kafka.jar").write_text("j"),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text(json.dumps({"pom": "other"})),
    ],
)
def test_a_damaged_cache_is_fetched_again(tools: Path, damage: object) -> None:
    program(tools, "mvn", FETCH)
    folder = ensure_jars()
    assert callable(damage)
    damage(folder)
    assert (ensure_jars() / "kafka.jar").read_text() == "jar\n"


def test_a_cache_that_cannot_be_written_is_named(tools: Path, tmp_path: Path) -> None:
    program(tools, "mvn", FETCH)
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(AdxError, match="cannot be written") as caught:
        ensure_jars()
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
