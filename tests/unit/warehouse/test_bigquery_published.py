"""Which build BigQuery is asked about, and what its tables are called."""

import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings
from orchestration.warehouse.bigquery.builds import Builds, History, Passed, Work
from orchestration.warehouse.bigquery.published import in_full, open_on_bigquery
from orchestration.warehouse.bigquery.service import Service
from orchestration.warehouse.store import Manifest

SETTINGS = Settings(
    warehouse_engine="bigquery",
    bigquery_project="p",
    bigquery_dataset_prefix="x_",
    bigquery_endpoint="http://127.0.0.1:1",
)
PASSED = Passed(Manifest("b000001-pin1", 1, None, "code", True, "", "", 1, 1, 1), {})


def begun(build_id: str) -> Work:
    return Work(build_id, 1, "code", full_refresh=False, hash_contract=1)


@pytest.fixture
def after(monkeypatch):
    """`after(history)` opens what is published after that."""
    monkeypatch.setattr(Service, "check", lambda _: None)

    def open_after(history: History):
        monkeypatch.setattr(Builds, "history", lambda _: history)
        return open_on_bigquery(SETTINGS)

    return open_after


def test_the_published_build_is_asked(after):
    assert after(History([PASSED], PASSED, begun("b000001-pin1"))).manifest == PASSED.manifest


def test_a_build_that_was_begun_later_must_be_published_first(after):
    with pytest.raises(AdxError, match="hold build b000002-pin1, but build b000001-pin1") as caught:
        after(History([PASSED], PASSED, begun("b000002-pin1")))
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    with pytest.raises(AdxError, match="No warehouse has been published yet"):
        after(History())


def test_tables_are_named_with_project_and_prefix():
    sql = "select a.core from core.fct_a as a join business_vault.bv_b using (score.c)"
    assert in_full(Service(SETTINGS), sql) == (
        "select a.core from `p`.`x_core`.`fct_a` as a "
        "join `p`.`x_business_vault`.`bv_b` using (score.c)"
    )
