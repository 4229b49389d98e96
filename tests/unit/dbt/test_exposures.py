"""The exposures name what their consumers read, so that a changed model says whom it concerns."""

import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from orchestration.warehouse import dbt, finance
from orchestration.warehouse.dbt import PROJECT_FOLDER
from orchestration.warehouse.report import QUESTIONS, scope, topics

MODELS = PROJECT_FOLDER / "models"
EXPOSURES = yaml.safe_load((MODELS / "exposures.yml").read_text("utf-8"))["exposures"]


def named(name: str) -> set[str]:
    (exposure,) = (one for one in EXPOSURES if one["name"] == name)
    references = [re.fullmatch(r"ref\('(\w+)'\)", one)[1] for one in exposure["depends_on"]]
    assert references == sorted(set(references)), name
    return set(references)


def tables_in(texts: Iterable[str]) -> set[str]:
    pattern = r"\b(?:core|analytics|finance|utilities)\.((?:dim|fct|rpt)_\w+)"
    return set(re.findall(pattern, " ".join(texts)))


def of_topics() -> set[str]:
    day = date(2026, 3, 28)
    campaign = scope.Campaign("a1", "c-1", "Name", "Advertiser")
    scopes = (scope.Scope(day, day), scope.Scope(day, day, campaign))
    asked = [sql for one in scopes for sql in topics.statements(one).values()]
    return tables_in([*scope.statements(), *asked])


def test_the_reports_name_what_they_ask():
    sources = [question.sql for question in QUESTIONS if question.name == "sources"]
    assert named("report_page") == of_topics() | tables_in(sources)
    asked = tables_in(question.sql for question in QUESTIONS)
    assert named("terminal_report") == of_topics() | asked


def test_the_close_names_what_it_freezes():
    code = Path(finance.__file__).read_text("utf-8")
    assert named("finance_close") == tables_in([code])


def test_the_semantic_layer_names_its_models():
    texts = (file.read_text("utf-8") for file in (MODELS / "semantic").glob("*.yml"))
    models = {name for text in texts for name in re.findall(r"model: ref\('(\w+)'\)", text)}
    assert named("semantic_layer") == models | {"dim_dates"}, "dim_dates is its time spine"


def test_bi_tools_read_marts_only():
    assert named("bi_tools") < {file.stem for file in (MODELS / "marts").glob("*/*.sql")}


@pytest.mark.parametrize("exposure", EXPOSURES, ids=lambda exposure: exposure["name"])
def test_each_says_what_it_is_and_whom_to_ask(exposure):
    assert exposure["owner"]["name"] in {"Analytics", "Data platform", "Finance"}
    assert exposure["description"].endswith(".")
    assert exposure["label"]
    assert exposure["type"] in {"analysis", "application", "dashboard"}


def test_an_exposure_is_no_failure_of_a_build():
    exposure = SimpleNamespace(name="bi_tools", resource_type="exposure")
    outcome = dbt._outcome([SimpleNamespace(node=exposure, status="no-op")])
    assert (outcome.failures, outcome.skipped, outcome.models) == ([], [], 0)
