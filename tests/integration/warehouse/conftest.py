"""A lake with a few real rows and a dbt project of two models: the machinery without the marts."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.adworld import create_world, play
from ingestion.adworld.sinks import MemorySink
from ingestion.lake import Lake
from ingestion.settings import Settings
from orchestration.warehouse import dbt
from orchestration.warehouse.build import build
from orchestration.warehouse.duck import open_file
from orchestration.warehouse.parsed import ParsedProject
from orchestration.warehouse.publish import publish
from tests.integration.landings import land_messages, land_played

PROJECT = """
name: tiny
version: "1.0.0"
config-version: 2
profile: advertisex
models:
  tiny:
    +materialized: table
    +schema: core
"""

# Plain names instead of dbt's `main_core`, as the real project has them.
SCHEMA_MACRO = """
{% macro generate_schema_name(custom_schema_name, node) %}{{ custom_schema_name }}{% endmacro %}
"""

ACTIONS = """
select event_date, event_name, count(*) as action_count
from raw_user_events.events
group by all
"""

SCHEMA = """
models:
  - name: fct_actions
    columns:
      - name: event_name
        data_tests:
          - not_null
"""


_ADX = """
import sys
from pathlib import Path
from orchestration.warehouse import dbt
dbt.PROJECT_FOLDER = Path(sys.argv.pop(1))
dbt.code_hash = lambda: "tiny"
from orchestration.cli.main import main
main()
"""


class World:
    """A home with a lake that rows can be landed in."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lake = Lake.open(settings)
        self.lake.ensure_tables()

    @staticmethod
    def action(name: str | None, *, day: int = 28) -> bytes:
        """One user action as it is sent; without a name it breaks only the rule of dbt's test."""
        record = {
            "timestamp": f"2026-03-{day:02d}T09:00:00Z",
            "event_name": name,
            "user_identifiers": {"platform": "web", "id": "user_1"},
        }
        return json.dumps(record).encode()

    def land(self, *values: bytes | None) -> None:
        """Land records of user-events, as the stream does."""
        land_messages(self.settings, "user-events", {0: [(value, None) for value in values]})

    def adx(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `adx` in a process of its own, on the tiny project."""
        return subprocess.run(
            [sys.executable, "-c", _ADX, str(dbt.PROJECT_FOLDER), *arguments],
            env={**os.environ, "ADX_HOME": str(self.settings.home), **environment},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )


@pytest.fixture(scope="session")
def tiny_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dbt project over one raw table, with one test that can fail."""
    folder = tmp_path_factory.mktemp("dbt_project")
    for name in ("models", "macros"):
        (folder / name).mkdir()
    (folder / "dbt_project.yml").write_text(PROJECT)
    (folder / "macros" / "generate_schema_name.sql").write_text(SCHEMA_MACRO)
    (folder / "models" / "fct_actions.sql").write_text(ACTIONS)
    (folder / "models" / "schema.yml").write_text(SCHEMA)
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def _run_model(
    settings: Settings, _arguments: object, *, database: Path, **_: object
) -> dbt.Outcome:
    with open_file(database, settings, read_only=False) as connection:
        connection.execute("create schema if not exists core")
        connection.execute(f"create or replace table core.fct_actions as {ACTIONS}")
    return dbt.Outcome(models=1, tests=1)


@pytest.fixture
def dbt_world(settings: Settings, tiny_project: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose warehouse is built by dbt."""
    monkeypatch.setattr(dbt, "PROJECT_FOLDER", tiny_project)
    monkeypatch.setattr(dbt, "code_hash", lambda: "tiny")
    monkeypatch.setenv("ADX_HOME", str(settings.home))
    return World(settings)


@pytest.fixture
def world(dbt_world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """The same, with the project's one model run directly: for tests of what is around dbt."""
    monkeypatch.setattr(dbt, "run", _run_model)
    parsed = tmp_path / "parsed"
    parsed.mkdir()
    monkeypatch.setattr(dbt, "parsed", lambda *_: ParsedProject(parsed))
    return dbt_world


@pytest.fixture(scope="session")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A home in which one day of an ad world was landed, built by the real project, published."""
    settings = Settings(home=tmp_path_factory.mktemp("proven"), drop_quiet_seconds=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADX_HOME", str(settings.home))
        create_world(settings.world, seed=3, scale=6_000, days=2)
        sink = MemorySink()
        play(settings, 1, sink=sink)
        Lake.open(settings).ensure_tables()
        land_played(settings, sink)
        build(settings)
        publish(settings)
        yield settings
