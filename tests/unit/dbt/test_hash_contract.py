"""The golden vectors of the vault's hashes belong to a version: whoever changes one raises it."""

import hashlib
import re

from ingestion.settings import PROJECT_ROOT
from orchestration.warehouse import dbt

ADR = PROJECT_ROOT / "docs/decisions/adr-0003-hash-contract.md"
VECTORS = {1: "8782fac0702e01bc"}
"""Digest of the golden vectors by version; one line more with each new version, none changed."""


def test_changed_vectors_are_a_new_version() -> None:
    """That the macros give the vectors is tested on both engines, in test_cross_db_macros."""
    text = ADR.read_text(encoding="utf-8")
    vectors = re.findall(r"^(hash\w+\(.*\))\n  (.*) -> (\w+)$", text, re.MULTILINE)
    digest = hashlib.sha256(repr(vectors).encode()).hexdigest()[:16]
    assert digest == VECTORS[dbt.hash_contract()]


def test_the_record_names_the_version() -> None:
    assert f"Of version {dbt.hash_contract()}." in ADR.read_text(encoding="utf-8")
