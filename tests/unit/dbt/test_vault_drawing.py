"""The drawing of the vault in docs/modelling.md is the vault: its hubs, links and events."""

import re
from collections.abc import Iterator
from itertools import pairwise

from ingestion.settings import PROJECT_ROOT

VAULT = PROJECT_ROOT / "dbt_project" / "models" / "raw_vault"
PAGE = PROJECT_ROOT / "docs" / "modelling.md"

Relation = tuple[str, str]
"""A link or event, and the key of what it refers to."""


def _lines() -> Iterator[str]:
    section = PAGE.read_text().partition("\n## The vault\n")[2].partition("\n## ")[0]
    for drawing in re.findall(r"```mermaid\n(.*?)```", section, re.DOTALL):
        yield from (line.strip() for line in drawing.splitlines())


def drawn() -> tuple[set[str], set[Relation]]:
    """Nodes with a shape, and relations; an edge's label is the key where it plays a role."""
    nodes: set[str] = set()
    relations: set[Relation] = set()
    for line in _lines():
        shape = re.match(r"(\w+)[\[({]", line)
        if shape and not line.startswith("subgraph"):
            nodes.add(shape[1])
        ends = re.split(r"\s*(?:---|-->)\s*", line)
        for left, right in pairwise(ends):
            label, _, targets = right.rpartition("| ")
            role = label.strip("|")
            for target in targets.split(" & "):
                pair = (left.rpartition("| ")[2], target)
                link, thing = reversed(pair) if pair[0].startswith("hub_") else pair
                relations.add((link, f"{role or thing.partition('_')[2]}_hk"))
    return nodes, relations


def modelled() -> tuple[set[str], set[Relation]]:
    """The same, by the models; the events of two sources are one."""
    nodes = {path.stem for path in (VAULT / "hubs").glob("*.sql")}
    relations: set[Relation] = set()
    for folder in ("links", "event_links"):
        for path in (VAULT / folder).glob("*.sql"):
            name = path.stem.partition("__")[0]
            nodes.add(name)
            for keys in re.findall(r"hub_keys=\[([^]]*)\]", path.read_text()):
                relations |= {(name, key) for key in re.findall(r"'(\w+)'", keys)}
    return nodes, relations


def test_every_hub_link_and_event_is_drawn() -> None:
    assert drawn()[0] == modelled()[0]


def test_what_is_connected_is_drawn_so() -> None:
    assert drawn()[1] == modelled()[1]
