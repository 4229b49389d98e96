"""The drawings of the stars in docs/modelling.md are the stars: facts, dimensions, tested keys."""

import re
from collections.abc import Iterator

import yaml

from ingestion.settings import PROJECT_ROOT

MARTS = PROJECT_ROOT / "dbt_project" / "models" / "marts"
PAGE = PROJECT_ROOT / "docs" / "modelling.md"

Key = tuple[str, str]
"""A fact or dimension, and what a key of it points at."""


def drawn() -> set[Key]:
    """The edges of the section's drawings."""
    section = PAGE.read_text("utf-8").partition("\n## The stars\n")[2].partition("\n## ")[0]
    keys: set[Key] = set()
    for drawing in re.findall(r"```mermaid\n(.*?)```", section, re.DOTALL):
        for left, right in re.findall(r"^ *(\S+) --> (.+)$", drawing, re.MULTILINE):
            targets = (_name(target) for target in right.split(" & "))
            keys |= {(_name(left), target) for target in targets}
    return keys


def _name(node: str) -> str:
    return node.partition("(")[0]


def known() -> Iterator[Key]:
    """What tests say that keys of facts and dimensions point at."""
    for path in MARTS.glob("*/*.yml"):
        for model in yaml.safe_load(path.read_text("utf-8")).get("models", []):
            if not model["name"].startswith(("fct_", "dim_")):
                continue
            for column in model["columns"]:
                for test in column.get("data_tests", []):
                    found = re.search(r"\bref\('(\w+)'\)", str(test))
                    if found:
                        yield model["name"], found[1]


def test_stars_are_drawn_as_their_keys_are_tested() -> None:
    assert drawn() == set(known())


def test_the_drawings_are_there() -> None:
    assert ("fct_impressions", "dim_line_items") in drawn()
