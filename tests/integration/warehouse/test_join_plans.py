"""DuckDB joins by keys: a statement that compares every pair of rows is fine until it has many."""

import json
from typing import Any, Final

import pytest

from orchestration.warehouse.duck import open_file
from orchestration.warehouse.store import Store
from tests.integration.warehouse.test_planted_defects import project_nodes

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("proven")]

_BREAKDOWNS: Final = "a dozen breakdowns"
_CLOSED: Final = "one row: until when periods are closed"

PAIRWISE: Final = {
    "bv_audience_members": _BREAKDOWNS,
    "fct_penetration_sketches": _BREAKDOWNS,
    "rpt_market_penetration_daily": _BREAKDOWNS,
    "fct_user_frequency_daily": _BREAKDOWNS,
    "bv_invalid_traffic": "the tokens of declared bots, for each user agent once",
    "fct_billing_lines": _CLOSED,
    "fct_invoice_lines": _CLOSED,
    "fct_invoices": _CLOSED,
    "rpt_trial_balance": _CLOSED,
    "assert_invoices_add_up": _CLOSED,
    "assert_trial_balance_is_zero": _CLOSED,
}
"""Statements that compare every pair, and which of the two sides does not grow."""


def _operators(plan: dict[str, Any]) -> set[str]:
    found = {plan["name"]} if "name" in plan else set()
    return found.union(*(_operators(child) for child in plan["children"]))


def test_only_named_statements_compare_every_pair_of_rows(proven):
    file = Store(proven.warehouse).published().file
    with open_file(file, proven, read_only=True) as connection:
        found = set()
        for name, node in project_nodes(proven, file).items():
            text = connection.execute(f"explain (format json) {node.compiled}").fetchone()[1]
            if any("BLOCKWISE_NL_JOIN" in _operators(plan) for plan in json.loads(text)):
                found.add(name.rpartition(".")[2])
    assert sorted(found) == sorted(PAIRWISE)
