"""Statements for BigQuery: what they say, without a service."""

import json
from typing import Any

import pyarrow as pa
import pytest

from ingestion.contracts import all_contracts, load_contract, raw_schema
from ingestion.errors import AdxError, ExitCode
from ingestion.lake.ops import OPS_TABLES
from ingestion.settings import Settings
from orchestration.warehouse.bigquery import raw
from orchestration.warehouse.bigquery.builds import Builds, Passed
from orchestration.warehouse.bigquery.publish import (
    Mart,
    grants,
    make_set,
    publish_script,
    row_access_policies,
    view_of_set,
)
from orchestration.warehouse.bigquery.service import Service, access_entries, schema_of
from orchestration.warehouse.store import Manifest
from orchestration.warehouse.versions import Withdrawal

NOWHERE = {
    "warehouse_engine": "bigquery",
    "bigquery_project": "p",
    "bigquery_dataset_prefix": "x_",
    "bigquery_endpoint": "http://127.0.0.1:1",
}


def service(**settings: Any) -> Service:
    return Service(Settings(**{**NOWHERE, **settings}))


def build(build_id: str, *relations: str) -> Passed:
    manifest = Manifest(build_id, 1, None, "code", True, "2026-01-01", "2026-01-02", 1, 1, 1)
    return Passed(manifest, dict.fromkeys(relations, 1))


def test_publishing_is_one_script_that_undoes_itself():
    new = build("b000002-pin2", "core.fct_new", "raw_vault.hub_a", "core.fct_kept")
    old = build("b000001-pin1", "core.fct_kept", "finance.fct_gone")
    script = publish_script(service(), new, old)
    forth, back = script.split("exception when error then\n")
    statements = [part.strip() for part in forth.removeprefix("begin\n").split(";\n")]
    assert statements[:3] == [
        (
            "create or replace view `p`.`x_core`.`fct_kept` as\n"
            "select * from `p`.`x_marts_b000002_pin2`.`fct_kept`"
        ),
        (
            "create or replace view `p`.`x_core`.`fct_new` as\n"
            "select * from `p`.`x_marts_b000002_pin2`.`fct_new`"
        ),
        "drop view if exists `p`.`x_finance`.`fct_gone`",
    ]
    assert statements[3].startswith("create or replace table `p`.`x_meta`.`build` as\n")
    assert '"b000002-pin2" as build_id' in statements[3]
    assert statements[4].startswith("insert into `p`.`x_meta`.`publications` values ")
    now = statements[4].split(", ")[4]
    gone = "delete from `p`.`x_meta`.`publications`"
    assert statements[5:] == [
        f'{gone} where build_id = "b000002-pin2" and happened_at != {now}',
        "",
    ]
    undone = [part.strip() for part in back.split(";\n")]
    noted = undone.pop(3)
    assert noted.startswith("create or replace table `p`.`x_meta`.`build` as\n")
    assert '"b000001-pin1" as build_id' in noted
    assert undone == [
        (
            "create or replace view `p`.`x_finance`.`fct_gone` as\n"
            "select * from `p`.`x_marts_b000001_pin1`.`fct_gone`"
        ),
        (
            "create or replace view `p`.`x_core`.`fct_kept` as\n"
            "select * from `p`.`x_marts_b000001_pin1`.`fct_kept`"
        ),
        "drop view if exists `p`.`x_core`.`fct_new`",
        "raise",
        "end;",
    ]


def test_a_first_publish_that_fails_leaves_nothing():
    back = publish_script(service(), build("b000001-pin1", "core.a"), None).split("then\n")[1]
    assert back == (
        "drop view if exists `p`.`x_core`.`a`;\n"
        "drop table if exists `p`.`x_meta`.`build`;\nraise;\nend;"
    )


def test_what_is_taken_back_is_written_down_in_one_statement(monkeypatch):
    monkeypatch.setattr(Service, "_connect", lambda _: None)
    asked = Asked(Settings(**NOWHERE))
    gone = ("b000001-pin1", 'a "wrong" rate', "2026-03-30T10:00:00+00:00", "run-1")
    Builds(asked).withdraw([Withdrawal(f"b00000{n}-pin2", *gone) for n in (2, 3)])
    (statement,) = asked.statements
    assert statement == (
        "insert into `p`.`x_meta`.`publications` values\n"
        '("b000002-pin2", "withdrawn", "b000001-pin1", "a \\"wrong\\" rate", '
        '"2026-03-30T10:00:00+00:00", "run-1"),\n'
        '("b000003-pin2", "withdrawn", "b000001-pin1", "a \\"wrong\\" rate", '
        '"2026-03-30T10:00:00+00:00", "run-1")'
    )


def test_readers_are_granted_what_is_published_and_nothing_else():
    readers = "group:analysts@example.com user:me@example.com"
    assert grants(service(bigquery_readers=readers)) == [
        f"grant `roles/bigquery.dataViewer`\non schema `p`.`x_{layer}`\n"
        'to "group:analysts@example.com", "user:me@example.com"'
        for layer in ("core", "analytics", "finance")
    ]
    assert grants(service()) == []


def test_row_access_is_said_of_the_set_that_readers_are_shown():
    policy = {"grantees": ["group:de@example.com", "user:me@example.com"], "filter": "a = 'DE'"}
    marts = {"fct_b": Mart("core", None, [policy]), "fct_a": Mart("core", None)}
    (statement,) = row_access_policies(service(), "b000001-pin1", marts)
    assert statement == (
        "create row access policy `fct_b_1`\n"
        "on `p`.`x_marts_b000001_pin1`.`fct_b`\n"
        'grant to ("group:de@example.com", "user:me@example.com")\n'
        "filter using (a = 'DE')"
    )


def test_row_access_of_a_view_is_refused():
    marts = {"fct_a": Mart("core", "select 1", [{"grantees": [], "filter": "true"}])}
    with pytest.raises(AdxError, match="The mart fct_a is a view"):
        list(row_access_policies(service(), "b000001-pin1", marts))


class Asked(Service):
    """A service that is asked, and does nothing."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.statements: list[str] = []

    def run(self, sql: str, build_id: str | None = None) -> list[Any]:
        self.statements.append(sql)
        return []

    def make_dataset(self, name: str, *, readable_by_views_of: Any = ()) -> None:
        pass

    def drop_dataset(self, name: str) -> None:
        pass


@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:1"])
def test_only_the_service_is_told_of_row_access(endpoint, monkeypatch):
    monkeypatch.setattr(Service, "_connect", lambda _: None)
    asked = Asked(Settings(**{**NOWHERE, "bigquery_endpoint": endpoint}))
    policy = {"grantees": ["group:de@example.com"], "filter": "true"}
    make_set(asked, "b000001-pin1", {"fct_a": Mart("core", None, [policy])})
    kinds = [statement.split(" `")[0] for statement in asked.statements]
    assert kinds == ["create table", *(["create row access policy"] if endpoint is None else [])]


def test_views_may_read_a_set_that_readers_may_not():
    (entry,) = access_entries(service(), ["core"])
    assert entry.to_api_repr() == {
        "role": None,
        "dataset": {
            "dataset": {"projectId": "p", "datasetId": "x_core"},
            "targetTypes": ["VIEWS"],
        },
    }


def test_a_mart_that_is_a_view_reads_its_set():
    sql = "select * from `p`.`x_work_core`.`a` join `p`.`x_work_finance`.`b` using (c)"
    assert view_of_set(service(), "marts_b1", "v", sql) == (
        "create view `p`.`x_marts_b1`.`v` as\n"
        "select * from `p`.`x_marts_b1`.`a` join `p`.`x_marts_b1`.`b` using (c)"
    )


def test_a_mart_that_shows_what_is_built_in_place_is_refused():
    sql = "select * from `p`.`x_business_vault`.`bv_clicks`"
    with pytest.raises(AdxError, match="The view v of the marts reads the layer business_vault"):
        view_of_set(service(), "marts_b1", "v", sql)


def test_the_service_reads_exact_metadata_files():
    connected = service(bigquery_connection="p.eu.lake")
    table = connected.table("raw_fx", "rates__pinned")
    assert raw.external_table(connected, table, "gs://lake/rates/3.metadata.json") == (
        "create or replace external table `p`.`x_raw_fx`.`rates__pinned`\n"
        "with connection `p.eu.lake`\n"
        "options (format = 'ICEBERG', uris = [\"gs://lake/rates/3.metadata.json\"])"
    )


def test_a_lake_that_the_service_cannot_read_is_told():
    with pytest.raises(AdxError, match=r"outside gs://; this lake has s3://lake/1") as caught:
        raw.external_table(service(), "t", "s3://lake/1.metadata.json")
    assert "ADX_BIGQUERY_CONNECTION" in caught.value.remedy
    assert caught.value.exit_code == ExitCode.CONFIGURATION


def test_every_raw_table_and_ops_table_has_its_statement():
    files = {contract.name: f"gs://lake/{contract.name}" for contract in all_contracts()}
    ops = {name: f"gs://lake/ops/{name}" for name in OPS_TABLES}
    statements = list(raw.external_tables(service(bigquery_connection="c"), files, ops))
    assert len(statements) == len(files) + len(ops)
    for location in (*files.values(), *ops.values()):
        assert sum(json.dumps(location) in statement for statement in statements) == 1


def test_the_view_of_a_raw_table_has_its_good_rows():
    contract = load_contract("fx", "rates")
    sql = raw.good_rows(service(), contract, None)
    for name in raw_schema(contract).names:
        assert f"    `{name}`" in sql
    assert sql.endswith("from `p`.`x_raw_fx`.`rates__pinned`\nwhere _error.reason is null")


@pytest.mark.parametrize(
    ("kind", "present", "expression"),
    [
        (pa.string(), {}, "cast(null as string)"),
        (pa.decimal128(38, 9), {}, "cast(null as numeric)"),
        (
            pa.list_(pa.struct([("a", pa.int32())])),
            {},
            "cast(null as array<struct<`a` int64>>)",
        ),
        (pa.struct([("a", pa.int64())]), {"c": {"a": {}}}, "`c`"),
        (
            pa.struct([("a", pa.int64()), ("b", pa.date32())]),
            {"c": {"a": {}}},
            "if(`c` is null, null, struct(`c`.`a` as `a`, cast(null as date) as `b`))",
        ),
        (
            pa.list_(pa.struct([("a", pa.bool_()), ("b", pa.string())])),
            {"c": {"element": {"a": {}}}},
            (
                "array(select if(element_0 is null, null, struct(element_0.`a` as `a`, "
                "cast(null as string) as `b`)) from unnest(`c`) as element_0 "
                "with offset as element_0_place order by element_0_place)"
            ),
        ),
    ],
)
def test_what_an_older_state_lacks_is_null(kind, present, expression):
    assert raw._value("`c`", pa.field("c", kind), present) == expression


def test_commits_are_counted_once_however_often_a_window_is_taken():
    ranges = dict.fromkeys(_names(), (0, 0)) | {"fx.rates": (4, 6)}
    delete, insert = raw.count_loads(service(), ranges)
    assert "(source = 'fx' and table_name = 'rates' and ingest_seq > 4)" in delete
    assert insert.count("select") == 1
    assert "where _ingest_seq > 4 and _ingest_seq <= 6" in insert


def _names() -> list[str]:
    return [contract.name for contract in all_contracts()]


def test_columns_keep_their_shape():
    schema = pa.schema(
        [
            ("a", pa.list_(pa.struct([("n", pa.decimal128(38, 9))]))),
            ("t", pa.timestamp("us", "UTC")),
        ]
    )
    items, time = schema_of(schema)
    assert (items.field_type, items.mode) == ("RECORD", "REPEATED")
    assert [(field.name, field.field_type) for field in items.fields] == [("n", "NUMERIC")]
    assert time.field_type == "TIMESTAMP"
