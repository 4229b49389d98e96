"""Each cross-engine macro on literal values (`tests/parity/macro_cases.py`).

DuckDB and GoogleSQL's reference executor must both give the value that was worked out by hand.
"""

from typing import Any

import pytest

from tests.parity.macro_cases import CASES, GROUPS, Case
from tests.parity.macro_judges import (
    Verdict,
    compile_cases,
    judge_cases,
    on_duckdb,
    on_googlesql,
)

pytestmark = pytest.mark.xdist_group("dbt_macros")


@pytest.fixture(scope="session")
def duckdb_verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    expressions = compile_cases(tmp_path_factory.mktemp("cases"), "duckdb")
    return {v.case.name: v for v in judge_cases(expressions, on_duckdb())}


@pytest.fixture(scope="session")
def googlesql_verdicts(
    tmp_path_factory: pytest.TempPathFactory, googlesql: Any
) -> dict[str, Verdict]:
    expressions = compile_cases(tmp_path_factory.mktemp("cases"), "bigquery")
    return {v.case.name: v for v in judge_cases(expressions, on_googlesql(googlesql))}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_duckdb_gives_the_value(case: Case, duckdb_verdicts: dict[str, Verdict]) -> None:
    verdict = duckdb_verdicts[case.name]
    assert verdict.passed, f"{verdict}\n{case.expression}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_googlesql_gives_the_value(case: Case, googlesql_verdicts: dict[str, Verdict]) -> None:
    verdict = googlesql_verdicts[case.name]
    assert verdict.passed, f"{verdict}\n{case.expression}"


def test_each_case_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_there_are_golden_vectors() -> None:
    assert len(GROUPS["golden vectors"]) >= 20


def test_cases_at_fault_are_named_and_spoil_no_other() -> None:
    cases = [
        Case("right", "1", 1),
        Case("wrong", "1 + 1", 1),
        Case("another type", "true", 1),
        Case("rejected", "no_such_function()", 1),
        Case("right, too", "3", 3),
    ]
    expressions = {case.name: case.expression for case in cases}
    verdicts = judge_cases(expressions, on_duckdb(), cases)
    assert [v.case.name for v in verdicts if v.passed] == ["right", "right, too"]
    said = {v.case.name: str(v) for v in verdicts}
    assert said["wrong"] == "wrong: expected 1, got 2"
    assert said["another type"] == "another type: expected 1, got True"
    assert "no_such_function" in said["rejected"]
