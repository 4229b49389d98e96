"""dbt, publishes, rollbacks and runs of Dagster are killed; warehouses and catalogs are lost.

The warehouse is real: dbt builds a project of one model and its test on a real lake. Readers look
after every fault, before anything is started again, and all the time during publishes.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from unittest.mock import patch

from ingestion.lake.catalog_problems import CATALOG_FILE
from orchestration import lake_upkeep
from orchestration.warehouse import dbt
from orchestration.warehouse.build import build
from orchestration.warehouse.publish import publish
from orchestration.warehouse.store import Store
from tests.chaos.books import Difference
from tests.chaos.inprocess.home import LakeScenario
from tests.chaos.inprocess.warehouses import PublishScenario
from tests.chaos.real.processes import end, kill_at_work, start
from tests.chaos.suite import Outcome, Run, chaos_class, noting_misses, reproduce
from tests.integration.warehouse.conftest import (
    _ADX,
    ACTIONS,
    PROJECT,
    SCHEMA,
    SCHEMA_MACRO,
)

DBT, PUBLISH, DAGSTER = "dbt killed", "publish killed", "Dagster run killed"
ROLLBACK = "rollback killed"
FILE_LOST, CATALOG_LOST = "warehouse lost", "catalog lost"
READERS = "readers during publishes"
_ANY_TIME: Final = "any time"
_SECONDS: Final = 2.0
"""A build is at work that long."""
_IDLE: Final = ", and nothing is new"

_DAGSTER = """
import sys
from pathlib import Path
from orchestration.warehouse import dbt, reconcile
dbt.PROJECT_FOLDER = Path(sys.argv[1])
dbt.code_hash = lambda: "tiny"
reconcile.CHAIN = ()  # the tiny project has no vault
from ingestion.settings import load_settings
from orchestration.definitions import definitions_of
from orchestration.defs.jobs import WAREHOUSE_JOB
from orchestration.lib.dagster_home import run_job
settings = load_settings()
run_job(settings, definitions_of(settings), WAREHOUSE_JOB)
"""

# Opens the published file again and again until its input closes; each time all rows must be of
# one build: the counts of both queries agree, and never fall.
_READER = """
import select, sys
import duckdb
opens = errors = newest = 0
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    try:
        with duckdb.connect(sys.argv[1], read_only=True) as connection:
            one, two = connection.execute(
                "select (select sum(action_count) from core.fct_actions), "
                "(select count(distinct event_name) from core.fct_actions)"
            ).fetchone()
        if one != two or one < newest:
            raise ValueError(f"{one} and {two} after {newest}")
        newest = one
        opens += 1
    except (duckdb.Error, ValueError) as error:
        print(error, file=sys.stderr)
        errors += 1
print(opens, errors)
"""


def tiny_project(folder: Path) -> Path:
    """A dbt project of one model over a raw table, with one test."""
    for name in ("models", "macros"):
        (folder / name).mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(PROJECT)
    (folder / "macros" / "generate_schema_name.sql").write_text(SCHEMA_MACRO)
    (folder / "models" / "fct_actions.sql").write_text(ACTIONS)
    (folder / "models" / "schema.yml").write_text(SCHEMA)
    return folder


class DbtScenario(PublishScenario):
    """A mart that dbt builds."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        LakeScenario.__init__(self, folder, rng)
        self.views = ()
        self.lake()
        self.published = []
        self.project = tiny_project(folder / "dbt_project")
        self._patches = ExitStack()
        self._patches.enter_context(patch.object(dbt, "PROJECT_FOLDER", self.project))
        self._patches.enter_context(patch.object(dbt, "code_hash", lambda: "tiny"))
        self._patches.enter_context(patch.dict(os.environ, ADX_HOME=str(self.settings.home)))

    def run(self) -> None:
        build(self.settings)
        publish(self.settings)
        self.published = self.mart()

    def process(
        self, program: str, *arguments: str, fault: str | None
    ) -> "subprocess.Popen[bytes]":
        """A program on the project, in a process of its own."""
        return start(["-c", program, str(self.project), *arguments], self.settings, fault)

    def close(self) -> None:
        self._patches.close()


def _killed(process: "subprocess.Popen[bytes]") -> None:
    code = process.wait(120)
    end(process)
    assert code == -signal.SIGKILL, f"it ended with {code}"


def _dbt(scenario: DbtScenario, where: str, rng: random.Random) -> None:
    if where == _ANY_TIME:
        kill_at_work(
            lambda: scenario.process(_ADX, "build", fault=None),
            scenario.settings.home,
            rng,
            _SECONDS,
            scenario.send,
        )
    else:
        _killed(scenario.process(_ADX, "build", fault=where))


def _publish(scenario: DbtScenario, where: str, _: random.Random) -> None:
    build(scenario.settings)
    _killed(scenario.process(_ADX, "publish", fault=where))


def _rollback(scenario: DbtScenario, where: str, _: random.Random) -> None:
    before = scenario.published
    scenario.run()
    _killed(scenario.process(_ADX, "rollback", "--reason", "wrong", fault=where))
    found = scenario.mart()
    assert found in (before, scenario.published), found
    publish(scenario.settings)  # whatever comes next ends it
    assert scenario.mart() == before, "readers did not go back"
    scenario.published = before
    scenario.send()  # a newer build takes them forward again


def _dagster(scenario: DbtScenario, where: str, _: random.Random) -> None:
    _killed(scenario.process(_DAGSTER, fault=where))


_LOSSES: Final[dict[str, Callable[[Store], Path]]] = {
    "all of it": lambda store: store.folder,
    "all builds": lambda store: store.builds,
    "the published build's folder": lambda store: store.published().folder,
    "the published file": lambda store: store.published().file,
}


def _file_lost(scenario: DbtScenario, where: str, _: random.Random) -> None:
    what = where.removesuffix(_IDLE)
    if what != where:
        scenario.run()
    lost = _LOSSES[what](Store(scenario.settings.warehouse))
    if lost.is_dir():
        shutil.rmtree(lost)
    else:
        lost.unlink()
    scenario.published = []


def _catalog_lost(scenario: DbtScenario, where: str, _: random.Random) -> None:
    if where == "restore":
        lake_upkeep.back_up(scenario.settings)
    for file in scenario.settings.lake.glob(f"{CATALOG_FILE}*"):
        file.unlink()
    scenario.operator += 1
    (lake_upkeep.restore if where == "restore" else lake_upkeep.rebuild)(scenario.settings)


def _readers(scenario: DbtScenario, _: str, __: random.Random) -> None:
    store = Store(scenario.settings.warehouse)
    with subprocess.Popen(
        [sys.executable, "-c", _READER, str(store.current_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        for number in range(3):
            scenario.send()
            if number == 1:
                build(scenario.settings)
                _killed(scenario.process(_ADX, "publish", fault="publish.in_swap"))
            scenario.run()
        output, told = reader.communicate("done\n", timeout=60)
    opens, errors = (int(word) for word in output.split())
    assert opens > 3, opens
    assert errors == 0, told[-400:]


Work = Callable[[DbtScenario, str, random.Random], None]
_WORKS: Final[dict[str, Work]] = {
    DBT: _dbt,
    PUBLISH: _publish,
    ROLLBACK: _rollback,
    DAGSTER: _dagster,
    FILE_LOST: _file_lost,
    READERS: _readers,
}
_SMOKE: Final = (
    (DBT, "build.after_dbt"),
    (DBT, _ANY_TIME),
    (PUBLISH, "publish.in_swap"),
    (ROLLBACK, "rollback.after_decision"),
    (DAGSTER, "build.after_dbt"),
    (FILE_LOST, "all of it"),
    (READERS, "all the time"),
)
_MORE: Final = (
    *((DBT, f"build.{point}") for point in ("after_copy", "before_accept", "in_accept")),
    (DBT, "build.after_accept"),
    *((DBT, _ANY_TIME) for _ in range(3)),
    (PUBLISH, "publish.before_swap"),
    (PUBLISH, "publish.after_swap"),
    (ROLLBACK, "publish.in_swap"),
    (ROLLBACK, "publish.after_swap"),
    (DAGSTER, "publish.in_swap"),
    (DAGSTER, "lake.in_swap"),
    *((FILE_LOST, f"{what}{new}") for what in _LOSSES for new in ("", _IDLE)),
    (READERS, "all the time"),
)


def _on_one_lake(run: Run, name: str, works: dict[str, Work], plan: list[str]) -> Iterator[Outcome]:
    todo = [case for case in plan if case not in run.done]
    if not todo:
        return
    rng = random.Random(f"{name} {run.seed}")
    folder = run.folder / name
    scenario: DbtScenario | None = None
    for case in todo:
        if scenario is None:
            scenario = DbtScenario(folder, rng)
            scenario.send()
            scenario.run()
        outcome = _one(scenario, run, case, works[case.partition("/")[0]], rng)
        if outcome.notes:
            scenario.close()
            shutil.rmtree(folder, ignore_errors=True)
            scenario = None
        yield outcome
    if scenario is not None:
        scenario.close()
    shutil.rmtree(folder, ignore_errors=True)


def _one(scenario: DbtScenario, run: Run, case: str, work: Work, rng: random.Random) -> Outcome:
    kind, _, rest = case.partition("/")
    where = rest.partition("#")[0]
    outcome = Outcome(case, steps=reproduce(run, kind, ["land", where, "build, publish"]))
    before = len(scenario.books)
    scenario.operator = 0
    try:
        scenario.send()
        with noting_misses(outcome):
            work(scenario, where, rng)
        seen = Difference()
        if scenario.published:
            scenario.between(seen)
        outcome.count(seen)
        began = time.monotonic()
        scenario.run()
        outcome.seconds = time.monotonic() - began
        outcome.count(scenario.check())
    except Exception as error:  # noqa: BLE001 - the report has it
        outcome.notes.append(f"{type(error).__name__}: {error}")
    outcome.operator = scenario.operator
    outcome.events = len(scenario.books) - before
    return outcome


def _warehouses(run: Run) -> list[str]:
    listed = [*_SMOKE, *(_MORE if run.full else ())]
    return [f"{kind}/{where}#{place}" for place, (kind, where) in enumerate(listed)]


@chaos_class(*_WORKS, level="real", plan=_warehouses)
def warehouses(run: Run) -> Iterator[Outcome]:
    """One build after another."""
    yield from _on_one_lake(run, "warehouse", _WORKS, _warehouses(run))


def _catalogs(run: Run) -> list[str]:
    places = range(4 if run.full else 2)
    return [f"{CATALOG_LOST}/{('rebuild', 'restore')[place % 2]}#{place}" for place in places]


@chaos_class(CATALOG_LOST, level="real", plan=_catalogs, operator=True)
def catalogs(run: Run) -> Iterator[Outcome]:
    """The catalog is deleted, and brought back by a person."""
    yield from _on_one_lake(run, "catalog", {CATALOG_LOST: _catalog_lost}, _catalogs(run))
