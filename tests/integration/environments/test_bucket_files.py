"""Files from a bucket prefix, on a real S3 server: each landed once, none left behind."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ingestion.contracts import load_contract
from ingestion.errors import AdxError, ExitCode
from ingestion.lake import Lake
from ingestion.lake.duckdb import connect
from ingestion.lake.s3 import s3_client
from ingestion.lake.s3_environment import s3_endpoint, s3_region
from ingestion.settings import Settings
from ingestion.sources import adserver, drop_bucket, s3_objects
from ingestion.sources.file_states import dropped_files
from ingestion.sources.report import LandingReport
from orchestration.defs.sensors import file_sensor

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("environments")]

CLICKS = ",".join(field.name for field in load_contract("adserver", "clicks").fields)
CONVERSIONS = ",".join(field.name for field in load_contract("adserver", "conversions").fields)
PART = 5 * 1024 * 1024
"""The smallest part that S3 takes."""


def clicks(*numbers: int) -> bytes:
    lines = [f"c{number},2026-03-28T10:00:00Z,i1,u1,203.0.113.9,agent/1," for number in numbers]
    return "\n".join([CLICKS, *lines, ""]).encode()


class Bucket:
    """What a producer does with the bucket."""

    def __init__(self, name: str) -> None:
        self.client: Any = s3_client(s3_endpoint(), s3_region())
        self.name = name
        self.client.create_bucket(Bucket=name)

    def put(self, key: str, content: bytes = b"", **metadata: str) -> None:
        self.client.put_object(
            Bucket=self.name, Key=f"in/adserver/{key}", Body=content, Metadata=metadata
        )

    def put_in_parts(self, key: str, content: bytes) -> None:
        place = {"Bucket": self.name, "Key": f"in/adserver/{key}"}
        upload = place | {"UploadId": self.client.create_multipart_upload(**place)["UploadId"]}
        parts = []
        for number, start in enumerate(range(0, len(content), PART), 1):
            piece = content[start : start + PART]
            sent = self.client.upload_part(**upload, PartNumber=number, Body=piece)
            parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        self.client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})

    def keys(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.name).get("Contents", ())
        return sorted(item["Key"].removeprefix("in/") for item in found)


@pytest.fixture
def bucket(s3: Settings) -> Bucket:
    return Bucket(f"drop-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def settings(bucket: Bucket, tmp_path: Path, contract_folders: Any) -> Settings:
    """A lake in a folder, with the ad server's tables, and a prefix of the bucket."""
    tables = ("adserver.clicks", "adserver.conversions", "adserver.impressions")
    contract_folders.use(contract_folders.first(*tables))
    return Settings(home=tmp_path / "home", drop_url=f"s3://{bucket.name}/in", drop_quiet_seconds=0)


@pytest.fixture
def landed(settings: Settings) -> Callable[[], list[str]]:
    """The ids of the clicks in the lake."""

    def read() -> list[str]:
        lake, contract = Lake.open(settings), load_contract("adserver", "clicks")
        relation = lake.duckdb_relation_sql(contract, lake.head(contract).metadata_location)
        with connect(settings) as connection:
            rows = connection.execute(f"select click_id from ({relation})").fetchall()
        return sorted(click for (click,) in rows)

    return read


@pytest.fixture
def clean(settings: Settings) -> Iterator[None]:
    """Nothing is left in the landing area when a test is done."""
    yield
    assert [path.name for path in (settings.drop / "processing" / "adserver").iterdir()] == [
        ".copying-lock"
    ]


def outcomes(report: LandingReport) -> dict[str, str]:
    return {file.name: file.outcome for file in report.files}


def states(settings: Settings) -> list[tuple[str, str]]:
    return [(file.state, file.name) for file in dropped_files(settings, "adserver")]


@pytest.mark.usefixtures("clean")
def test_objects_are_landed_once_and_leave_the_bucket(settings, bucket, landed):
    digest = hashlib.sha256(clicks(2)).hexdigest()
    bucket.put("clicks-1.csv", clicks(1))
    bucket.put("clicks-2.csv", clicks(2), sha256=digest)
    bucket.put("clicks-2.csv.done")
    bucket.put("clicks-3.csv", clicks(1))  # the content of the first one
    bucket.put("clicks-4.csv.part", clicks(4)[:-5])
    bucket.put("folder/")
    assert states(settings) == [
        ("waiting", "clicks-1.csv"),
        ("waiting", "clicks-2.csv"),
        ("waiting", "clicks-3.csv"),
        ("waiting", "clicks-4.csv.part"),
    ]
    report = adserver.land(settings)
    assert report.exit_code == ExitCode.OK
    assert outcomes(report) == {
        "clicks-1.csv": "loaded",
        "clicks-2.csv": "loaded",
        "clicks-3.csv": "repeated",
        "clicks-4.csv.part": "waiting",
    }
    assert bucket.keys() == ["adserver/clicks-4.csv.part", "adserver/folder/"]
    assert landed() == ["c1", "c2"]
    bucket.put("clicks-9.csv", clicks(2))  # once more, under another name
    assert outcomes(adserver.land(settings))["clicks-9.csv"] == "repeated"
    assert landed() == ["c1", "c2"]
    registry = Lake.open(settings).read_ops("file_registry").to_pylist()
    assert sorted((row["status"], row["file_name"]) for row in registry) == [
        ("loaded", "clicks-1.csv"),
        ("loaded", "clicks-2.csv"),
        ("repeated", "clicks-3.csv"),
        ("repeated", "clicks-9.csv"),
    ]


@pytest.mark.usefixtures("clean")
def test_an_object_in_parts_is_checked_part_by_part(settings, bucket, landed):
    content = clicks(*range(120_000))
    assert len(content) > PART
    bucket.put_in_parts("clicks-1.csv", content)
    assert outcomes(adserver.land(settings)) == {"clicks-1.csv": "loaded"}
    assert len(landed()) == 120_000


def damaged(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let the copies of one object arrive with another byte."""
    real = s3_objects._fits

    def fits(etag: str, md5s: list[bytes]) -> bool:
        return real(etag, [b"\0" * 16 for _ in md5s]) if etag == name else real(etag, md5s)

    monkeypatch.setattr(s3_objects, "_fits", fits)


@pytest.mark.usefixtures("clean")
def test_an_object_that_cannot_be_copied_is_set_aside_and_comes_back(
    settings, bucket, landed, monkeypatch
):
    bucket.put("clicks-1.csv", clicks(1))
    bucket.put("clicks-2.csv", clicks(2))
    with pytest.MonkeyPatch.context() as patch:
        damaged(patch, hashlib.md5(clicks(1), usedforsecurity=False).hexdigest())
        report = adserver.land(settings)
    assert outcomes(report) == {"clicks-1.csv": "failed", "clicks-2.csv": "loaded"}
    assert report.exit_code == ExitCode.DATA
    assert "arrived damaged 3 times" in report.problems[0].message
    (failed,) = dropped_files(settings, "adserver")
    assert bucket.keys() == [f"error/adserver/{failed.attempt}/clicks-1.csv"]
    assert failed.step == "copy"
    assert landed() == ["c2"]
    assert adserver.retry(settings, f"{failed.attempt}/clicks-1.csv") == ["clicks-1.csv"]
    assert bucket.keys() == []
    assert outcomes(adserver.land(settings)) == {"clicks-1.csv": "loaded"}
    assert landed() == ["c1", "c2"]


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("folder", ["", "hour-05/"])
def test_an_object_that_can_neither_be_copied_nor_moved_holds_up_no_other(
    settings, bucket, landed, monkeypatch, folder
):
    def refused(*_: object) -> None:
        raise AdxError("It may not be written.", remedy="Grant it.", exit_code=ExitCode.UNAVAILABLE)

    bucket.put(f"{folder}clicks-1.csv", clicks(1))
    bucket.put(f"{folder}clicks-2.csv", clicks(2))
    bucket.put("hour-05.done")
    bucket.put("clicks-3.csv", clicks(3))
    monkeypatch.setattr(s3_objects.S3Objects, "move", refused)
    with pytest.MonkeyPatch.context() as patch:
        damaged(patch, hashlib.md5(clicks(1), usedforsecurity=False).hexdigest())
        report = adserver.land(settings)
    of_second = "failed" if folder else "loaded"
    expected = {"clicks-1.csv": "waiting", "clicks-2.csv": of_second, "clicks-3.csv": "loaded"}
    assert outcomes(report) == expected
    there = f"{folder}clicks-1.csv"
    assert f"{settings.drop_url}/adserver/{there} arrived damaged" in report.problems[0].message
    assert "It may not be written." in report.problems[0].message
    left = bucket.keys()
    assert [key for key in left if key.endswith(".csv")] == [f"adserver/{there}"]
    held = [file for file in dropped_files(settings, "adserver") if file.state == "taken"]
    assert [(file.name, file.step) for file in held] == [("clicks-1.csv", "copy")]
    if folder:
        with pytest.raises(AdxError, match="its landing has not ended"):
            adserver.retry(settings, held[0].attempt)

    bucket.put("clicks-4.csv", clicks(4))
    report = adserver.land(settings)
    assert outcomes(report) == {"clicks-1.csv": "waiting", "clicks-4.csv": "loaded"}, "not again"
    assert report.exit_code == ExitCode.UNAVAILABLE

    monkeypatch.undo()
    report = adserver.land(settings)
    assert outcomes(report) == {"clicks-1.csv": "failed"}
    (attempt,) = {f.attempt for f in dropped_files(settings, "adserver") if f.state == "failed"}
    assert bucket.keys()[-1] == f"error/adserver/{attempt}/clicks-1.csv"
    adserver.retry(settings, attempt)
    assert set(outcomes(adserver.land(settings)).values()) == {"loaded"}
    assert landed() == ["c1", "c2", "c3", "c4"]


@pytest.mark.usefixtures("clean")
def test_an_object_that_is_not_what_its_sender_meant_is_archived(settings, bucket, landed):
    bucket.put("clicks-1.csv", clicks(1), sha256=hashlib.sha256(b"another").hexdigest())
    report = adserver.land(settings)
    assert outcomes(report) == {"clicks-1.csv": "failed"}
    assert "not what its sender meant" in report.problems[0].message
    assert landed() == []
    assert bucket.keys() == []
    (failed,) = dropped_files(settings, "adserver")
    assert (failed.step, failed.bytes) == ("copy", len(clicks(1)))
    adserver.retry(settings, f"{failed.attempt}/clicks-1.csv")  # a person said that it is right
    assert outcomes(adserver.land(settings)) == {"clicks-1.csv": "loaded"}


@pytest.mark.usefixtures("clean")
def test_a_delivery_waits_for_its_marker_and_is_landed_as_a_whole(settings, bucket, landed):
    bucket.put("hour-05/clicks-1.csv", clicks(1))
    bucket.put("hour-05/conversions-1.csv", f"{CONVERSIONS}\n".encode())
    report = adserver.land(settings)
    assert outcomes(report) == {
        "hour-05/clicks-1.csv": "waiting",
        "hour-05/conversions-1.csv": "waiting",
    }
    assert "hour-05.done is missing" in report.files[0].message
    bucket.put("hour-05.done")
    assert outcomes(adserver.land(settings)) == {
        "clicks-1.csv": "loaded",
        "conversions-1.csv": "loaded",
    }
    assert bucket.keys() == []
    assert landed() == ["c1"]


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("cause", ["parse", "name", "copy", "stated"])
def test_one_bad_file_sends_its_whole_delivery_to_the_error_archive_and_nothing_is_loaded(
    settings, bucket, landed, cause
):
    bad = {"parse": ("clicks-2.csv", b"no header\n"), "name": ("surprise.xml", b"<x/>")}
    name, content = bad.get(cause, ("clicks-2.csv", clicks(2)))
    metadata = {"sha256": "0" * 64} if cause == "stated" else {}
    bucket.put("hour-05/clicks-1.csv", clicks(1))
    bucket.put(f"hour-05/{name}", content, **metadata)
    bucket.put("hour-05/clicks-3.csv", clicks(3))
    bucket.put("hour-05.done")
    bucket.put("clicks-4.csv", clicks(4))
    with pytest.MonkeyPatch.context() as patch:
        if cause == "copy":
            damaged(patch, hashlib.md5(content, usedforsecurity=False).hexdigest())
        report = adserver.land(settings)
    assert outcomes(report) == {
        "clicks-1.csv": "failed",
        name: "failed",
        "clicks-3.csv": "failed",
        "clicks-4.csv": "loaded",
    }
    assert len(report.problems) == 1
    assert landed() == ["c4"]
    failed = {file.name: file for file in dropped_files(settings, "adserver")}
    step = {"stated": "copy"}.get(cause, cause)
    assert {file.name: file.step for file in failed.values()} == {
        "clicks-1.csv": "delivery",
        name: step,
        "clicks-3.csv": "delivery",
    }
    assert f"{name} of the same delivery failed: " in failed["clicks-1.csv"].reason
    (attempt,) = {file.attempt for file in failed.values()}
    (command,) = {file.retry for file in failed.values()}
    assert command == f"adx files retry adserver/{attempt}"
    aside = [f"error/adserver/{attempt}/{name}"] if cause == "copy" else []
    assert bucket.keys() == aside

    assert adserver.retry(settings, attempt) == ["hour-05"]
    assert bucket.keys() == []
    again = adserver.land(settings)
    expected = "failed" if cause in {"parse", "name"} else "loaded"
    assert set(outcomes(again).values()) == {expected}
    assert landed() == (["c4"] if expected == "failed" else ["c1", "c2", "c3", "c4"])


@pytest.mark.usefixtures("clean")
def test_an_object_that_is_written_anew_while_it_is_landed_is_not_lost(settings, bucket, landed):
    bucket.put("clicks-1.csv", clicks(1))
    real = s3_objects.S3Objects.remove

    def overtaken(self: s3_objects.S3Objects, location: str, etag: str) -> None:
        bucket.put("clicks-1.csv", clicks(1, 2))
        real(self, location, etag)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3_objects.S3Objects, "remove", overtaken)
        assert outcomes(adserver.land(settings)) == {"clicks-1.csv": "loaded"}
    assert bucket.keys() == ["adserver/clicks-1.csv"]
    assert outcomes(adserver.land(settings)) == {"clicks-1.csv": "loaded"}
    assert landed() == ["c1", "c1", "c2"]
    assert bucket.keys() == []


def killed(settings: Settings, point: str) -> None:
    """A landing that dies at a point."""
    environment = {
        **os.environ,
        "ADX_HOME": str(settings.home),
        "ADX_DROP_URL": str(settings.drop_url),
        "ADX_DROP_COPIES": "1",
        "ADX_DROP_QUIET_SECONDS": "0",
        "ADX_FAILPOINT": point,
    }
    command = [sys.executable, "-m", "ingestion.sources.adserver"]
    died = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(
    "point",
    [
        "bucket.after_object:2",
        "bucket.before_take",
        "bucket.after_take",
        "dlt.before_commit",
        "dlt.after_commit",
        "bucket.before_remove",
        "bucket.after_remove:2",
    ],
)
def test_a_landing_that_is_killed_is_finished_by_the_next_one(settings, bucket, landed, point):
    for number in (1, 2, 3):
        bucket.put(f"clicks-{number}.csv", clicks(number))
    bucket.put("clicks-4.csv", b"no header\n")
    killed(settings, point)
    adserver.land(settings)
    assert landed() == ["c1", "c2", "c3"]
    assert bucket.keys() == []
    assert states(settings) == [("failed", "clicks-4.csv")]
    registry = Lake.open(settings).read_ops("file_registry").to_pylist()
    assert {row["file_name"]: row["status"] for row in registry} == {
        "clicks-1.csv": "loaded",
        "clicks-2.csv": "loaded",
        "clicks-3.csv": "loaded",
        "clicks-4.csv": "failed",
    }


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(
    "point", ["bucket.after_take", "bucket.before_remove", "bucket.after_remove:2"]
)
def test_a_bad_delivery_whose_landing_is_killed_is_still_archived_whole(
    settings, bucket, landed, point
):
    bucket.put("hour-05/clicks-1.csv", clicks(1))
    bucket.put("hour-05/clicks-2.csv", b"no header\n")
    bucket.put("hour-05/clicks-3.csv", clicks(3))
    bucket.put("hour-05.done")
    killed(settings, point)
    adserver.land(settings)
    assert landed() == []
    assert bucket.keys() == []
    found = dropped_files(settings, "adserver")
    assert [(file.state, file.name, file.step) for file in found] == [
        ("failed", "clicks-1.csv", "delivery"),
        ("failed", "clicks-2.csv", "parse"),
        ("failed", "clicks-3.csv", "delivery"),
    ]


def test_a_copy_that_the_disk_has_damaged_is_made_again(settings, bucket, landed):
    bucket.put("clicks-1.csv", clicks(1))
    queue = drop_bucket.DropQueue(settings.drop, "adserver", 0)
    with drop_bucket.drop_bucket(settings, "adserver").take(queue) as taken:
        (path,) = taken.attempts[0].files()  # not finished, as by a landing that died
    path.write_bytes(clicks(2))
    report = adserver.land(settings)
    assert [(file.outcome, file.message) for file in report.files] == [
        ("waiting", "its copy was damaged; the object is still there")
    ]
    assert outcomes(adserver.land(settings)) == {"clicks-1.csv": "loaded"}
    assert landed() == ["c1"]


def test_a_bucket_that_is_away_does_not_hold_up_the_drop_folder(settings, bucket, landed):
    bucket.put("clicks-1.csv", clicks(1))
    folder = settings.drop / "adserver"
    folder.mkdir(parents=True)
    (folder / "clicks-2.csv").write_bytes(clicks(2))
    away = settings.model_copy(update={"drop_url": "s3://no-such-bucket/in"})
    report = adserver.land(away)
    assert outcomes(report) == {"clicks-2.csv": "loaded"}
    assert report.exit_code == ExitCode.CONFIGURATION
    assert "no-such-bucket" in report.problems[0].message
    assert landed() == ["c2"]
    with pytest.raises(AdxError, match="no-such-bucket"):
        dropped_files(away, "adserver")


def test_what_does_not_fit_into_one_landing_comes_with_the_next(
    settings, bucket, landed, monkeypatch
):
    monkeypatch.setattr(drop_bucket, "_ROUND_BYTES", len(clicks(1)) + 10)
    bucket.put("clicks-1.csv", clicks(1))
    bucket.put("clicks-2.csv", clicks(2))
    assert outcomes(adserver.land(settings)) == {
        "clicks-1.csv": "loaded",
        "clicks-2.csv": "waiting",
    }
    assert outcomes(adserver.land(settings)) == {"clicks-2.csv": "loaded"}
    assert landed() == ["c1", "c2"]


def test_a_second_landing_on_this_machine_does_not_copy_the_same_objects(settings, bucket, landed):
    bucket.put("clicks-1.csv", clicks(1))
    queue = drop_bucket.DropQueue(settings.drop, "adserver", 0)
    mine, other = (drop_bucket.drop_bucket(settings, "adserver") for _ in range(2))
    with mine.take(queue) as taken:
        assert [path.name for attempt in taken.attempts for path in attempt.files()] == [
            "clicks-1.csv"
        ]
        with other.take(queue) as nothing:
            assert nothing.attempts == []
        assert [(file.state, file.name) for file in dropped_files(settings, "adserver")] == [
            ("taken", "clicks-1.csv")
        ]
    assert outcomes(adserver.land(settings)) == {"clicks-1.csv": "loaded"}


def test_the_sensor_sees_the_prefix(settings, bucket):
    sensor = file_sensor(settings, "adserver")

    def look() -> Any:
        with dg.DagsterInstance.ephemeral() as instance:
            return sensor.evaluate_tick(dg.build_sensor_context(instance=instance))

    assert "no files" in str(look().skip_message)
    bucket.put("hour-05/clicks-1.csv", clicks(1))
    assert "1 waiting" in str(look().skip_message)
    bucket.put("hour-05.done")
    (first,) = look().run_requests
    (same,) = look().run_requests
    assert same.run_key == first.run_key
    bucket.put("clicks-2.csv", clicks(2))
    (more,) = look().run_requests
    assert more.run_key != first.run_key
    assert json.loads(json.dumps(more.tags))["adx/files"] == "2"
