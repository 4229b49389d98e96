"""Finds the JDK that the local broker and Spark run on."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ingestion.errors import AdxError, ExitCode

MINIMUM_VERSION = 17
_REMEDY = f"Install a JDK {MINIMUM_VERSION} or newer and put it on the PATH or in JAVA_HOME."


@dataclass(frozen=True)
class Java:
    """A `java` program that is new enough.

    Attributes:
        program: Path of `java`.
        version: Its feature version, such as 17.
        description: What `java -version` prints: the exact build.
    """

    program: Path
    version: int
    description: str


def find_java() -> Java:
    """The `java` of JAVA_HOME, else of the PATH: the order in which Spark looks, too.

    Raises:
        AdxError: There is none, it does not run, or it is too old.
    """
    home = os.environ.get("JAVA_HOME")
    found = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if found is None:
        raise _error("No Java was found: `java` is not on the PATH and JAVA_HOME is not set.")
    try:
        shown = subprocess.run(
            [found, "-version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _error(f"{found} does not run ({error}).") from error
    match = re.search(r'version "(?:1\.)?(\d+)', shown.stderr + shown.stdout)
    if shown.returncode != 0 or match is None:
        raise _error(f"{found} is no working Java: `java -version` gave no version.")
    version = int(match[1])
    if version < MINIMUM_VERSION:
        raise _error(f"{found} is Java {version}, which is too old for Kafka and Spark.")
    return Java(Path(found), version, shown.stderr + shown.stdout)


def _error(message: str) -> AdxError:
    return AdxError(message, remedy=_REMEDY, exit_code=ExitCode.CONFIGURATION)
