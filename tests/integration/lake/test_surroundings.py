"""Wrong surroundings: each one clear sentence with a remedy, and nothing lost."""

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ingestion.contracts import Contract, raw_schema
from ingestion.errors import AdxError, ExitCode
from ingestion.lake import BatchClaim, Lake, catalog, durable, raw_tables
from ingestion.settings import Settings

MakeRows = Callable[..., pa.Table]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.touch()
    with pytest.raises(AdxError, match="is not a folder") as caught:
        Lake.open(Settings(home=blocker / "home"))
    assert caught.value.exit_code == ExitCode.UNAVAILABLE


def test_a_folder_without_rights(tmp_path: Path) -> None:
    folder = tmp_path / "of somebody else"
    folder.mkdir(mode=0o500)

    def open_it() -> None:
        if os.geteuid() == 0:
            os.setuid(65534)  # root may do everything
        with pytest.raises(AdxError, match="No right to use") as caught:
            Lake.open(Settings(home=folder / "home"))
        assert (caught.value.exit_code, "ADX_HOME" in caught.value.remedy) == (
            ExitCode.UNAVAILABLE,
            True,
        )

    process = get_context("fork").Process(target=open_it)
    process.start()
    process.join(60)
    assert process.exitcode == 0


@pytest.mark.parametrize("suffix", [".parquet", ".avro", ".metadata.json"])
def test_a_full_disk_loses_nothing(
    lake: Lake, rates: Contract, make_rows: MakeRows, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    rows, package = make_rows(rates, 10), BatchClaim("fx", "load 1")
    real = os.open

    def full(path: Any, *arguments: Any, **named: Any) -> int:
        if f"{suffix}." in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return real(path, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(durable.os, "open", full)
        with pytest.raises(AdxError, match="is full; nothing was committed") as caught:
            lake.commit_rows(rates, rows, package)
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
    assert lake.head(rates).snapshot_id is None
    assert not list(lake.folder.rglob("*.tmp"))
    assert lake.commit_rows(rates, rows, package).status == "committed"


def test_a_disk_that_fills_up_while_writing_leaves_no_part_of_a_file(
    lake: Lake, rates: Contract, make_rows: MakeRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(durable.os, "fsync", full)
        with pytest.raises(AdxError, match="is full"):
            lake.commit_rows(rates, make_rows(rates, 10), BatchClaim("fx", "load 1"))
    assert not list(Path(lake.location(rates)).rglob("*.parquet*"))


def test_a_catalog_that_another_process_keeps_locked(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch, rates: Contract
) -> None:
    monkeypatch.setattr(catalog, "_LOCK_SECONDS", 0)
    impatient = Lake.open(settings)
    with closing(sqlite3.connect(lake.folder / "catalog.db", isolation_level=None)) as holder:
        holder.execute("begin immediate")
        with pytest.raises(AdxError, match="locked by another process") as caught:
            impatient.commit_rows(
                rates, raw_schema(rates).empty_table(), BatchClaim("fx", "load 1")
            )
        holder.execute("rollback")
    assert caught.value.exit_code == ExitCode.BUSY


def test_missing_metadata_is_named(lake: Lake, rates: Contract) -> None:
    location = Path(lake.head(rates).metadata_location)
    location.unlink()
    with pytest.raises(AdxError, match=location.name):
        lake.head(rates)


def test_a_table_that_was_never_made_is_named(settings: Settings, rates: Contract) -> None:
    with pytest.raises(AdxError, match=r"no table for fx\.rates"):
        Lake.open(settings).head(rates)


def test_a_table_with_other_columns_than_its_contract_is_refused(
    lake: Lake, rates: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A contract file was changed in place, in `ensure_tables` as in an upgrade."""
    edited = replace(rates, fields=rates.fields[:-1])
    monkeypatch.setattr(raw_tables, "all_contracts", lambda: (edited,))
    for look in (lake.ensure_tables, lake.planned_upgrades, lake.upgrade):
        with pytest.raises(AdxError, match=r"fx\.rates has other columns than contract version 1"):
            look()


def test_a_second_writer_is_told_who_is_first(
    lake: Lake, settings: Settings, rates: Contract, clicks: Contract
) -> None:
    with lake.writer_lock(rates):
        with (
            pytest.raises(AdxError, match=rf"pid {os.getpid()}.*raw_fx\.rates") as caught,
            Lake.open(settings).writer_lock(rates),
        ):
            pass
        assert caught.value.exit_code == ExitCode.BUSY
        with lake.writer_lock(clicks):
            pass
    with lake.writer_lock(rates):
        pass
