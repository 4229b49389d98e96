"""The dbt project as dbt has parsed it, kept by all that it was parsed from.

Parsing takes 8 s of CPU. dbt keeps its result, too, but for one target folder and one connection:
each home would parse the same code again, and each command would compare every file with what was
kept (1 s). Here one hash names code and target; what it names is loaded in 0.2 s, and dbt takes it
from its caller (https://docs.getdbt.com/reference/programmatic-invocations, "Reusing objects").
"""

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from ingestion.settings import Settings

_CODE_SUFFIXES = {".sql", ".yml", ".csv", ".py"}
_NOT_CODE = {"target", "logs", "dbt_packages"}
_PROGRAMS = ("dbt-core", "dbt-duckdb", "dbt-bigquery", "duckdb")
_ELSEWHERE = "ADX_DUCKDB_"
"""Variables of the profile that only say where and how DuckDB works."""

PARSED = ("partial_parse.msgpack", "manifest.json", "semantic_manifest.json")
"""What is kept of dbt's parse."""

_KEPT = 8
"""Parsed projects that are kept, those used last: today's code for a few targets."""


@dataclass(frozen=True)
class ParsedProject:
    """A parsed project on disk.

    Attributes:
        folder: Holds `partial_parse.msgpack`, `manifest.json` and `semantic_manifest.json`, as dbt
            writes them.
    """

    folder: Path

    @property
    def manifest_file(self) -> Path:
        """The manifest for programs that are not dbt."""
        return self.folder / "manifest.json"

    @property
    def semantic_manifest_file(self) -> Path:
        """The semantic models and metrics for MetricFlow."""
        return self.folder / "semantic_manifest.json"

    @property
    def is_judged(self) -> bool:
        """Whether this code, with these programs, has passed its unit tests."""
        return self._judged.is_file()

    def keep_judged(self) -> None:
        """Remember that it has: unit tests judge code, not data, and need no second time."""
        # Another process that parses newer code removes this folder once it is old enough, also
        # during a build. Nothing is lost but the memory: this code is parsed and judged again.
        with suppress(FileNotFoundError):
            self._judged.touch()

    @property
    def _judged(self) -> Path:
        return self.folder / "unit_tests_passed"

    def load(self) -> Any:
        """The manifest for one command of dbt, which writes into it; so each gets its own."""
        from dbt.contracts.graph.manifest import Manifest

        manifest = Manifest.from_msgpack((self.folder / "partial_parse.msgpack").read_bytes())
        manifest.build_flat_graph()
        return manifest


@dataclass(frozen=True)
class Code:
    """Where a project's code stands.

    Attributes:
        project: The folder of `dbt_project.yml`.
        others: More folders that it takes code from.
        profiles: The file of its targets.
    """

    project: Path
    others: tuple[Path, ...]
    profiles: Path


def add_code(digest: Any, *folders: Path) -> None:
    """Add the paths and the bytes of all code below some folders to a hash."""
    for folder in folders:
        for path in sorted(_code_below(folder)):
            inside = path.relative_to(folder)
            digest.update(f"\0{folder.name}/{inside.as_posix()}\0".encode())
            digest.update(path.read_bytes())


def _code_below(folder: Path) -> Iterator[Path]:
    """Never looks into what is not code: other processes write and remove there meanwhile."""
    for place, folders, names in os.walk(folder):
        folders[:] = (name for name in folders if name not in _NOT_CODE)
        for name in names:
            path = Path(place, name)
            if path.suffix in _CODE_SUFFIXES:
                yield path


def parsed_project(
    code: Code,
    settings: Settings,
    surroundings: Mapping[str, str | None],
    parse: Callable[[], Path],
) -> ParsedProject:
    """The project as it is now, parsed for a target; parsed at most once, also by two processes.

    Args:
        code: The project.
        settings: Names the target.
        surroundings: The environment variables that dbt gets, and as `database` what the database
            of all relations is called; where a DuckDB file is, is not part of what is parsed.
        parse: Parses, and gives the target folder that dbt has written to.

    Raises:
        AdxError: As `parse`.
    """
    place = _place(code, settings)
    place.mkdir(parents=True, exist_ok=True)
    folder = place / _key(code, settings, surroundings)
    with _lock(place):
        if not folder.is_dir():
            written = parse()
            fresh = place / f"{folder.name}.part"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            for name in PARSED:
                shutil.copy(written / name, fresh / name)
            fresh.rename(folder)
        os.utime(folder)
        _tidy(place)
    return ParsedProject(folder)


def _place(code: Code, settings: Settings) -> Path:
    """Beside the code, for all homes; in the home where the code may not be written to."""
    beside = code.project if os.access(code.project, os.W_OK) else settings.home / "dbt"
    return beside / "target" / "parsed"


def _key(code: Code, settings: Settings, surroundings: Mapping[str, str | None]) -> str:
    target = repr(_target(code.profiles.read_text(encoding="utf-8"), settings.environment))
    names = sorted(set(re.findall(r"env_var\(\W*(\w+)", target)))
    known = {**os.environ, **surroundings}
    read = {name: known.get(name) for name in names if not name.startswith(_ELSEWHERE)}
    versions = {name: version(name) for name in _PROGRAMS}
    digest = hashlib.sha256(repr((target, read, versions, surroundings["database"])).encode())
    add_code(digest, code.project, *code.others)
    return digest.hexdigest()[:16]


def _target(profiles: str, environment: str) -> object:
    """What the profile says of a target; its name is nothing that models may ask for."""
    try:
        (profile,) = yaml.safe_load(profiles).values()
        return profile["outputs"][environment]
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError):
        return profiles, environment  # dbt will say what is wrong with it


@contextmanager
def _lock(place: Path) -> Iterator[None]:
    with (place / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _tidy(place: Path) -> None:
    kept = sorted((path for path in place.iterdir() if path.is_dir()), key=_age, reverse=True)
    for old in kept[_KEPT:]:
        shutil.rmtree(old)


def _age(path: Path) -> int:
    return path.stat().st_mtime_ns
