"""What was committed and is no longer so: data files changed, the catalog lost or damaged."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ingestion.contracts import Contract
from ingestion.errors import AdxError, ExitCode
from ingestion.lake import DataFile, Lake, StreamClaim, pointers
from ingestion.lake.__main__ import main
from ingestion.lake.recovery import recover_catalog
from ingestion.settings import Settings

Write = Callable[..., list[DataFile]]


@pytest.fixture
def landed(lake: Lake, events: Contract, write: Write) -> list[DataFile]:
    files = write(events, 30, seq=1)
    lake.commit_files(events, files, StreamClaim("t", "id", {0: 0}, {0: 30}), expected_seq=0)
    lake.append_ops("run_ledger", [{"run_id": "1", "kind": "build", "subject": "x"}])
    return files


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_an_untouched_lake_has_no_problems(
    lake: Lake, events: Contract, landed: list[DataFile]
) -> None:
    assert lake.check_files(events) == []
    assert lake.check_ops_files() == []


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (flip_a_byte, "another content"),
        (lambda path: path.write_bytes(path.read_bytes() + b"x"), "bytes, committed were"),
        (lambda path: path.unlink(), "cannot be read"),
    ],
)
def test_a_changed_data_file_is_named(
    lake: Lake,
    events: Contract,
    landed: list[DataFile],
    damage: Callable[[Path], None],
    problem: str,
) -> None:
    damage(Path(landed[1].path))
    found = lake.check_files(events)
    assert [item.path for item in found] == [landed[1].path]
    assert problem in found[0].problem
    assert landed[1].path in str(found[0])


def test_a_changed_ops_file_is_named(lake: Lake, landed: list[DataFile]) -> None:
    file = next((lake.folder / "tables" / "ops" / "run_ledger" / "data").glob("*.parquet"))
    flip_a_byte(file)
    assert [item.path for item in lake.check_ops_files()] == [str(file)]


def remove_catalog(lake: Lake) -> None:
    for file in lake.folder.glob("catalog.db*"):
        file.unlink()


def test_a_lost_catalog_is_not_replaced_by_an_empty_one(
    lake: Lake, settings: Settings, landed: list[DataFile]
) -> None:
    remove_catalog(lake)
    with pytest.raises(AdxError, match="lost its catalog") as caught:
        Lake.open(settings)
    assert "recover" in caught.value.remedy


def test_a_lost_catalog_is_rebuilt_from_the_pointers(
    lake: Lake,
    settings: Settings,
    events: Contract,
    landed: list[DataFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, pin = lake.head(events), lake.pin()
    remove_catalog(lake)
    monkeypatch.setenv("ADX_HOME", str(settings.home))
    monkeypatch.setattr("sys.argv", ["lake", "recover"])
    assert main() == 0
    recovered = Lake.open(settings)
    recovered.ensure_tables()
    assert recovered.head(events) == before
    assert recovered.pin() == pin
    assert recovered.check_files(events) == []


def test_a_catalog_that_is_there_is_not_recovered(
    lake: Lake,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ADX_HOME", str(settings.home))
    monkeypatch.setattr("sys.argv", ["lake", "recover"])
    assert main() == ExitCode.USAGE
    assert "has a catalog" in capsys.readouterr().err


def test_nothing_is_recovered_from_damaged_metadata(
    lake: Lake, settings: Settings, events: Contract, landed: list[DataFile]
) -> None:
    flip_a_byte(Path(lake.head(events).metadata_location))
    remove_catalog(lake)
    with pytest.raises(AdxError, match=r"metadata file .* is damaged"):
        recover_catalog(settings)


def test_an_empty_lake_has_nothing_to_recover(settings: Settings) -> None:
    with pytest.raises(AdxError, match="no pointers"):
        recover_catalog(settings)


def test_a_damaged_catalog_is_one_clear_sentence(lake: Lake, settings: Settings) -> None:
    remove_catalog(lake)
    (lake.folder / "catalog.db").write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(AdxError, match="is damaged: file is not a database") as caught:
        Lake.open(settings)
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
    assert "recover" in caught.value.remedy


def test_an_emptied_catalog_is_noticed(
    lake: Lake, settings: Settings, landed: list[DataFile]
) -> None:
    remove_catalog(lake)
    (lake.folder / "catalog.db").touch()
    with pytest.raises(AdxError, match="has forgotten raw_"):
        Lake.open(settings).ensure_tables()


@pytest.mark.parametrize("commits", [1, 5], ids=["the last commit", "more than it has pointers"])
def test_a_catalog_restored_from_an_old_copy_is_noticed(
    lake: Lake,
    settings: Settings,
    events: Contract,
    landed: list[DataFile],
    monkeypatch: pytest.MonkeyPatch,
    *,
    commits: int,
) -> None:
    monkeypatch.setattr(pointers, "KEPT", 2)
    path, copy = lake.folder / "catalog.db", lake.folder / "copy.db"
    with closing(sqlite3.connect(path)) as live, closing(sqlite3.connect(copy)) as backup:
        live.backup(backup)
    for offset in range(30, 30 + commits):
        claim = StreamClaim("t", "id", {0: offset}, {0: offset + 1})
        lake.commit_files(events, [], claim, expected_seq=1)
    remove_catalog(lake)
    copy.rename(path)
    with pytest.raises(AdxError, match=r"newest commits to raw_ad_events\.events"):
        Lake.open(settings).ensure_tables()
