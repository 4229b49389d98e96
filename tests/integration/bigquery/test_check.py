"""The offline check itself: the project passes it, and each planted defect does not.

One run serves all tests of the project: dbt's own adapter sends the first build and an increment to
the service that analyzes.
"""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestration.bigquery import lints
from orchestration.bigquery.byte_model import GROWING, HISTORIES, ByteModel
from orchestration.bigquery.check import Report, check, is_bounded, problems, pruned_by, scans_of
from orchestration.bigquery.dbt_runs import PROJECT
from orchestration.bigquery.googlesql import GoogleSql, QueryRejectedError, type_name
from orchestration.bigquery.platform_runs import PlatformRuns
from orchestration.bigquery.predicates import days_since_epoch
from orchestration.bigquery.statements import Statement
from orchestration.bigquery.whole_scans import WHOLE_SCANS, reason_for
from orchestration.warehouse.bigquery.publish import WORK, Mart, row_access_policies
from orchestration.warehouse.bigquery.published import in_full
from orchestration.warehouse.bigquery.service import MARTS
from orchestration.warehouse.metrics import FAMILIES
from orchestration.warehouse.report import QUESTIONS
from orchestration.warehouse.report.scope import Campaign, Scope
from orchestration.warehouse.report.scope import statements as scope_statements
from orchestration.warehouse.report.topics import statements
from tests.integration.bigquery.defects import DEFECTS, Defect

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("bigquery")]


@pytest.fixture(scope="session")
def report(googlesql: GoogleSql) -> Report:
    return check(googlesql)


def test_bigquery_would_take_every_statement_at_a_bounded_cost(report: Report) -> None:
    assert not report.findings, "\n".join(map(str, report.findings))


def test_every_node_was_judged(report: Report) -> None:
    """Models in both modes, seeds, data tests and unit tests; none was skipped."""
    assert {node.status for node in report.nodes} == {"success", "pass"}
    kinds = [node.unique_id.split(".")[0] for node in report.nodes]
    models = list((Path(__file__).parents[3] / "dbt_project" / "models").rglob("*.sql"))
    assert kinds.count("model") == 2 * len(models)
    assert kinds.count("seed") == len(list((Path(__file__).parents[3] / "seeds").rglob("*.csv")))
    assert kinds.count("test") > 200
    assert kinds.count("unit_test") >= 12
    senders = {statement.node for statement in report.warehouse.statements}
    assert {node.unique_id for node in report.nodes if node.status == "success"} <= senders


def test_pin_and_publishing_were_judged(report: Report) -> None:
    kinds = [s.kind for s in report.increment if not s.node]
    assert set(kinds) >= {
        "CREATE_EXTERNAL_TABLE",
        "CREATE_VIEW",
        "INSERT",
        "GRANT",
        "CREATE_TABLE",
        "SELECT",
    }
    assert kinds.count("GRANT") == 3
    published = [key for key in report.warehouse.tables if key[1].startswith("marts_")]
    assert len(published) > 30


def test_row_access_policies_are_judged(report: Report) -> None:
    service = PlatformRuns(report.warehouse, "http://127.0.0.1:1", Path()).service
    ((_, dataset, _), *_) = [key for key in report.warehouse.tables if key[1].startswith("marts_")]
    build_id = dataset.removeprefix("marts_").replace("_", "-")
    for column, taken in (("currency_code", True), ("currency_cod", False)):
        policy = {"grantees": ["group:de@example.com"], "filter": f"{column} = 'EUR'"}
        marts = {"dim_currencies": Mart("core", None, [policy])}
        (statement,) = row_access_policies(service, build_id, marts)
        if taken:
            report.warehouse.googlesql.analyze(statement)
            continue
        with pytest.raises(QueryRejectedError, match="currency_cod"):
            report.warehouse.googlesql.analyze(statement)


def test_bigquery_understands_every_question_of_verify_and_report(report: Report) -> None:
    service = PlatformRuns(report.warehouse, "http://127.0.0.1:1", Path()).service
    asked = [family.statement(grain) for family in FAMILIES for grain in family.grains]
    asked += [question.sql for question in QUESTIONS]
    day = date(2026, 3, 28)
    for scope in (Scope(day, day), Scope(day, day, Campaign("a1", "c-1", "Name", "Advertiser"))):
        asked += [*scope_statements(), *statements(scope).values()]
    for sql in asked:
        # The views that readers see are gone: the script that publishes them ends by undoing it.
        named = re.sub(rf"`({'|'.join(MARTS)})`\.", rf"`{WORK}\1`.", in_full(service, sql))
        report.warehouse.googlesql.analyze(named)


def test_contracts_hold_on_bigquery(report: Report) -> None:
    names = {"bigint": "INT64", "string": "STRING", "boolean": "BOOL", "date": "DATE"}
    contracts = 0
    for node in report.nodes:
        config = node.manifest.config
        if not getattr(getattr(config, "contract", None), "enforced", False):
            continue
        contracts += 1
        table = report.warehouse.get((PROJECT, node.manifest.schema, node.manifest.alias))
        declared = {
            column.name: names.get(column.data_type, column.data_type.split("(")[0].upper())
            for column in node.manifest.columns.values()
        }
        assert declared == {name: type_name(kind) for name, kind in table.columns.items()}
    assert contracts > 60


def test_increments_read_and_replace_by_literal_dates(report: Report) -> None:
    """What declares date effects reads no date that is long gone, and changes none."""
    by_date = [
        node.unique_id
        for node in report.nodes
        if node.unique_id.startswith("model.")
        and node.manifest.config.meta.get("date_effects") is not None
        and node.manifest.config.get("incremental_strategy") == "insert_overwrite"
    ]
    assert len(set(by_date)) > 15
    for unique_id in set(by_date):
        targets = [scan for scan in report.scans[unique_id] if scan.is_target]
        assert len(targets) == 1
        ((low, _), *_) = targets[0].bounds[
            report.warehouse.tables[targets[0].table].partition or ""
        ]
        assert low >= days_since_epoch("2026-02-01"), unique_id


def test_what_an_increment_reads_does_not_grow_with_history(report: Report) -> None:
    readings = list(ByteModel(report.warehouse.tables).readings(report.scans))
    assert len(readings) > 140
    assert sum(reading.read[HISTORIES[-1]] for reading in readings) > 0
    unlisted = {
        reading.model: reading.a_day
        for reading in readings
        if reading.a_day > 0 and None in reading.reasons.values()
    }
    assert not unlisted
    used = {reason for reading in readings for reason in reading.reasons.values()}
    assert used == {reason for _, _, reason in GROWING}


def test_every_listed_whole_scan_is_one(report: Report) -> None:
    """A list that allows what nobody does hides what somebody will do."""
    used = set()
    for unique_id, scans in report.scans.items():
        for scan in scans:
            columns = pruned_by(scan.table, report.warehouse.tables)
            if columns and not is_bounded(scan, columns):
                used.add(reason_for(unique_id, scan.table[2]))
    assert used - {None} == {reason for _, _, reason in WHOLE_SCANS}


def _caught(report: Report, defect: Defect) -> tuple[str, list[str]]:
    """The node that the statement names, and what is said of it."""
    (statement,) = [
        s
        for s in report.increment
        if s.node == f"model.advertisex.{defect.model}" and s.kind == defect.kind
    ]
    sql, count = re.subn(defect.old, defect.new, statement.sql)
    assert count, f"the text of {defect.model} has changed: {defect.old} is not in it"
    if statement.target is not None and statement.kind == "MERGE":
        # What the increment selected has gone since, as it does on the service.
        (name,) = set(re.findall(rf"{defect.model}__dbt_tmp\d+", sql))
        columns = report.warehouse.get(statement.target).columns
        report.warehouse.googlesql.add_table(*statement.target[:2], name, columns)
    try:
        resolved = report.warehouse.googlesql.analyze(sql)
    except QueryRejectedError as problem:
        return statement.node, [str(problem)]
    planted = Statement(statement.node, statement.kind, sql, resolved, statement.target, {})
    scans = scans_of(report.warehouse, planted)
    return statement.node, list(problems(report.warehouse, planted, scans))


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_planted_defect_is_caught(defect: Defect, report: Report) -> None:
    node, said = _caught(report, defect)
    assert node.endswith(f".{defect.model}")
    assert any(defect.says in text for text in said), said


@pytest.mark.parametrize(
    "expression",
    [
        "cast(round(6371008.8e0 * atan2(sqrt(power(sin(x), 2)), cos(x))) as int64)",
        "if(count(n) < 8, count(n), cast(round(9e0 / nullif(max(n), 0)) as int64))",
    ],
)
def test_floats_may_be_where_they_are_rounded_in_their_row(
    expression: str, googlesql: GoogleSql
) -> None:
    rows = "(select n, cast(n as float64) * 1.7e-2 as x from unnest([1, 2]) as n)"
    assert (
        list(lints.problems("m", googlesql.analyze(f"select {expression} as m from {rows}"))) == []
    )


TINY = {
    "good.sql": "select 1 as id, struct('x' as name) as person",
    "bad.sql": "select\n    good.id,\n    good.person.nme as name\nfrom {{ ref('good') }} as good",
    "promise.sql": "select 'a' as id",
    "_promise.yml": (
        "models:\n  - name: promise\n    config: {contract: {enforced: true}}\n"
        "    columns:\n      - {name: id, data_type: bigint}\n"
    ),
    "moving.sql": (
        "{{ config(materialized='incremental', on_schema_change='fail') }}\n"
        "select 1 as id{{ ', 2 as more' if is_incremental() }}"
    ),
}


@pytest.fixture
def tiny(tmp_path: Path) -> Any:
    """`tiny(names)` checks a project of these models, whose findings it gives as text."""

    def run(*names: str) -> list[str]:
        project = tmp_path / "tiny"
        (project / "models").mkdir(parents=True)
        (project / "dbt_project.yml").write_text(
            "name: tiny\nversion: '1.0.0'\nprofile: advertisex\nmodels:\n  +materialized: table\n"
        )
        for name in names:
            (project / "models" / name).write_text(TINY[name])
        return [str(finding) for finding in check(project=project, platform=False).findings]

    return run


def test_a_failure_names_model_file_and_line(tiny: Any) -> None:
    found = tiny("good.sql", "bad.sql", "promise.sql", "_promise.yml")
    (bad,) = [text for text in found if text.startswith("bad ")]
    assert "(tiny/models/bad.sql:3): Field name nme does not exist" in bad
    (promise,) = [text for text in found if text.startswith("promise ")]
    assert "(tiny/models/promise.sql): " in promise
    assert "contract" in promise
    assert len(found) == 2


def test_an_increment_with_other_columns_is_caught(tiny: Any) -> None:
    (moving,) = tiny("moving.sql")
    assert moving.startswith("moving (tiny/models/moving.sql): ")
    assert "more" in moving
