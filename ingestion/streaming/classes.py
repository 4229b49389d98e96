"""An archive of the classes that Spark loads, which halves the CPU of every later start.

Starting Spark is loading 15 thousand classes: 10.3 s of CPU from jars, 4.9 s from an archive (JDK
17, 2 cores). A JVM writes such an archive of what it has loaded when it ends, for some 6 s of CPU
once (JEP 350), and checks by itself that an archive fits its version and its jars; one that does
not fit is ignored. It lies inside the Python environment, as Spark's jars do, and goes with it.
"""

import hashlib
import os
import sys
import time
from pathlib import Path

import psutil

from ingestion.java import Java

_SETTLED_SECONDS = 30.0
"""A JVM writes its archive within seconds after its driver has ended."""


def archive_options(java: Java, spark: str, environment: Path | None = None) -> list[str]:
    """The JVM options that use the archive of this environment, or that make one.

    Args:
        java: The Java that is started.
        spark: Which Spark it loads, and from where: an archive fits one path of jars alone.
        environment: Folder of the Python environment; by default the one of this process.
    """
    folder = _folder(environment)
    key = hashlib.sha256(f"{java.description} {spark}".encode()).hexdigest()[:16]
    try:
        folder.mkdir(exist_ok=True)
        archive = folder / f"{key}.jsa"
        for made in folder.glob(f"{archive.stem}.*.new"):
            _settle(made)
        if archive.exists():
            return [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds*=off"]
        if not any(folder.glob(f"{archive.stem}.*.new")):
            new = archive.with_suffix(f".{os.getpid()}.new")
            new.touch()  # nobody else makes one meanwhile
            return [f"-XX:ArchiveClassesAtExit={new}", "-Xlog:cds*=off"]
    except OSError:
        return []  # an environment that cannot be written starts Spark without an archive
    return []


def keep_archive(environment: Path | None = None) -> None:
    """Take over what the JVM of this process has made; to be called when that JVM has ended."""
    for made in _folder(environment).glob(f"*.{os.getpid()}.new"):
        _take_over(made)


def _folder(environment: Path | None) -> Path:
    return (environment or Path(sys.prefix)) / "spark-classes"


def _settle(made: Path) -> None:
    """Take over what a JVM has made, once it can be sure to have finished."""
    driver = int(made.name.split(".")[1])
    if psutil.pid_exists(driver) or time.time() - made.stat().st_mtime < _SETTLED_SECONDS:
        return
    _take_over(made)


def _take_over(made: Path) -> None:
    if made.stat().st_size > 0:
        made.rename(made.with_name(f"{made.name.split('.')[0]}.jsa"))
    else:
        made.unlink()
