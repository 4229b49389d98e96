"""A mistake in a model does not get past the answer key or the balances.

Each defect is planted into the statement of one model of a warehouse that is right, and taken back
afterwards: the model is made anew, then model by model what reads it, until a metric differs from
the answer key or a balance does not hold. What a small world has no case of, unit tests have.
"""

import json
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.settings import PROJECT_ROOT, Settings
from orchestration.warehouse import dbt
from orchestration.warehouse.duck import open_file
from orchestration.warehouse.metrics import FAMILIES, Family
from orchestration.warehouse.store import FILE_NAME, Store
from orchestration.warehouse.verify import (
    Errors,
    Values,
    compare,
    mart_values,
    newest_key,
    read_key,
)
from tests.integration.warehouse.planted import DEFECTS, UNIT_DEFECTS, Defect

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("proven")]


@dataclass(frozen=True)
class Node:
    """A model or a singular test of the project."""

    unique_id: str
    kind: str
    relation: str
    materialized: str
    compiled: str
    reads: frozenset[str]


@dataclass
class Judge:
    """A warehouse that is right, its statements, and what is true of it."""

    connection: duckdb.DuckDBPyConnection
    nodes: dict[str, Node]
    key: Values
    families: dict[str, list[Family]] = field(default_factory=dict)
    right: dict[int, Values] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for family in FAMILIES:
            for relation in set(re.findall(r"\b(\w+\.\w+)\b", family.relation)):
                self.families.setdefault(relation, []).append(family)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a SELECT."""
        return self.connection.execute(sql).fetchall()

    def is_right(self, family: Family) -> bool:
        """Whether a family's metrics are those of the key."""
        if id(family) not in self.right:
            self.right[id(family)] = {}
        errors: Errors = {}
        values = mart_values(self.ask, [family], errors)
        known = self.right[id(family)]
        pairs = {pair: self.key.get(pair, {}) for pair in values.keys() | known.keys()}
        return not compare(pairs, values, errors).failures

    def learn(self) -> None:
        """Take down which pairs each family has where nothing is wrong."""
        for family in FAMILIES:
            self.right[id(family)] = mart_values(self.ask, [family])

    def downstream(self, model: str) -> Iterator[Node]:
        """A model and what is made from it, in the order in which dbt makes it."""
        changed = {f"model.advertisex.{model}"}
        for node in self.nodes.values():
            if node.unique_id in changed or (node.kind == "model" and node.reads & changed):
                changed.add(node.unique_id)
                yield node

    def make(self, node: Node, defect: Defect | None = None) -> None:
        """Make a model anew, with a defect or without."""
        sql = defect.plant(node.compiled) if defect else node.compiled
        self.connection.execute(f"create or replace {node.materialized} {node.relation} as {sql}")

    def caught_by(self, defect: Defect) -> str | None:
        """What notices a defect; None if nothing does."""
        made: set[str] = set()
        planted = f"model.advertisex.{defect.model}"
        for node in self.downstream(defect.model):
            self.make(node, defect if node.unique_id == planted else None)
            made.add(node.unique_id)
            for family in self.families.get(node.relation, []):
                if not self.is_right(family):
                    return f"the key, in {node.relation}"
        for node in self.tests():
            if node.reads & made and self.ask(node.compiled):
                return node.unique_id
        return None

    def tests(self) -> list[Node]:
        """The singular tests."""
        return [node for node in self.nodes.values() if node.kind == "test"]


def project_nodes(settings: Settings, file: Path) -> dict[str, Node]:
    """All models and singular tests, each after what it reads."""
    surroundings = dbt.variables(settings, file, None)
    with dbt.environment(**surroundings):
        manifest = json.loads(dbt.parsed(settings, file).manifest_file.read_text("utf-8"))
    folder = dbt.target_folder(settings) / "compiled" / "advertisex"
    known: dict[str, Node] = {}
    waiting = {
        name: node
        for name, node in manifest["nodes"].items()
        if node["resource_type"] == "model"
        or (node["resource_type"] == "test" and "test_metadata" not in node)
    }
    while waiting:
        for name, node in list(waiting.items()):
            reads = frozenset(node["depends_on"]["nodes"])
            if reads & waiting.keys():
                continue
            del waiting[name]
            path = folder / node["original_file_path"]
            known[name] = Node(
                name,
                node["resource_type"],
                f"{node['schema']}.{node['name']}",
                "view" if node["config"]["materialized"] == "view" else "table",
                path.read_text("utf-8") if path.is_file() else "",
                reads,
            )
    return known


@contextmanager
def judging(settings: Settings, folder: Path) -> Iterator[Judge]:
    """A judge over a copy of what is published."""
    published = Store(settings.warehouse).published().file
    file = folder / FILE_NAME
    file.write_bytes(published.read_bytes())
    day, key = newest_key(settings.world)
    assert day == 1
    with open_file(file, settings, read_only=False) as connection:
        judge = Judge(connection, project_nodes(settings, file), read_key(key))
        judge.learn()
        yield judge


def test_models_that_are_made_anew_without_a_defect_are_right(proven, tmp_path):
    with judging(proven, tmp_path) as judge:
        for node in judge.nodes.values():
            if node.kind == "model" and not node.relation.startswith(("staging.", "raw_vault.")):
                judge.make(node)
        assert all(judge.is_right(family) for family in FAMILIES)
        assert [node.unique_id for node in judge.tests() if judge.ask(node.compiled)] == []


def test_every_planted_defect_is_caught(proven, tmp_path):
    with judging(proven, tmp_path) as judge:
        missed = []
        for defect in DEFECTS:
            judge.connection.execute("begin")
            try:
                by = judge.caught_by(defect)
            finally:
                judge.connection.execute("rollback")
            print(f"{defect.model}: {defect.what}: {by or 'NOT CAUGHT'}")
            if by is None:
                missed.append(f"{defect.model}: {defect.what}")
    print(f"{len(DEFECTS)} planted, {len(DEFECTS) - len(missed)} caught")
    assert missed == []


def _rounds() -> Iterator[dict[str, Defect]]:
    """The defects for unit tests, in rounds with one of each model."""
    left = list(UNIT_DEFECTS)
    while left:
        chosen = {defect.model: defect for defect in reversed(left)}
        left = [defect for defect in left if chosen[defect.model] is not defect]
        yield chosen


def _project(folder: Path, defects: Iterable[Defect]) -> Path:
    """A copy of the project with defects in it."""
    for name in ("macros", "seeds", "tests"):
        (folder / name).symlink_to(PROJECT_ROOT / name)
    project = folder / "dbt_project"
    shutil.copytree(dbt.PROJECT_FOLDER, project, ignore=shutil.ignore_patterns("target", "logs"))
    for defect in defects:
        (path,) = project.glob(f"models/**/{defect.model}.sql")
        path.write_text(defect.plant(path.read_text("utf-8")))
    return project


@pytest.mark.parametrize("planted", _rounds(), ids=lambda planted: f"{len(planted)} models")
def test_every_defect_without_a_case_in_the_world_is_caught_by_a_unit_test(
    planted, proven, tmp_path, monkeypatch
):
    file = tmp_path / FILE_NAME
    file.write_bytes(Store(proven.warehouse).published().file.read_bytes())
    monkeypatch.setattr(dbt, "PROJECT_FOLDER", _project(tmp_path, planted.values()))
    chosen = [f"{model},test_type:unit" for model in planted]
    outcome = dbt.run(proven, ["test", "--select", *chosen], database=file, window=None)
    failed = " ".join(failure.name for failure in outcome.failures)
    missed = [defect.what for model, defect in planted.items() if f"test_{model}__" not in failed]
    print(f"{len(planted)} planted, {len(planted) - len(missed)} caught")
    assert missed == []
