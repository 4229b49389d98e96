"""What dbt says of its jobs on BigQuery: whose they are, what they may cost, who may see columns.

A small project with the settings of the real one, whose requests are kept on their way to the
service that analyzes.
"""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import PROJECT_ROOT, Settings
from orchestration.bigquery.dbt_runs import PROJECT, DbtRuns, window
from orchestration.bigquery.googlesql import GoogleSql
from orchestration.bigquery.service import serve
from orchestration.bigquery.statements import Warehouse
from orchestration.warehouse import dbt
from tests.integration.bigquery.misbehaving import Answer, Misbehaving, misbehaving, through

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("bigquery")]

TAG = "projects/p/locations/eu/taxonomies/1/policyTags/2"

FILES = {
    "models/people.sql": "select 1 as id, 'a@example.com' as email",
    "models/_people.yml": f"""
models:
  - name: people
    columns:
      - {{name: id, description: Who., data_tests: [not_null]}}
      - {{name: email, description: Their address., policy_tags: [{TAG}]}}
""",
    "snapshots/history.yml": """
snapshots:
  - name: people_history
    relation: ref('people')
    config: {schema: history, unique_key: id, strategy: check, check_cols: all}
""",
}


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory, googlesql: GoogleSql) -> Misbehaving:
    """What two builds have sent: the first one, and one after it."""
    folder = tmp_path_factory.mktemp("jobs")
    project = folder / "tagged"
    for name, text in FILES.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    real = yaml.safe_load((PROJECT_ROOT / "dbt_project" / "dbt_project.yml").read_text())
    settings = {
        "name": "tagged",
        "version": "1.0.0",
        "profile": "advertisex",
        "macro-paths": [str(PROJECT_ROOT / "macros" / "overrides")],
        "query-comment": real["query-comment"],
        "models": {
            "+materialized": "table",
            "+persist_docs": real["models"]["advertisex"]["+persist_docs"],
        },
    }
    (project / "dbt_project.yml").write_text(yaml.safe_dump(settings))
    warehouse = Warehouse(googlesql)
    with (
        pytest.MonkeyPatch.context() as patch,
        serve(warehouse) as behind,
        misbehaving(behind) as service,
    ):
        patch.setenv("ADX_BUILD_ID", "b000001-pin1")
        runs = DbtRuns(project, service.url, folder)
        for first in (True, False):
            nodes = runs.run(["build"], window(first=first))
            said = [(node.name, node.status, node.message) for node in nodes]
            assert {status for _, status, _ in said} == {"success", "pass"}, said
            assert len(said) == 3
    return service


def jobs(sent: Misbehaving) -> list[dict[str, Any]]:
    """The configuration of each job for a node."""
    bodies = [
        json.loads(body) for path, body in sent.asked if path.partition("?")[0].endswith("/jobs")
    ]
    return [
        body["configuration"] for body in bodies if "node_id" in body["configuration"]["labels"]
    ]


def test_every_job_is_labelled_with_build_and_model(sent: Misbehaving) -> None:
    labels = [job["labels"] for job in jobs(sent)]
    assert {label["build_id"] for label in labels} == {"b000001-pin1"}
    assert {"people", "people_history"} < {label["model"] for label in labels}
    assert {label["app"] for label in labels} == {"advertisex"}
    for job in jobs(sent):
        comment = json.loads(job["query"]["query"].removeprefix("/* ").partition(" */")[0])
        assert comment["build_id"] == "b000001-pin1"
        assert comment["model"] == job["labels"]["model"]


def test_every_job_has_the_bounds_of_the_settings(sent: Misbehaving) -> None:
    for job in jobs(sent):
        assert job["query"]["maximumBytesBilled"] == str(1024**4)
        assert job["query"]["priority"] == "INTERACTIVE"
        assert job["jobTimeoutMs"] == "3600000"


def test_policy_tags_of_the_yaml_are_sent(sent: Misbehaving) -> None:
    tags = [
        column.get("policyTags")
        for path, body in sent.asked
        if "/tables/people" in path and body
        for column in json.loads(body).get("schema", {}).get("fields", [])
        if column["name"] == "email"
    ]
    assert {"names": [TAG]} in tags


def test_a_service_that_fails_below_a_running_statement_is_left_in_time(
    googlesql: GoogleSql, tmp_path: Path
) -> None:
    """Within the seconds of a request, not those that a statement may take."""
    settings = Settings(
        environment="bigquery_emulated",
        warehouse_engine="bigquery",
        bigquery_project=PROJECT,
        bigquery_request_seconds=10,
        bigquery_job_seconds=3600,
        bigquery_job_retries=1,
        home=tmp_path,
    )
    with serve(Warehouse(googlesql)) as behind, misbehaving(behind) as service:
        service.fails["/queries/"] = Answer(500, "internalError", "An internal error occurred")
        asked = through(service, settings)
        dbt.parsed(asked, None)
        started = time.monotonic()
        with pytest.raises(AdxError, match=r"^BigQuery at .* fails") as caught:
            dbt.run(asked, ["run", "--select", "dim_dates"], database=None, window=None)
        assert time.monotonic() - started < 600
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
    assert service.failed > 1, "it was tried again first"
