"""Every class of faults; a module that registers one is named here."""

import importlib
import re
from collections.abc import Iterable
from typing import Final

from ingestion.settings import PROJECT_ROOT
from tests.chaos.suite import CLASSES, Level, Registered

MODULES: Final[dict[Level, tuple[str, ...]]] = {
    "in process": (
        "streams",
        "gaps",
        "batches",
        "deliveries",
        "lakes",
        "producers",
        "warehouses",
    ),
    "real": ("streams", "gaps", "producers", "landings", "warehouses", "worlds"),
}
_FOLDERS: Final[dict[Level, str]] = {"in process": "inprocess", "real": "real"}


def all_classes(levels: Iterable[Level] = ("in process", "real")) -> dict[str, Registered]:
    """The classes of some levels, by name."""
    for level in levels:
        for name in MODULES[level]:
            importlib.import_module(f"tests.chaos.{_FOLDERS[level]}.{name}")
    return {name: known for name, known in CLASSES.items() if known.level in set(levels)}


_POINT: Final = re.compile(r'(?:failpoint|write_all)\(\s*"([a-z]+\.[a-z_]+)"')
ELSEWHERE: Final = frozenset(
    {"finance.before_period", "keys.write", "keys.before_link", "keys.after_link"}
)
"""Points whose fault needs all marts, or comes once in the life of a home or a day: a test beside
their code lets it happen."""


def failpoints() -> set[str]:
    """Every failpoint of the code."""
    return {
        name
        for folder in ("ingestion", "orchestration")
        for path in (PROJECT_ROOT / folder).rglob("*.py")
        for name in _POINT.findall(path.read_text(encoding="utf-8"))
    }
