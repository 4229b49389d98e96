"""The error archive: whole files, encrypted, with a reason, and a way back."""

import hashlib
import json
from pathlib import Path

import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import DiedError, failing
from ingestion.landing import KeyStore
from ingestion.sources import error_archive, s3_objects
from ingestion.sources.error_archive import ErrorArchive
from ingestion.sources.s3_objects import DamagedCopyError

CONTENT = b"user_id,ip\nu1,203.0.113.9\n" * 1000


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys")


@pytest.fixture
def archive(tmp_path: Path, keys: KeyStore) -> ErrorArchive:
    return ErrorArchive(tmp_path / "error", "adserver", keys)


def put(archive: ErrorArchive, tmp_path: Path) -> Path:

    path = tmp_path / "clicks-1.csv"
    path.write_bytes(CONTENT)
    error = AdxError("The header is wrong.", remedy="Send it again.", exit_code=ExitCode.DATA)
    digest = hashlib.sha256(CONTENT).hexdigest()
    archive.put(path, "a1", table="adserver.clicks", sha256=digest, step="parse", error=error)
    path.unlink()
    return tmp_path / "error" / "a1"


def test_an_archived_file_shows_nothing_and_says_what_happened(archive, tmp_path):
    folder = put(archive, tmp_path)
    assert b"203.0.113.9" not in (folder / "clicks-1.csv.enc").read_bytes()
    reason = json.loads((folder / "clicks-1.csv.reason.json").read_text())
    assert {name: reason[name] for name in ("name", "table", "bytes", "step", "message")} == {
        "name": "clicks-1.csv",
        "table": "adserver.clicks",
        "bytes": len(CONTENT),
        "step": "parse",
        "message": "The header is wrong.",
    }
    assert reason["retry"] == "adx files retry adserver/a1/clicks-1.csv"


def test_a_reason_says_where_it_failed_and_quotes_no_other_error(archive, tmp_path):
    def parse() -> None:
        try:
            float("203.0.113.9")
        except ValueError as error:
            raise AdxError("A row is damaged.", remedy="Send it again.") from error

    path = tmp_path / "clicks-1.csv"
    path.write_bytes(CONTENT)
    with pytest.raises(AdxError) as caught:
        parse()
    archive.put(path, "a1", table="", sha256="0", step="parse", error=caught.value)
    where = (tmp_path / "error" / "a1" / "clicks-1.csv.reason.json").read_text()
    assert "ValueError" in where
    assert "in parse" in where
    assert "203.0.113.9" not in where


def test_archived_files_are_found_by_their_place_and_by_their_attempt(archive, tmp_path):
    put(archive, tmp_path)
    (second := tmp_path / "clicks-2.csv").write_bytes(CONTENT)
    error = AdxError("It is cut off.", remedy="Send it again.", exit_code=ExitCode.DATA)
    for attempt in ("a1", "a2"):
        archive.put(second, attempt, table="", sha256="0", step="parse", error=error)

    def places(found) -> list[str]:
        return [file.place for file in found]

    assert places(archive.files()) == ["a1/clicks-1.csv", "a1/clicks-2.csv", "a2/clicks-2.csv"]
    assert places(archive.find("a1")) == ["a1/clicks-1.csv", "a1/clicks-2.csv"]
    assert places(archive.find("a2/clicks-2.csv")) == ["a2/clicks-2.csv"]
    for nothing in ("a3", "a2/clicks-1.csv", "", "../error/a1"):
        with pytest.raises(AdxError, match="has no file"):
            archive.find(nothing)


def test_a_restored_file_is_the_same_and_leaves_the_archive(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(error_archive, "_PIECE_BYTES", 1000)
    folder = put(archive, tmp_path)
    drop = tmp_path / "drop"
    drop.mkdir()
    (path,) = archive.restore("a1/clicks-1.csv", drop)
    assert path.read_bytes() == CONTENT
    assert not folder.exists()


def test_a_file_that_was_archived_before_reasons_told_of_objects_is_restored(archive, tmp_path):
    folder = put(archive, tmp_path)
    note = folder / "clicks-1.csv.reason.json"
    reason = json.loads(note.read_text())
    del reason["object"]
    note.write_text(json.dumps(reason))
    (path,) = archive.restore("a1/clicks-1.csv", tmp_path)
    assert path.read_bytes() == CONTENT
    assert not folder.exists()


def test_a_changed_archive_is_not_restored(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(error_archive, "_PIECE_BYTES", 1000)
    sealed = put(archive, tmp_path) / "clicks-1.csv.enc"
    lines = sealed.read_text().splitlines(keepends=True)
    sealed.write_text("".join(lines[:-1]))
    drop = tmp_path / "drop"
    drop.mkdir()
    with pytest.raises(AdxError, match="is not what was archived"):
        archive.restore("a1/clicks-1.csv", drop)
    assert list(drop.iterdir()) == []


def test_a_file_whose_key_was_dropped_is_erased(archive, tmp_path, keys):
    put(archive, tmp_path)
    for key in (tmp_path / "keys").glob("*-*-*.key"):
        key.unlink()
    with pytest.raises(AdxError, match="was dropped"):
        ErrorArchive(tmp_path / "error", "adserver", KeyStore(tmp_path / "keys")).restore(
            "a1/clicks-1.csv", tmp_path
        )


@pytest.mark.parametrize("place", ["a1/other.csv", "../secret", "a1/../../secret"])
def test_only_what_lies_in_the_archive_can_be_restored(archive, tmp_path, place):
    put(archive, tmp_path)
    (tmp_path / "secret.reason.json").write_text("{}")
    with pytest.raises(AdxError, match="has no file"):
        archive.restore(place, tmp_path)


def test_a_file_that_waits_under_the_name_is_not_overwritten(archive, tmp_path):
    put(archive, tmp_path)
    (tmp_path / "clicks-1.csv").write_text("another")
    with pytest.raises(AdxError, match="waiting"):
        archive.restore("a1/clicks-1.csv", tmp_path)


def test_a_file_that_the_source_drops_meanwhile_is_not_overwritten(archive, tmp_path, monkeypatch):
    put(archive, tmp_path)
    opened = error_archive._opened

    def and_the_source(*arguments):
        yield from opened(*arguments)
        (tmp_path / "clicks-1.csv").write_text("another")

    monkeypatch.setattr(error_archive, "_opened", and_the_source)
    with pytest.raises(AdxError, match="waiting") as caught:
        archive.restore("a1/clicks-1.csv", tmp_path)
    assert caught.value.exit_code == ExitCode.BUSY
    assert (tmp_path / "clicks-1.csv").read_text() == "another"
    assert [file.place for file in archive.files()] == ["a1/clicks-1.csv"]
    assert not list(tmp_path.glob(".*.retry"))


def test_an_object_that_its_sender_did_not_mean_stays_out_of_the_drop_folder(tmp_path, monkeypatch):
    class Objects:
        def at(self, location: str) -> str:
            return location

        def copy(self, _found: str, target: Path) -> None:
            target.write_bytes(CONTENT)
            raise DamagedCopyError("It is another.", remedy="Send it again.", sha256="0" * 64)

    monkeypatch.setattr(s3_objects, "S3Objects", Objects)
    with pytest.raises(DamagedCopyError):
        error_archive._fetch("s3://drop/clicks-1.csv", tmp_path / "clicks-1.csv")
    assert list(tmp_path.iterdir()) == []


def test_archiving_twice_after_a_crash_gives_one_file(archive, tmp_path):
    put(archive, tmp_path)
    assert len(list(put(archive, tmp_path).iterdir())) == 2


def put_delivery(archive: ErrorArchive, tmp_path: Path) -> str:
    attempt = "20260328T100000.000000Z-0123abcd~hour-05"
    for name, step in (("clicks-1.csv", "delivery"), ("clicks-2.csv", "parse")):
        path = tmp_path / name
        path.write_bytes(CONTENT + name.encode())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        error = AdxError("The header is wrong.", remedy="Send it again.", exit_code=ExitCode.DATA)
        reason = archive.put(path, attempt, table="", sha256=digest, step=step, error=error)
        assert reason.retry == f"adx files retry adserver/{attempt}"
        path.unlink()
    return attempt


def test_a_delivery_comes_back_as_one(archive, tmp_path):
    attempt = put_delivery(archive, tmp_path)
    drop = tmp_path / "drop"
    drop.mkdir()
    assert archive.restore(attempt, drop) == [drop / "hour-05"]
    names = ["clicks-1.csv", "clicks-2.csv"]
    assert sorted(path.name for path in drop.iterdir()) == ["hour-05", "hour-05.done"]
    for name in names:
        assert (drop / "hour-05" / name).read_bytes() == CONTENT + name.encode()
    assert list((tmp_path / "error").iterdir()) == []


def test_a_delivery_that_cannot_come_back_whole_stays_in_the_archive(archive, tmp_path):
    attempt = put_delivery(archive, tmp_path)
    sealed = tmp_path / "error" / attempt / "clicks-2.csv.enc"
    content = sealed.read_text()
    sealed.write_text("")
    drop = tmp_path / "drop"
    drop.mkdir()
    with pytest.raises(AdxError, match="is not what was archived"):
        archive.restore(attempt, drop)
    assert list(drop.iterdir()) == []
    assert len(list(archive.find(attempt))) == 2
    sealed.write_text(content)
    assert archive.restore(f"{attempt}/clicks-1.csv", drop) == [drop / "clicks-1.csv"]
    assert archive.restore(attempt, drop) == [drop / "hour-05"]
    assert [path.name for path in (drop / "hour-05").iterdir()] == ["clicks-2.csv"]


@pytest.mark.parametrize(
    ("point", "is_done"),
    [
        ("disk.write", False),
        ("disk.rename", False),
        ("retry.after_bring", False),
        ("retry.in_forget", True),
    ],
)
def test_a_restore_that_died_is_ended_by_asking_again(archive, tmp_path, point, is_done):
    put(archive, tmp_path)
    drop = tmp_path / "drop"
    drop.mkdir()
    with failing(point, "die"), pytest.raises(DiedError):
        archive.restore("a1/clicks-1.csv", drop)
    if is_done:
        with pytest.raises(AdxError, match="has no file"):
            archive.restore("a1/clicks-1.csv", drop)
    else:
        archive.restore("a1/clicks-1.csv", drop)
    assert [(path.name, path.read_bytes()) for path in drop.iterdir()] == [
        ("clicks-1.csv", CONTENT)
    ]
    assert list((tmp_path / "error").iterdir()) == []


@pytest.mark.parametrize(
    ("point", "is_done"),
    [
        ("disk.rename", False),
        ("retry.before_marker", False),
        ("retry.before_forget", False),
        ("retry.in_forget", True),
    ],
)
def test_a_delivery_whose_restore_died_comes_back_once(archive, tmp_path, point, is_done):
    attempt = put_delivery(archive, tmp_path)
    drop = tmp_path / "drop"
    drop.mkdir()
    with failing(point, "die"), pytest.raises(DiedError):
        archive.restore(attempt, drop)
    if is_done:
        with pytest.raises(AdxError, match="has no file"):
            archive.restore(attempt, drop)
    else:
        assert archive.restore(attempt, drop) == [drop / "hour-05"]
    assert sorted(path.name for path in drop.iterdir()) == ["hour-05", "hour-05.done"]
    assert sorted(path.name for path in (drop / "hour-05").iterdir()) == [
        "clicks-1.csv",
        "clicks-2.csv",
    ]
    assert list((tmp_path / "error").iterdir()) == []


def test_a_file_that_nobody_can_read_outlives_a_restore_that_fails(archive, tmp_path):
    attempt = put_delivery(archive, tmp_path)
    (tmp_path / "secret.csv").write_bytes(b"nobody reads this")
    error = AdxError("It cannot be read.", remedy="Send it again.", exit_code=ExitCode.DATA)
    archive.put(tmp_path / "secret.csv", attempt, table="", sha256="", step="read", error=error)
    archived = tmp_path / "error" / attempt
    (archived / "zz.csv.enc").write_text("")
    reason = json.loads((archived / "clicks-1.csv.reason.json").read_text()) | {"name": "zz.csv"}
    (archived / "zz.csv.reason.json").write_text(json.dumps(reason))
    drop = tmp_path / "drop"
    drop.mkdir()
    with pytest.raises(AdxError, match="is not what was archived"):
        archive.restore(attempt, drop)
    assert list(drop.iterdir()) == []
    assert (archived / "secret.csv").read_bytes() == b"nobody reads this"
