"""The golden vectors of the vault's hashes belong to a version: whoever changes one raises it."""

import hashlib
import re

from ingestion.settings import PROJECT_ROOT
from orchestration.warehouse import dbt

ADR = PROJECT_ROOT / "docs/decisions/adr-0003-hash-contract.md"
VECTORS = {1: ["8782fac0702e01bc", "c0dd7aaf1021351c"]}
"""Digests of the blocks of golden vectors by version: one more may be added, none is changed."""


def test_changed_vectors_are_a_new_version() -> None:
    """That the macros give the vectors is tested on both engines, in test_cross_db_macros."""
    text = ADR.read_text(encoding="utf-8")
    blocks = [
        re.findall(r"^(hash\w+\(.*\))\n  (.*) -> (\w+)$", block, re.MULTILINE)
        for block in text.split("```")
    ]
    digests = [hashlib.sha256(repr(b).encode()).hexdigest()[:16] for b in blocks if b]
    assert digests == VECTORS[dbt.hash_contract()]


def test_the_record_names_the_version() -> None:
    assert f"Of version {dbt.hash_contract()}." in ADR.read_text(encoding="utf-8")
