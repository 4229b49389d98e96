"""What several integration tests share, imported only when a test asks for it."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import pytest


@pytest.fixture(scope="session")
def make_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Make a dbt project that borrows the macros: name, {model: SQL}, folders below macros/."""
    borrower = importlib.import_module("tests.integration.borrower")

    def make(name: str, models: dict[str, str], folders: Sequence[str] = ()) -> Any:
        project = borrower.BorrowerProject(tmp_path_factory.mktemp(name))
        if folders:
            project.macro_folders = tuple(folders)
        project.write(models)
        return project

    return make


@pytest.fixture(scope="session")
def googlesql() -> Any:
    """Google's analyzer and reference executor."""
    return importlib.import_module("orchestration.bigquery.googlesql").GoogleSql()
