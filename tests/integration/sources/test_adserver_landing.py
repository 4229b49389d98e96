"""Landing the ad server's files: outcomes of files, the registry, the error archive, recovery."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ingestion.contracts import load_contract
from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import DiedError, failing
from ingestion.lake import Lake
from ingestion.settings import Settings
from ingestion.sources import lake_destination
from ingestion.sources import table_files as module
from ingestion.sources.adserver import land, retry
from orchestration.cli import main as cli

pytestmark = pytest.mark.slow

TABLES = ("adserver.",)
CLICKS = ",".join(field.name for field in load_contract("adserver", "clicks").fields)


def click(number: int, user: str = "u1") -> str:
    return f"c{number},2026-03-28T10:00:00Z,i{number},{user},203.0.113.9,agent/1,"


def clicks(*lines: str) -> bytes:
    return "\n".join([CLICKS, *lines, ""]).encode()


def impression(number: int, **more: object) -> bytes:
    record = {
        "event_id": f"01890a5d-ac96-774b-bcce-{number:012d}",
        "event_ts": "2026-03-28T10:00:00Z",
        "impression_id": f"i{number}",
        "line_item_id": "l1",
        "creative_id": "k1",
        "placement_id": "p1",
        "ip": "203.0.113.9",
        "user_agent": "agent/1",
        "device_type": "mobile",
        "ad_format": "display",
        "channel": "display",
        "consent": {"gdpr_applies": False, "personal": True},
    }
    return json.dumps(record | more).encode() + b"\n"


@pytest.fixture
def drop(settings: Settings):
    """Put a file into the drop folder as producers do: whole, by a rename."""
    folder = settings.drop / "adserver"
    folder.mkdir(parents=True)

    def put(name: str, content: bytes) -> Path:
        hidden = folder / f"{name}.tmp"
        hidden.write_bytes(content)
        return hidden.rename(folder / name)

    return put


def outcomes(report):
    return {file.name: file.outcome for file in report.files}


def registry(settings):
    rows = Lake.open(settings).read_ops("file_registry").to_pylist()
    return [(row["status"], row["file_name"], row["rows"], row["failed"]) for row in rows]


def test_files_of_all_kinds_are_landed_with_their_lines(settings, drop, raw):
    drop("clicks-1.csv", clicks(click(1), click(2)))
    drop("impressions-1.jsonl.gz", gzip.compress(impression(1) + b"{broken\n" + impression(2)))
    drop("impressions-2.jsonl", impression(3))
    report = land(settings)
    assert report.exit_code == ExitCode.OK
    assert set(outcomes(report).values()) == {"loaded"}
    by_table = {table.table: table for table in report.tables}
    assert (by_table["adserver.impressions"].read, by_table["adserver.impressions"].failed) == (
        4,
        1,
    )
    assert by_table["adserver.clicks"].loaded == 2
    rows = raw("adserver.impressions", order="_source_file, _source_line")
    assert [(row["_source_file"], row["_source_line"], row["impression_id"]) for row in rows] == [
        ("impressions-1.jsonl.gz", 1, "i1"),
        ("impressions-1.jsonl.gz", 2, None),
        ("impressions-1.jsonl.gz", 3, "i2"),
        ("impressions-2.jsonl", 1, "i3"),
    ]
    assert len({row["_ingest_seq"] for row in rows}) == 1
    assert list((settings.drop / "adserver").iterdir()) == []
    assert list((settings.drop / "processing" / "adserver").iterdir()) == []


def test_a_content_is_loaded_once_under_whatever_name(settings, drop, raw):
    drop("clicks-1.csv", clicks(click(1)))
    drop("clicks-2.csv", clicks(click(1)))
    first = land(settings)
    drop("clicks-1.csv", clicks(click(1)))
    second = land(settings)
    assert outcomes(first) == {"clicks-1.csv": "loaded", "clicks-2.csv": "repeated"}
    assert outcomes(second) == {"clicks-1.csv": "repeated"}
    assert len(raw("adserver.clicks")) == 1
    assert sorted(registry(settings)) == [
        ("loaded", "clicks-1.csv", 1, 0),
        ("repeated", "clicks-1.csv", None, None),
        ("repeated", "clicks-2.csv", None, None),
    ]


def test_a_known_name_with_new_content_supersedes_and_both_stay_in_raw(settings, drop, raw):
    drop("clicks-1.csv", clicks(click(1)))
    land(settings)
    drop("clicks-1.csv", clicks(click(1), click(2)))
    assert outcomes(land(settings)) == {"clicks-1.csv": "loaded"}
    assert [row["click_id"] for row in raw("adserver.clicks")] == ["c1", "c1", "c2"]
    rows = Lake.open(settings).read_ops("file_registry").sort_by("ingest_seq").to_pylist()
    assert rows[0]["supersedes"] is None
    assert rows[1]["supersedes"] == rows[0]["sha256"]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (("impressions-9.jsonl.gz", gzip.compress(impression(1) * 5)[:-20]), "ends too soon"),
        (("impressions-9.jsonl.gz", b"no gzip at all"), "damaged"),
        (("clicks-9.csv", clicks(click(1)).replace(b"click_id,", b"id,", 1)), "header"),
        (("surprise.xml", b"<x/>"), "No table takes"),
    ],
)
def test_a_file_that_cannot_be_finished_is_archived_whole_and_the_others_land(
    settings, drop, raw, file, message
):
    name, content = file
    drop(name, content)
    drop("clicks-1.csv", clicks(click(1)))
    report = land(settings)
    assert outcomes(report) == {name: "failed", "clicks-1.csv": "loaded"}
    assert report.exit_code == ExitCode.DATA
    assert message in report.problems[0].message
    assert len(raw("adserver.clicks")) == 1
    assert raw("adserver.impressions") == []
    (attempt,) = (settings.drop / "error" / "adserver").iterdir()
    assert {path.name for path in attempt.iterdir()} == {f"{name}.enc", f"{name}.reason.json"}
    (again,) = retry(settings, f"{attempt.name}/{name}")
    assert (settings.drop / "adserver" / again).read_bytes() == content


def test_a_failed_file_is_in_the_registry_with_its_reason(settings, drop):
    drop("impressions-9.jsonl.gz", b"")
    land(settings)
    (row,) = Lake.open(settings).read_ops("file_registry").to_pylist()
    assert (row["status"], row["file_name"]) == ("failed", "impressions-9.jsonl.gz")
    assert "empty" in row["reason"]


def test_a_half_written_file_waits_and_is_landed_when_it_is_whole(settings, drop, raw):
    path = settings.drop / "adserver" / "clicks-1.csv"
    with path.open("wb") as file:
        file.write(clicks(click(1))[:-20])
        file.flush()
        report = land(settings)
        assert outcomes(report) == {"clicks-1.csv": "waiting"}
        assert report.exit_code == ExitCode.OK
        file.write(clicks(click(1))[-20:])
    assert outcomes(land(settings)) == {"clicks-1.csv": "loaded"}
    assert len(raw("adserver.clicks")) == 1


def test_a_file_of_no_table_that_still_waits_belongs_to_none(settings, drop):
    with drop("orders-1.csv", b"order_id\n").open("ab"):
        (found,) = land(settings).files
    assert (found.name, found.table, found.outcome) == ("orders-1.csv", "", "waiting")


def test_a_file_that_changes_while_it_is_read_waits(settings, drop, raw, monkeypatch):
    drop("clicks-1.csv", clicks(click(1)))
    real = module._READERS["csv"]

    def meddling(context, path, name):
        yield from real(context, path, name)
        with path.open("ab") as file:
            file.write(click(2).encode() + b"\n")

    monkeypatch.setitem(module._READERS, "csv", meddling)
    assert outcomes(land(settings)) == {"clicks-1.csv": "waiting"}
    monkeypatch.undo()
    assert outcomes(land(settings)) == {"clicks-1.csv": "loaded"}
    assert [row["click_id"] for row in raw("adserver.clicks")] == ["c1", "c2"]


def test_an_empty_delivery_is_loaded_once(settings, drop, raw):
    drop("clicks-1.csv", clicks())
    assert outcomes(land(settings)) == {"clicks-1.csv": "loaded"}
    drop("clicks-2.csv", clicks())
    assert outcomes(land(settings)) == {"clicks-2.csv": "repeated"}
    assert raw("adserver.clicks") == []


def test_loaded_files_are_deleted_unless_a_setting_keeps_them(settings, drop):
    drop("clicks-1.csv", clicks(click(1)))
    land(settings)
    assert not any(settings.drop.rglob("clicks-1.csv"))
    drop("clicks-2.csv", clicks(click(2)))
    land(settings.model_copy(update={"keep_loaded_files": True}))
    (kept,) = settings.drop.rglob("clicks-2.csv")
    assert kept.is_relative_to(settings.drop / "archive" / "adserver")


def test_packages_are_bounded_and_two_versions_of_a_name_come_in_order(
    settings, drop, raw, monkeypatch
):
    monkeypatch.setattr("ingestion.sources.table_files._PACKAGE_ROWS", 2)
    for number in range(4):
        drop(f"clicks-{number}.csv", clicks(click(number)))
    report = land(settings)
    assert {table.table: table.commits for table in report.tables}["adserver.clicks"] == 2
    assert {row["_ingest_seq"] for row in raw("adserver.clicks")} == {1, 2}


def test_a_landing_that_another_one_overtakes_lands_only_what_is_left(
    settings, drop, raw, monkeypatch
):
    """The other one has another dlt folder, so that no lock keeps them apart."""
    drop("clicks-1.csv", clicks(click(1)))
    drop("clicks-2.csv", clicks(click(2)))
    real = module.TableFiles._load
    other = settings.model_copy(update={"home": settings.home})
    other.__dict__["dlt"] = settings.home / "dlt-of-another-host"
    other.__dict__["drop"] = settings.home / "drop-of-another-host"
    (other.drop / "adserver").mkdir(parents=True)
    (other.drop / "adserver" / "clicks-1.csv").write_bytes(clicks(click(1)))

    def overtaken(self, package):
        monkeypatch.undo()
        assert outcomes(land(other)) == {"clicks-1.csv": "loaded"}
        real(self, package)

    monkeypatch.setattr(module.TableFiles, "_load", overtaken)
    report = land(settings)
    assert outcomes(report) == {"clicks-1.csv": "repeated", "clicks-2.csv": "loaded"}
    assert sorted(row["click_id"] for row in raw("adserver.clicks")) == ["c1", "c2"]


def test_what_is_read_is_loaded_or_failed_and_the_ledger_says_so(settings, drop):
    drop("clicks-1.csv", clicks(click(1), "too,few", click(2)))
    (table,) = [table for table in land(settings).tables if table.read]
    assert (table.read, table.loaded, table.failed) == (3, 2, 1)
    (row,) = Lake.open(settings).read_ops("run_ledger").to_pylist()
    assert (row["subject"], row["read"], row["loaded"], row["failed"]) == (
        "adserver.clicks",
        3,
        2,
        1,
    )
    assert json.loads(row["details"])["files"] == {"loaded": 1}


def test_a_folder_without_rights_is_one_sentence_and_nothing_is_lost(settings, drop, monkeypatch):
    drop("clicks-1.csv", clicks(click(1)))

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(settings.drop / "adserver"))

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(AdxError, match=r"No right to use .*adserver"):
        land(settings)
    monkeypatch.undo()
    assert outcomes(land(settings)) == {"clicks-1.csv": "loaded"}


def test_a_full_disk_is_one_sentence_and_nothing_is_lost(settings, drop, raw, monkeypatch):
    drop("clicks-1.csv", clicks(click(1)))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lake_destination.pq, "write_table", full)
    with pytest.raises(AdxError, match="is full"):
        land(settings)
    monkeypatch.undo()
    assert outcomes(land(settings)) == {"clicks-1.csv": "loaded"}
    assert len(raw("adserver.clicks")) == 1


def test_dlt_leaves_nothing_in_the_home_folder(settings, drop, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    drop("clicks-1.csv", clicks(click(1)))
    land(settings)
    assert not (tmp_path / "user").exists()


def test_failed_and_good_rows_are_in_one_commit(settings, drop):
    drop("clicks-1.csv", clicks(click(1), "x"))
    land(settings)
    contract = load_contract("adserver", "clicks")
    assert Lake.open(settings).head(contract).ingest_seq == 1


def deliver(settings: Settings, name: str, files: dict[str, bytes]) -> None:
    """Put a delivery into the drop folder: its files, then the marker."""
    folder = settings.drop / "adserver" / name
    folder.mkdir()
    for file, content in files.items():
        (folder / file).write_bytes(content)
    folder.with_name(f"{name}.done").write_bytes(b"")


def test_a_delivery_is_landed_as_a_whole(settings, drop, raw):
    deliver(
        settings,
        "hour-05",
        {"clicks-1.csv": clicks(click(1)), "impressions-1.jsonl": impression(1)},
    )
    drop("clicks-2.csv", clicks(click(2)))
    assert set(outcomes(land(settings)).values()) == {"loaded"}
    assert sorted(row["click_id"] for row in raw("adserver.clicks")) == ["c1", "c2"]
    assert len(raw("adserver.impressions")) == 1
    assert list((settings.drop / "adserver").iterdir()) == []
    assert list((settings.drop / "processing" / "adserver").iterdir()) == []


def test_a_delivery_with_a_bad_file_is_archived_whole_and_none_of_it_is_loaded(settings, drop, raw):
    drop("clicks-0.csv", clicks(click(1)))
    land(settings)
    files = {
        "clicks-1.csv": clicks(click(1)),  # loaded already
        "clicks-2.csv": clicks(click(2)),
        "impressions-1.jsonl.gz": gzip.compress(impression(1))[:-9],
    }
    deliver(settings, "hour-05", files)
    drop("clicks-3.csv", clicks(click(3)))
    report = land(settings)
    assert outcomes(report) == {**dict.fromkeys(files, "failed"), "clicks-3.csv": "loaded"}
    assert [problem.exit_code for problem in report.problems] == [ExitCode.DATA]
    assert raw("adserver.impressions") == []
    assert sorted(row["click_id"] for row in raw("adserver.clicks")) == ["c1", "c3"]
    assert sorted(status for status, *_ in registry(settings)) == ["failed"] * 3 + ["loaded"] * 2

    (attempt,) = (settings.drop / "error" / "adserver").iterdir()
    (place,) = {file["retry"] for file in adx(settings, "list")[1]}
    assert place == f"adx files retry adserver/{attempt.name}"
    code, again = adx(settings, *place.split()[2:])  # nothing was mended: it fails as a whole again
    assert (code, again["put_back"]) == (ExitCode.DATA, ["hour-05"])
    (attempt,) = (settings.drop / "error" / "adserver").iterdir()
    for name in files:
        adx(settings, "retry", f"adserver/{attempt.name}/{name}")  # each by itself
    assert sorted(row["click_id"] for row in raw("adserver.clicks")) == ["c1", "c2", "c3"]
    assert [file["name"] for file in adx(settings, "list")[1]] == ["impressions-1.jsonl.gz"]


def test_a_delivery_is_retried_only_when_all_of_it_is_archived(settings, drop, raw):
    drop("clicks-0.csv", clicks(click(0)))
    files = {f"clicks-{number}.csv": clicks(click(number)) for number in (1, 2)}
    deliver(settings, "hour-05", {**files, "clicks-3.csv": b"no header\n"})
    with failing("drop.after_archive", "die"), pytest.raises(DiedError):
        land(settings)
    (attempt,) = (settings.drop / "error" / "adserver").iterdir()
    code, error = adx(settings, "retry", f"adserver/{attempt.name}")
    assert code == 1
    assert isinstance(error, AdxError)
    assert error.exit_code is ExitCode.BUSY
    assert "hour-05 is not in the error archive as a whole" in error.message
    assert raw("adserver.clicks") == []
    land(settings)
    (attempt / "clicks-3.csv.reason.json").unlink()  # the bad file is given up
    assert adx(settings, "retry", f"adserver/{attempt.name}")[0] == 0
    assert sorted(row["click_id"] for row in raw("adserver.clicks")) == ["c0", "c1", "c2"]


def adx(settings: Settings, *arguments: str) -> tuple[int, Any]:
    """`adx files ... --json`, and what it printed."""
    environment = {"ADX_HOME": str(settings.home), "ADX_DROP_QUIET_SECONDS": "0.05"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        result = CliRunner().invoke(cli.app, ["files", *arguments, "--json"])
    return result.exit_code, json.loads(result.stdout) if result.stdout else result.exception


def test_failed_files_are_listed_and_a_whole_attempt_comes_back_by_what_the_list_says(
    settings, drop, raw, monkeypatch
):
    def away(*_: object) -> None:
        raise AdxError("The header is unknown.", remedy="Mend it.", exit_code=ExitCode.DATA)

    monkeypatch.setitem(module._READERS, "csv", away)
    for number in (1, 2, 3):
        drop(f"clicks-{number}.csv", clicks(click(number)))
    land(settings)
    drop("impressions-1.jsonl", impression(1))
    code, listed = adx(settings, "list")
    assert code == 0
    assert [(file["state"], file["name"]) for file in listed] == [
        ("waiting", "impressions-1.jsonl"),
        *(("failed", f"clicks-{number}.csv") for number in (1, 2, 3)),
    ]
    assert adx(settings, "list", "--state", "failed")[1] == listed[1:]
    assert adx(settings, "list", "exchange") == (0, [])

    *_, place = listed[1]["retry"].split()
    code, again = adx(settings, "retry", place)
    assert code == ExitCode.DATA  # the cause is still there: archived again, in a new attempt
    assert again["put_back"] == ["clicks-1.csv"]
    monkeypatch.undo()
    (last,) = [file for file in adx(settings, "list")[1] if file["name"] == "clicks-1.csv"]
    assert last["attempt"] != listed[1]["attempt"]

    for attempt in (last["attempt"], listed[2]["attempt"]):
        code, back = adx(settings, "retry", f"adserver/{attempt}")
        assert code == 0
    assert back["put_back"] == ["clicks-2.csv", "clicks-3.csv"]
    assert sorted(row["click_id"] for row in raw("adserver.clicks")) == ["c1", "c2", "c3"]
    assert len(raw("adserver.impressions")) == 1
    assert adx(settings, "list") == (0, [])
    assert not list((settings.drop / "error" / "adserver").iterdir())


@pytest.mark.parametrize(
    ("place", "message"),
    [("adserver/nothing", "has no file nothing"), ("fx/a1", "does not begin with a source")],
)
def test_what_is_not_in_the_archive_cannot_be_retried(settings, place, message):
    code, error = adx(settings, "retry", place)
    assert code == 1
    assert isinstance(error, AdxError)
    assert error.exit_code == ExitCode.USAGE
    assert message in error.message
