"""Runs classes of faults side by side, in processes that import this module anew."""

import argparse
import ctypes
import fcntl
import hashlib
import logging
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import structlog

from ingestion.kafka import free_port, start_broker, stop_broker
from ingestion.settings import PROJECT_ROOT, Settings
from tests.chaos.inprocess.home import few_tables
from tests.chaos.registry import ELSEWHERE, all_classes, failpoints
from tests.chaos.report import FULL, SMOKE, report
from tests.chaos.suite import Outcome, Run, is_planned
from tests.chaos.teeth import TEETH, bites

_OUTCOMES, _AT_WORK, _CODE = "outcomes.jsonl", "at-work", "code"
_FOLDERS = ("ingestion", "orchestration", "dbt_project", "macros", "seeds", "tests/chaos")
_SUFFIXES = frozenset({".py", ".sql", ".yml", ".yaml", ".csv", ".json"})
_USAGE = 2
_PREFIX, _KAFKA = "chaos-", "kafka"
_DIES_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of Linux."""


def _begin() -> None:
    """Make a worker quiet: what goes wrong is meant to. It ends with the run, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    logging.disable(logging.CRITICAL)
    for name in [name for name in os.environ if name.startswith("ADX_")]:
        del os.environ[name]


def _work(name: str, run: Run, state: str) -> float:
    """Let the faults of a class happen, each outcome on disk before the next; gives the seconds."""
    classes = all_classes()
    is_real = name in classes and classes[name].level == "real"
    work = classes[name].work if name in classes else TEETH[name]
    contracts = run.folder / f"contracts-{os.getpid()}"
    began = time.monotonic()
    with (
        nullcontext() if is_real else few_tables(contracts),
        Path(state).open("a", encoding="utf-8") as file,
    ):
        for outcome in work(run):
            file.write(f"{outcome.to_json()}\n")
            file.flush()
            os.fsync(file.fileno())
    return time.monotonic() - began


@contextmanager
def _broker(home: Path, *, wanted: bool) -> Iterator[str]:
    """One Kafka broker for all classes that need no broker of their own."""
    if not wanted:
        yield ""
        return
    settings = Settings(home=home, kafka_bootstrap=f"127.0.0.1:{free_port()}")
    try:
        start_broker(settings)
        yield settings.kafka_bootstrap
    finally:
        stop_broker(settings)


@contextmanager
def _folder(kept: Path) -> Iterator[Path]:
    """A folder for one run, once what a killed run has left in `kept` is gone.

    Raises:
        SystemExit: Another run is at work there.
    """
    kept.mkdir(parents=True, exist_ok=True)
    with (kept / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"Another run is at work in {kept}.") from None
        note = kept / _AT_WORK
        left = Path(note.read_text(encoding="utf-8")) if note.exists() else None
        if left is not None and left.name.startswith(_PREFIX):
            end_all_of(left)
            shutil.rmtree(left, ignore_errors=True)
        mend(kept / _OUTCOMES)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        note.write_text(str(folder), encoding="utf-8")
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def end_all_of(folder: Path) -> None:
    """End what a killed run has started in its folder: its services, which may stand still too, and
    its brokers.
    """
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # of another user, or gone
            home = process.environ().get("ADX_HOME")
            if home and Path(home).is_relative_to(folder):
                process.kill()
    for note in folder.rglob("broker.pid"):
        stop_broker(Settings(home=note.parent.parent))


def mend(state: Path) -> None:
    """End the line that a run was writing when it was killed, so that the next begins a new one."""
    if state.exists() and not state.read_bytes().endswith(b"\n"):
        with state.open("a", encoding="utf-8") as file:
            file.write("\n")


def read(state: Path) -> list[Outcome]:
    """Outcomes of this run and of those before it; the last of a fault counts."""
    if not state.exists():
        return []
    found = {}
    for line in state.read_text(encoding="utf-8").splitlines():
        try:
            outcome = Outcome.from_json(line)
        except ValueError:
            continue  # the run was killed while it wrote
        found[outcome.case] = outcome
    return list(found.values())


def hash_of(root: Path) -> str:
    """Hash of the code below a folder that decides what becomes of a fault."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in _FOLDERS for path in (root / folder).rglob("*")):
        inside = path.relative_to(root)
        if path.suffix in _SUFFIXES and "target" not in inside.parts:
            digest.update(f"\0{inside.as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def set_aside(kept: Path, code: str) -> str | None:
    """Move outcomes of other code out of the way; gives the sentence that says so.

    Args:
        kept: Folder of the outcomes.
        code: Hash of the code that runs now.
    """
    note, state = kept / _CODE, kept / _OUTCOMES
    before = note.read_text(encoding="utf-8") if note.exists() else "unknown"
    told = None
    if state.exists() and before != code:
        aside = state.with_name(f"outcomes.{before}.jsonl")
        state.replace(aside)
        told = f"The code is another one: this run begins anew, the old outcomes are in {aside}."
    note.write_text(code, encoding="utf-8")
    return told


def _arguments(about: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--full", action="store_true", help="all faults, and large batches")
    parser.add_argument("--every", action="store_true", help="every pass of every point (hours)")
    parser.add_argument("--state", type=Path, help="folder of the outcomes, to go on in later")
    parser.add_argument("--seed", type=int, default=1, help="decides what is sent")
    parser.add_argument(
        "--only", default="", help="only classes whose name begins so, or the class of a fault"
    )
    parser.add_argument("--level", choices=["in process", "real", "teeth"], help="only this level")
    parser.add_argument(
        "--shared", action="store_true", help="others are at work here: recoveries take longer"
    )
    parser.add_argument("--jobs", type=int, default=2, help="classes at a time")
    return parser.parse_args()


def main(about: str | None) -> int:
    """Run what is asked for; gives the exit code.

    Args:
        about: What `--help` says.
    """
    asked = _arguments(about)
    name_of_class, _, fault = asked.only.partition("/")

    def is_asked_for(name: str, level: str) -> bool:
        is_named = name == name_of_class if fault else name.startswith(name_of_class)
        return is_named and asked.level in (None, level)

    wanted = {
        name: known for name, known in all_classes().items() if is_asked_for(name, known.level)
    }
    plan = Run(Path(), asked.seed, asked.full, asked.every)
    classes = {name: known for name, known in wanted.items() if is_planned(name, known, plan)}
    teeth = [name for name in TEETH if is_asked_for(name, "teeth")]
    if not classes and not teeth:
        sys.stderr.write(f"{_nothing(asked, wanted)}\n")
        return _USAGE
    kept = asked.state or Path(tempfile.mkdtemp(prefix=_PREFIX))
    state = kept / _OUTCOMES
    # several classes may be one work; real ones wait for servers, so that they begin first
    works = {id(known.work): name for name, known in reversed(classes.items())}
    chosen = [name for name in classes if name in works.values()]
    chosen.sort(key=lambda name: classes[name].level != "real")
    is_real = any(known.level == "real" for known in classes.values())
    with _folder(kept) as folder, _broker(folder / _KAFKA, wanted=is_real) as bootstrap:
        if told := set_aside(kept, hash_of(PROJECT_ROOT)):
            sys.stderr.write(f"{told}\n")
        done = frozenset(o.case for o in read(state) if o.survived or o.class_name in TEETH)
        run = replace(plan, folder=folder, done=done, bootstrap=bootstrap)
        problems = _run_all([*chosen, *teeth], run, state, asked.jobs)
        outcomes = read(state)
    if not asked.state:
        shutil.rmtree(kept, ignore_errors=True)
    demand = FULL if asked.full else SMOKE
    is_part = asked.only or asked.level
    text, is_right = report(
        outcomes,
        classes,
        demand=None if is_part else demand,
        is_shared=asked.shared,
        planned=classes.keys(),
        points=frozenset() if is_part else failpoints() - ELSEWHERE,
        expected={name: partial(bites, name) for name in teeth},
    )
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    sys.stdout.write(f"{text}\n")
    return 0 if is_right and not problems else 1


def _nothing(asked: argparse.Namespace, wanted: Iterable[str]) -> str:
    """Why there is nothing to do, and what to ask for."""
    if names := ", ".join(wanted):
        return f"These come in the full test only, so add --full: {names}."
    level = f" at level {asked.level}" if asked.level else ""
    names = ", ".join([*all_classes(), *TEETH])
    return f"No class of faults is meant by {asked.only!r}{level}. There are: {names}."


def _run_all(chosen: list[str], run: Run, state: Path, jobs: int) -> list[str]:
    """Run classes side by side; gives what kept a class from its end."""
    problems = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin) as pool:
        running: dict[Future[float], str] = {
            pool.submit(_work, name, run, str(state)): name for name in chosen
        }
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                name = running.pop(future)
                try:
                    sys.stderr.write(f"{name}: {future.result():.0f} s\n")
                except Exception as error:  # noqa: BLE001 - told in the report
                    problems.append(f"FAILED {name}: {type(error).__name__}: {error}")
    return problems
