import os
from pathlib import Path

import pytest

from ingestion.errors import AdxError
from ingestion.settings import Settings
from orchestration.warehouse.parsed import PARSED, Code, parsed_project

DUCKDB = {"database": "advertisex"}

PROFILES = """
advertisex:
  outputs:
    local: &duckdb
      path: "{{ env_var('ADX_DUCKDB_PATH') }}"
      schema: "{{ env_var('ADX_DATASET') }}"
    s3: *duckdb
    elsewhere: {path: "{{ env_var('ADX_OTHER', 'here') }}"}
"""


class Project:
    """A dbt project of one model, and how often it was parsed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.model = root / "dbt_project" / "model.sql"
        self.test = root / "tests" / "dbt" / "rule.sql"
        self.profiles = root / "profiles.yml"
        for path in (self.model, self.test):
            path.parent.mkdir(parents=True)
            path.write_text("select 1")
        self.profiles.write_text(PROFILES)
        self.code = Code(self.model.parent, (self.test.parent,), self.profiles)
        self.parses = 0

    def parsed(self, home: str = "home", surroundings: dict[str, str] | None = None, **settings):
        written = self.root / home
        written.mkdir(exist_ok=True)

        def parse() -> Path:
            self.parses += 1
            for name in PARSED:
                (written / name).write_text(f"parsed {self.model.read_text()}")
            return written

        found = parsed_project(
            self.code, Settings(home=written, **settings), {**DUCKDB, **(surroundings or {})}, parse
        )
        return found.manifest_file.read_text()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("ADX_DATASET", "one")
    return Project(tmp_path)


def test_homes_share_one_parse(project, monkeypatch):
    for home in ("home", "another"):
        monkeypatch.setenv("ADX_DUCKDB_PATH", home)
        assert project.parsed(home) == "parsed select 1"
    assert project.parses == 1


@pytest.mark.parametrize("changed", ["model", "test", "profiles"])
def test_a_changed_file_is_parsed(project, changed):
    project.parsed()
    path = getattr(project, changed)
    path.write_text(path.read_text().replace("1", "2").replace("schema", "dataset"))
    assert project.parsed() == f"parsed {project.model.read_text()}"
    assert project.parses == 2


def test_what_the_profile_reads_is_part_of_what_is_parsed(project, monkeypatch):
    project.parsed()
    monkeypatch.setenv("ADX_DATASET", "two")
    project.parsed()
    project.parsed(surroundings={"database": "other"})
    project.parsed(surroundings={"ADX_DATASET": "three"})
    project.parsed(environment="elsewhere")
    assert project.parses == 5


def test_targets_that_say_the_same_share_one_parse(project, monkeypatch):
    project.parsed()
    monkeypatch.setenv("ADX_OTHER", "there")
    project.parsed(environment="s3")
    assert project.parses == 1
    project.parsed(environment="elsewhere")
    monkeypatch.setenv("ADX_OTHER", "back")
    project.parsed(environment="elsewhere")
    assert project.parses == 3


@pytest.mark.parametrize("profiles", ["[unclosed", "advertisex: 1", "a: {}\nb: {}", ""])
def test_a_profile_that_nobody_understands_is_left_to_dbt(project, profiles):
    project.profiles.write_text(profiles)
    project.parsed()
    assert project.parses == 1


def test_a_project_that_cannot_be_parsed_leaves_nothing(project):
    def fail() -> Path:
        raise AdxError("broken", remedy="mend it")

    with pytest.raises(AdxError, match="broken"):
        parsed_project(project.code, Settings(home=project.root), DUCKDB, fail)
    assert project.parsed() == "parsed select 1"


def test_only_those_used_last_are_kept(project):
    for number in [*range(8), 0, 8, 9]:
        project.model.write_text(f"select {number}")
        project.parsed()
    kept = [path for path in (project.model.parent / "target/parsed").iterdir() if path.is_dir()]
    assert sorted(path.joinpath("manifest.json").read_text() for path in kept) == [
        f"parsed select {number}" for number in (0, *range(3, 10))
    ]


@pytest.fixture
def now(project):
    """`now()` is the project as it is now."""

    def parse() -> Path:
        for name in PARSED:
            (project.root / name).touch()
        return project.root

    return lambda: parsed_project(project.code, Settings(home=project.root), DUCKDB, parse)


def test_code_is_judged_until_it_changes(project, now):
    assert not now().is_judged
    now().keep_judged()
    assert now().is_judged
    project.test.write_text("select 2")
    assert not now().is_judged


def test_code_that_has_gone_meanwhile_is_judged_again(project, now):
    """A build that takes long may find its folder removed by others, who parse newer code."""
    built = now()
    for number in range(2, 10):
        project.test.write_text(f"select {number}")
        now()
    assert not built.folder.exists()
    built.keep_judged()
    project.test.write_text("select 1")
    assert now() == built
    assert not now().is_judged


def test_folders_in_which_others_write_meanwhile_are_not_looked_into(project, monkeypatch):
    """Another process may rename or remove what was listed there a moment ago."""
    project.parsed()
    looked_into = []
    scan = os.scandir

    def seen(folder="."):
        looked_into.append(Path(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", seen)
    project.parsed()
    assert project.code.project in looked_into
    assert not [folder for folder in looked_into if "target" in folder.parts]
