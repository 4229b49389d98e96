"""Fetches the broker's jars once, by Maven, into a cache folder of the user.

`~/.cache/advertisex/kafka-<version>` (or below `XDG_CACHE_HOME`) appears by a rename after the last
jar, beside a list of what it must hold, so that a fetch that was cut short is never used and a jar
that was damaged later is noticed.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import PROJECT_ROOT

POM = PROJECT_ROOT / "infra" / "kafka" / "pom.xml"
_MANIFEST = "manifest.json"
_FETCH_SECONDS = 600


def kafka_version() -> str:
    """The version that `infra/kafka/pom.xml` declares."""
    match = re.search(r"<kafka\.version>([^<]+)</kafka\.version>", POM.read_text(encoding="utf-8"))
    if match is None:
        raise AdxError(
            f"{POM} does not declare <kafka.version>.",
            remedy="Restore that file from the repository.",
            exit_code=ExitCode.CONFIGURATION,
        )
    return match[1]


def cache_folder() -> Path:
    """Where the jars of this version belong."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "advertisex" / f"kafka-{kafka_version()}"


def ensure_jars() -> Path:
    """The folder of the broker's jars, fetched if it is missing or damaged.

    Raises:
        AdxError: Maven is missing or failed, or the cache folder cannot be written.
    """
    folder = cache_folder()
    if _is_complete(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(folder.name + ".lock")):
            if not _is_complete(folder):
                _fetch(folder)
    except OSError as error:
        raise AdxError(
            f"The cache folder {folder} cannot be written: {error.strerror or error}.",
            remedy="Make it writable, free some disk space, or set XDG_CACHE_HOME elsewhere.",
            exit_code=ExitCode.UNAVAILABLE,
        ) from error
    return folder


def _is_complete(folder: Path) -> bool:
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        return manifest == _contents(folder)
    except (OSError, ValueError):
        return False


def _contents(folder: Path) -> dict[str, object]:
    """What the folder holds: the jars by size, and the declaration they were fetched by."""
    return {
        "pom": hashlib.sha256(POM.read_bytes()).hexdigest(),
        "jars": {jar.name: jar.stat().st_size for jar in sorted(folder.glob("*.jar"))},
    }


def _fetch(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        jars = Path(scratch) / "jars"
        _run_maven(Path(scratch), jars)
        manifest = jars / _MANIFEST
        manifest.write_text(json.dumps(_contents(jars)), encoding="utf-8")
        for path in jars.iterdir():
            _sync(path)
        if folder.exists():
            shutil.rmtree(folder)
        jars.rename(folder)


def _run_maven(scratch: Path, jars: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise AdxError(
            "Maven was not found: `mvn` is not on the PATH, and the broker's jars are not fetched.",
            remedy="Install Maven 3.8 or newer; it is needed once, for the first start.",
            exit_code=ExitCode.CONFIGURATION,
        )
    pom = scratch / "pom.xml"  # a copy, because Maven writes beside its pom
    shutil.copyfile(POM, pom)
    command = [maven, "-B", "-ntp", "-f", str(pom), "dependency:copy-dependencies"]
    try:
        done = subprocess.run(
            [*command, f"-DoutputDirectory={jars}"],
            capture_output=True,
            text=True,
            timeout=_FETCH_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise _maven_failed(f"it took longer than {_FETCH_SECONDS} s") from error
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).splitlines()
        reason = next((line for line in lines if "ERROR" in line), f"exit code {done.returncode}")
        raise _maven_failed(re.sub(r"^\W*ERROR\W*", "", re.sub(r"\x1b\[[\d;]*m", "", reason)))


def _maven_failed(reason: str) -> AdxError:
    return AdxError(
        f"Maven could not fetch Kafka {kafka_version()}: {reason.rstrip('.')}.",
        remedy="Check the network and ~/.m2/settings.xml, then try again; nothing half-fetched "
        "is kept.",
        exit_code=ExitCode.UNAVAILABLE,
    )


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
