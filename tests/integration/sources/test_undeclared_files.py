"""Files of a kind that no contract declares: kept encrypted, crawled, queried, adopted, landed."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ingestion.contracts import all_contracts, load_contract
from ingestion.drafts import drafts, tables
from ingestion.errors import AdxError, ExitCode
from ingestion.lake import Lake, raw_tables
from ingestion.settings import Settings
from ingestion.sources.adserver import land
from orchestration.cli import main as cli

pytestmark = pytest.mark.slow

TABLES = ("adserver.",)
ORDERS = b"""order_id,customer,amount,ordered_at
o-1,ann.secret,1.50,2026-03-28T10:00:00Z
o-2,bob.secret,20,2026-03-28T11:00:00+01:00
"""
MORE = b"""order_id,customer,amount,ordered_at,channel
o-3,ann.secret,7,2026-03-28T12:00:00Z,web
"""


@pytest.fixture
def drop(settings: Settings):
    folder = settings.drop / "adserver"
    folder.mkdir(parents=True)

    def put(name: str, content: bytes) -> None:
        hidden = folder / f"{name}.tmp"
        hidden.write_bytes(content)
        hidden.rename(folder / name)

    return put


@pytest.fixture
def adx(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    """`adx ... --json`: exit code and what was printed, or the error."""
    monkeypatch.setenv("ADX_HOME", str(settings.home))
    monkeypatch.setenv("ADX_DROP_QUIET_SECONDS", "0.05")

    def run(*arguments: str) -> tuple[int, Any]:
        result = CliRunner().invoke(cli.app, [*arguments, "--json"])
        return result.exit_code, json.loads(result.stdout) if result.stdout else result.exception

    return run


@pytest.fixture
def folder(contract_folders: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of contracts that more may come to."""
    made: Path = contract_folders.first("adserver.clicks")
    contract_folders.use(made)
    monkeypatch.setattr(raw_tables, "all_contracts", all_contracts)
    return made


def stored(settings: Settings) -> bytes:
    """Every byte below the home, and of the catalog's rows."""
    files = [path for path in settings.home.rglob("*") if path.is_file()]
    rows = json.dumps(Lake.open(settings).read_ops("catalog_drafts").to_pylist(), default=str)
    return b"".join(path.read_bytes() for path in files) + rows.encode()


def test_a_landing_registers_what_it_could_not_place_and_nothing_of_it_is_written_in_clear(
    settings, drop, adx
):
    drop("orders-2026-03-28.csv", ORDERS)
    drop("surprise.xml", b"<x/>")
    report = land(settings)
    assert {file.name: file.outcome for file in report.files} == {
        "orders-2026-03-28.csv": "failed",
        "surprise.xml": "failed",
    }
    assert report.exit_code == ExitCode.DATA

    code, listed = adx("catalog", "list")
    assert code == 0
    assert [(draft["source"], draft["kind"], draft["format"]) for draft in listed] == [
        ("adserver", "orders", "csv"),
        ("adserver", "surprise", "unknown"),
    ]
    assert {column["name"]: column["type"] for column in listed[0]["columns"]} == {
        "order_id": "text",
        "customer": "text",
        "amount": "dec",
        "ordered_at": "ts",
    }
    code, rows = adx(
        "query",
        "select customer, sum(amount) as amount, max(ordered_at) as last, min(_file) as file "
        "from draft_adserver.orders group by customer order by customer",
    )
    assert (code, rows) == (
        0,
        [
            {
                "customer": "ann.secret",
                "amount": "1.500000000",
                "last": "2026-03-28T10:00:00+00:00",
                "file": "orders-2026-03-28.csv",
            },
            {
                "customer": "bob.secret",
                "amount": "20.000000000",
                "last": "2026-03-28T10:00:00+00:00",
                "file": "orders-2026-03-28.csv",
            },
        ],
    )
    assert b"secret" not in stored(settings)


def test_a_kind_is_registered_again_only_when_its_form_changes(settings, drop, adx):
    drop("orders-1.csv", ORDERS)
    land(settings)
    drop("orders-2.csv", ORDERS.replace(b"o-1", b"o-9"))
    land(settings)
    (draft,) = drafts(Lake.open(settings))
    assert draft.number == 1
    drop("orders-3.csv.gz", gzip.compress(MORE))
    land(settings)
    (draft,) = drafts(Lake.open(settings))
    assert (draft.number, draft.files, draft.rows) == (2, 3, 5)
    assert draft.names == ("orders*.csv", "orders*.csv.gz")
    assert [column.name for column in draft.columns][-1] == "channel"
    code, crawled = adx("catalog", "crawl", "adserver")
    assert (code, [item["is_new"] for item in crawled]) == (0, [False])
    assert Lake.open(settings).read_ops("catalog_drafts").num_rows == 2
    assert adx("query", "select count(*) as n, count(channel) as c from draft_adserver.orders") == (
        0,
        [{"n": 5, "c": 1}],
    )


def test_an_adopted_kind_is_landed_and_so_are_the_files_that_waited(
    settings, drop, adx, raw, folder
):
    drop("orders-1.csv", ORDERS)
    land(settings)
    options = ("--key", "order_id", "--event-time", "ordered_at", "--clear", "order_id")
    code, node = adx("catalog", "adopt", "adserver.orders", *options, "--dry-run")
    assert (code, node["x-files"]) == (0, ["orders*.csv"])
    assert not (folder / "adserver" / "orders.v1.json").exists()

    code, adoption = adx("catalog", "adopt", "adserver.orders", *options)
    assert (code, adoption["contract"]) == (0, "adserver.orders")
    assert Path(adoption["path"]) == folder / "adserver" / "orders.v1.json"
    assert load_contract("adserver", "orders").event_time == "ordered_at"
    (command,) = adoption["retry"]
    code, landed = adx(*command.split()[1:])
    assert (code, [file["outcome"] for file in landed["files"]]) == (0, ["loaded"])

    rows = raw("adserver.orders")
    assert [(row["order_id"], str(row["amount"])) for row in rows] == [
        ("o-1", "1.500000000"),
        ("o-2", "20.000000000"),
    ]
    assert all(len(row["customer"]) == 64 for row in rows)
    drop("orders-2.csv", ORDERS.replace(b"o-1", b"o-9"))
    assert [file.outcome for file in land(settings).files] == ["loaded"]
    assert b"secret" not in stored(settings)
    assert adx("catalog", "list")[1][0]["adopted_as"] == "adserver.orders"


@pytest.mark.parametrize("name", ["orders-1.csv", "orders-1.csv.gz"])
def test_a_kind_that_memory_does_not_hold_is_not_queried(settings, drop, adx, monkeypatch, name):
    drop(name, gzip.compress(ORDERS) if name.endswith(".gz") else ORDERS)
    land(settings)
    monkeypatch.setattr(tables, "_MOST_BYTES", len(ORDERS) - 1)
    code, error = adx("query", "select * from draft_adserver.orders")
    assert code == 1
    assert isinstance(error, AdxError)
    assert error.exit_code == ExitCode.USAGE
    assert error.message.startswith("The files of adserver.orders hold more than ")
    monkeypatch.setattr(tables, "_MOST_BYTES", len(ORDERS) + 1)
    assert adx("query", "select count(*) as n from draft_adserver.orders") == (0, [{"n": 2}])


def test_erased_files_are_passed_over(settings, drop, adx):
    drop("orders-1.csv", ORDERS)
    land(settings)
    for key in settings.keys.glob("*-*-*.key"):
        key.unlink()
    assert adx("catalog", "crawl") == (0, [])
    assert adx("query", "select count(*) as n from draft_adserver.orders") == (0, [{"n": 0}])


def test_what_is_not_there_is_said(settings, adx):
    assert adx("catalog", "list") == (0, [])
    for arguments in (
        ("catalog", "adopt", "adserver.orders"),
        ("query", "select * from draft_adserver.orders"),
    ):
        code, error = adx(*arguments)
        assert code == 1
        assert isinstance(error, AdxError)
        assert error.message == "The catalog has no draft adserver.orders."
