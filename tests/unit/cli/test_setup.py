"""A machine where something is missing: `make` says what, and how to mend it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingestion.settings import PROJECT_ROOT

SCRIPT = PROJECT_ROOT / "infra/setup/prerequisites.sh"
PYTHON = (
    '#!/bin/sh\n[ "$1" = -c ] && case "$2" in *version_info*) exit {code};; esac\necho {path}\n'
)
JAVA = "#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n"


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path):
    """A PATH with everything on it, and nothing else."""
    for name in ("bash", "sed", "head", "sh"):
        (tmp_path / name).symlink_to(
            f"/bin/{name}" if name in {"sh", "bash"} else f"/usr/bin/{name}"
        )
    program(tmp_path, "python3", PYTHON.format(code=0, path=tmp_path / "python3"))
    program(tmp_path, "java", JAVA.format(version="17.0.15"))
    program(tmp_path, "mvn", "#!/bin/sh\n")
    return tmp_path


def check(machine: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", str(SCRIPT), *arguments],
        env={"PATH": str(machine), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_machine_with_everything_passes_in_silence(machine):
    done = check(machine)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert check(machine, "--print-python").stdout.strip() == str(machine / "python3")


@pytest.mark.parametrize("version", ["17.0.1", "21.0.2", "25"])
def test_any_jdk_from_17_will_do(machine, version):
    program(machine, "java", JAVA.format(version=version))
    assert check(machine).returncode == 0


@pytest.mark.parametrize(
    ("missing", "words"),
    [("python3", "No Python 3.11 or 3.12"), ("java", "No Java"), ("mvn", "Maven (mvn)")],
)
def test_what_is_missing_is_named_with_a_remedy(machine, missing, words):
    (machine / missing).unlink()
    done = check(machine)
    assert done.returncode == 3
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("error: ")
    assert words in lines[0]
    assert lines[1].startswith("remedy: ")


@pytest.mark.parametrize(("version", "name"), [("1.8.0_402", "8"), ("11.0.22", "11")])
def test_an_old_jdk_is_named_with_its_version(machine, version, name):
    program(machine, "java", JAVA.format(version=version))
    done = check(machine)
    assert done.returncode == 3
    assert f"Java {name} is too old" in done.stderr


def test_java_home_comes_before_the_path(machine, tmp_path_factory):
    home = tmp_path_factory.mktemp("jdk")
    (home / "bin").mkdir()
    program(home / "bin", "java", JAVA.format(version="11.0.1"))
    assert "Java 11 is too old" in check(machine, JAVA_HOME=str(home)).stderr


def test_another_python_can_be_named(machine, tmp_path_factory):
    folder = tmp_path_factory.mktemp("python")
    program(folder, "python-of-mine", PYTHON.format(code=0, path=folder / "python-of-mine"))
    (machine / "python3").unlink()
    done = check(machine, "--print-python", PYTHON=str(folder / "python-of-mine"))
    assert done.stdout.strip() == str(folder / "python-of-mine")


def test_a_python_that_is_too_new_is_not_taken(machine):
    program(machine, "python3", PYTHON.format(code=1, path="x"))
    assert "No Python 3.11 or 3.12" in check(machine).stderr


def test_make_lists_its_targets():
    done = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for target in ("setup", "demo", "test", "test-fast", "lint", "dagster", "clean"):
        assert any(line.split()[0] == target for line in done.stdout.splitlines())


def test_dagster_is_not_opened_where_a_setting_is_wrong(tmp_path):
    program(tmp_path, "python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    program(tmp_path, "dagster", "#!/bin/sh\necho opened\n")
    (tmp_path / ".synced").touch()
    done = subprocess.run(
        ["make", "--no-print-directory", f"BIN={tmp_path}", "dagster"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "ADX_ENVIRONMENT": "nonesuch"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "There is no environment nonesuch" in done.stderr
    assert done.returncode != 0
    assert "opened" not in done.stdout


def test_continuous_integration_runs_the_whole_suite():
    assert (PROJECT_ROOT / ".ci/run").read_text().rstrip().endswith("exec make test")
