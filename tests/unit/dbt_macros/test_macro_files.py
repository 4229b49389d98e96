"""The macros' folder keeps its rules: one public macro a file, each documented, each dispatched."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

MACROS = Path(__file__).resolve().parents[3] / "macros"
DEFINITION = re.compile(r"{%-?\s*macro\s+(\w+)\(([^)]*)\)", re.DOTALL)
MATERIALIZATION = re.compile(r"{%-?\s*materialization\s+(\w+), adapter='(\w+)'")
ENGINES = ("default__", "duckdb__", "bigquery__")
FILES = sorted(path for path in MACROS.rglob("*.sql") if path.parent.name != "overrides")


def _defined(path: Path) -> dict[str, list[str]]:
    """Macros of a file with the names of their arguments."""
    found = {}
    for name, arguments in DEFINITION.findall(path.read_text()):
        parts = re.sub(r"'[^']*'|\[[^]]*\]|\{[^}]*\}", "", arguments).split(",")
        found[name] = [part.split("=")[0].strip() for part in parts if part.strip()]
    return found


def _materializations(path: Path) -> set[str]:
    """Materializations of a file, by the names that dbt gives their macros."""
    found = MATERIALIZATION.findall(path.read_text())
    return {f"materialization_{name}_{adapter}" for name, adapter in found}


@cache
def _documented() -> dict[str, Any]:
    return {
        macro["name"]: macro
        for path in MACROS.rglob("*.yml")
        for macro in yaml.safe_load(path.read_text())["macros"]
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_has_one_public_macro_of_its_name(path: Path) -> None:
    public = [name for name in _defined(path) if not name.startswith(("_", *ENGINES))]
    assert public == ([] if path.stem.startswith("_") else [path.stem])


@pytest.mark.parametrize(
    "path", [path for path in FILES if not path.stem.startswith("_")], ids=lambda path: path.stem
)
def test_a_public_macro_documents_its_arguments(path: Path) -> None:
    described = _documented()[path.stem]
    names = [argument["name"] for argument in described.get("arguments", [])]
    assert described["description"]
    assert names == _defined(path)[path.stem]


def test_what_is_documented_exists() -> None:
    defined = {
        name
        for path in MACROS.rglob("*.sql")
        for name in (*_defined(path), *_materializations(path))
    }
    assert set(_documented()) <= defined


@pytest.mark.parametrize("path", sorted(MACROS.rglob("*.sql")), ids=lambda path: path.stem)
def test_no_macro_asks_the_database_while_compiling(path: Path) -> None:
    """Materializations run models; all other macros are part of one."""
    assert bool(_materializations(path)) or not re.search(
        r"run_query|get_columns_in_relation|call statement", path.read_text()
    )


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.parent.name != "adtech"], ids=lambda path: path.stem
)
def test_borrowed_macros_know_nothing_of_this_project(path: Path) -> None:
    assert not re.search(r"ADX_|source\('|ref\('|ops\.pins|target\.type", path.read_text())


ROOT = MACROS.parent
ASKS_FOR_THE_ENGINE = re.compile(r"\btarget\s*(\.|\[|\|)|\badapter\s*\.\s*type\b|\benabled\s*[=:]")
"""What would make a statement another one on another engine or target, or leave it out there."""

SAYS_WHO_SENT_IT = MACROS / "overrides" / "query_comment.sql"


def _written() -> list[Path]:
    """All SQL and YAML but the macros for both engines and the settings of the project."""
    folders = [ROOT / "dbt_project" / "models", MACROS, ROOT / "tests" / "dbt", ROOT / "seeds"]
    found = [path for folder in folders for path in folder.rglob("*")]
    return [
        path
        for path in found
        if path.suffix in {".sql", ".yml"}
        and MACROS / "cross_db" not in path.parents
        and path != SAYS_WHO_SENT_IT
    ]


def test_no_model_is_another_one_on_another_engine() -> None:
    written = _written()
    assert len(written) > 150
    asking = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in written
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if ASKS_FOR_THE_ENGINE.search(line)
    ]
    assert not asking
