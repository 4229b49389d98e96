"""The error archive: whole files, encrypted, with a reason, and a way back."""

import hashlib
import json
from pathlib import Path

import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.landing import KeyStore
from ingestion.sources import error_archive
from ingestion.sources.error_archive import ErrorArchive

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
    assert reason["retry"] == "python -m ingestion.sources.adserver --retry a1/clicks-1.csv"


def test_a_restored_file_is_the_same_and_leaves_the_archive(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(error_archive, "_PIECE_BYTES", 1000)
    folder = put(archive, tmp_path)
    drop = tmp_path / "drop"
    drop.mkdir()
    assert archive.restore("a1/clicks-1.csv", drop).read_bytes() == CONTENT
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


def test_archiving_twice_after_a_crash_gives_one_file(archive, tmp_path):
    put(archive, tmp_path)
    assert len(list(put(archive, tmp_path).iterdir())) == 2
