"""The code hash: changes with whatever decides which rows a build makes, and with nothing else."""

import pytest

from orchestration.warehouse import dbt


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name in ("dbt_project/models", "dbt_project/target", "macros", "seeds"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "dbt_project/models/a.sql").write_text("select 1")
    monkeypatch.setattr(dbt, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(dbt, "PROJECT_FOLDER", tmp_path / "dbt_project")
    return tmp_path


@pytest.mark.parametrize(
    "path",
    [
        "dbt_project/models/a.sql",
        "dbt_project/models/b.sql",
        "dbt_project/models/schema.yml",
        "dbt_project/dbt_project.yml",
        "macros/m.sql",
        "seeds/s.csv",
    ],
)
def test_code_and_seeds_count(project, path):
    before = dbt.code_hash()
    (project / path).write_text("changed")
    assert dbt.code_hash() != before


@pytest.mark.parametrize("path", ["dbt_project/target/manifest.sql", "macros/README.md"])
def test_what_dbt_writes_and_prose_do_not(project, path):
    before = dbt.code_hash()
    (project / path).write_text("changed")
    assert dbt.code_hash() == before


def test_a_moved_file_counts(project):
    before = dbt.code_hash()
    (project / "dbt_project/models/a.sql").rename(project / "dbt_project/models/c.sql")
    assert dbt.code_hash() != before


def test_another_engine_counts(project, monkeypatch):
    before = dbt.code_hash()
    monkeypatch.setattr("duckdb.__version__", "0.0.0")
    assert dbt.code_hash() != before
