"""Looks at the machine and the configuration before anything is run on them."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ingestion.errors import AdxError, ExitCode
from ingestion.java import find_java
from ingestion.settings import PROJECT_ROOT, Settings, load_settings

NEEDED_BYTES = 3 * 1024**3
"""Free disk that the demo and the test suite need with room to spare (measured: under 1 GiB)."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: What.
        ok: Whether it is as needed.
        found: What was found.
        remedy: What to do where it is not as needed.
        exit_code: How a command ends that cannot go on without it.
    """

    subject: str
    ok: bool
    found: str
    remedy: str = ""
    exit_code: ExitCode = ExitCode.OK


def checkup(settings: Settings | None = None) -> list[Finding]:
    """Look at everything; one finding each, and no exception.

    Args:
        settings: The settings to check with; by default they are read, which is checked, too.
    """
    findings = [
        _look("Python", _python),
        _look("Java", _java),
        _look("Maven", lambda: _program("mvn", "--version", "Install Maven 3.8 or newer.")),
        _look("make", lambda: _program("make", "--version", "Install make.")),
        _look("contracts", _contracts),
    ]
    try:
        settings = settings or load_settings()
    except AdxError as error:
        return [*findings, _problem("settings", error)]
    on_bigquery = settings.warehouse_engine == "bigquery"
    return [
        *findings,
        Finding("settings", ok=True, found=f"environment {settings.environment}"),
        _look("DuckDB", lambda: _duckdb(settings)),
        _look("home", lambda: _home(settings)),
        _look("disk", lambda: _disk(settings)),
        _look("lake", lambda: _lake(settings)),
        *([_look("dropped files", lambda: _bucket(settings))] if settings.drop_url else []),
        _look("Kafka", lambda: _kafka(settings)),
        _look("dbt profile", lambda: _profile(settings)),
        *([_look("BigQuery", lambda: _bigquery(settings))] if on_bigquery else []),
    ]


def _look(subject: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, ok=True, found=check())
    except AdxError as error:
        return _problem(subject, error)


def _problem(subject: str, error: AdxError) -> Finding:
    return Finding(
        subject,
        ok=False,
        found=error.message.rstrip("."),
        remedy=error.remedy,
        exit_code=error.exit_code,
    )


def _wrong(message: str, remedy: str) -> AdxError:
    return AdxError(message, remedy=remedy, exit_code=ExitCode.CONFIGURATION)


def _bucket(settings: Settings) -> str:
    from ingestion.sources.drop_bucket import drop_bucket
    from orchestration.batch import file_sources

    pending = [drop_bucket(settings, source).pending() for source in file_sources()]
    whole, waiting = (
        sum(len(found.whole) for found in pending),
        sum(len(found.waiting) for found in pending),
    )
    return f"{settings.drop_url} ({whole} to be taken, {waiting} waiting)"


def _python() -> str:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if not (3, 11) <= sys.version_info[:2] <= (3, 12):
        raise _wrong(f"{version} is not 3.11 or 3.12", remedy="Run `make setup`.")
    return f"{version} ({sys.executable})"


def _java() -> str:
    java = find_java()
    return f"{java.version} ({java.program})"


def _program(name: str, option: str, remedy: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise _wrong(f"{name} is not on the PATH", remedy)
    try:
        done = subprocess.run(
            [path, option], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise _wrong(f"{path} does not run ({error})", remedy) from error
    # Maven colours its first line even into a pipe on some systems.
    first = done.stdout.splitlines()[0].replace("\x1b[1m", "").replace("\x1b[m", "")
    return f"{first} ({path})"


def _contracts() -> str:
    from ingestion.contracts import all_contracts

    contracts = all_contracts()
    moved = sum(contract.version > 1 for contract in contracts)
    return f"{len(contracts)} tables, {moved} beyond their first version"


def _duckdb(settings: Settings) -> str:
    import duckdb

    from ingestion.lake.duckdb import connect, extensions

    connect(settings).close()
    return f"{duckdb.__version__} with {', '.join(extensions(settings))}"


def _home(settings: Settings) -> str:
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise _wrong(
            f"{settings.home} cannot be written (at {folder})",
            remedy="Correct its owner and mode, or let ADX_HOME name a folder of your own.",
        )
    return str(settings.home)


def _disk(settings: Settings) -> str:
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise _wrong(
            f"{_gib(free)} free at {folder}, {_gib(NEEDED_BYTES)} wanted",
            remedy="Free some space, or let ADX_HOME name a folder on another disk.",
        )
    return f"{_gib(free)} free at {folder}"


def _lake(settings: Settings) -> str:
    """Where the lake is; storage and catalog of another process are asked whether they answer."""
    place = f"{settings.lake_root}, catalog {settings.catalog_type}"
    if settings.lake_url is None and settings.catalog_type == "sqlite":
        return place
    from ingestion.lake import Lake

    Lake.open(settings).reach()
    return f"{place} answers"


def _gib(count: int) -> str:
    return f"{count / 1024**3:.1f} GiB"


def _kafka(settings: Settings) -> str:
    from ingestion.kafka import broker_status

    status = broker_status(settings)
    if status.running:
        return f"the broker of this home runs at {status.bootstrap}"
    host, _, port = settings.kafka_bootstrap.split(",")[0].strip().rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2):
            answers = True
    except OSError:
        answers = False
    if answers and host in {"127.0.0.1", "localhost"}:
        raise _wrong(
            f"another process listens at {settings.kafka_bootstrap}",
            remedy="Stop it, or set ADX_KAFKA_BOOTSTRAP to a free port (127.0.0.1:<port>).",
        )
    return f"{settings.kafka_bootstrap} {'answers' if answers else 'is free for the broker'}"


def _bigquery(settings: Settings) -> str:
    from orchestration.warehouse.bigquery.service import Service

    Service(settings).check()
    return f"project {settings.bigquery_project} in {settings.bigquery_location}"


def _profile(settings: Settings) -> str:
    import yaml

    path: Path = PROJECT_ROOT / "profiles.yml"
    try:
        profiles = yaml.safe_load(path.read_text(encoding="utf-8"))
        outputs = next(iter(profiles.values()))["outputs"]
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise _wrong(
            f"{path} cannot be read as dbt profiles ({error})",
            remedy="Restore it from the repository.",
        ) from error
    if settings.environment not in outputs:
        raise _wrong(
            f"{path} has no target {settings.environment}",
            remedy=f"Set ADX_ENVIRONMENT to one of: {', '.join(outputs)}.",
        )
    return f"target {settings.environment} of {path.name}"
