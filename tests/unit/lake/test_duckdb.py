"""DuckDB connections that read the lake without a network."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from ingestion.duckdb_extensions import extension_file
from ingestion.errors import AdxError, ExitCode
from ingestion.lake import duckdb as lake_duckdb
from ingestion.lake.duckdb import SESSION, connect, extension_folder
from ingestion.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", duckdb_threads=1, duckdb_memory="1GB")


def test_a_connection_has_the_session_both_engines_agree_on(settings: Settings) -> None:
    connection = connect(settings)
    for setting, expected in SESSION.items():
        found = connection.execute("select current_setting(?)", [setting]).fetchall()[0][0]
        assert str(found).lower() == expected.lower()
    assert connection.execute("select current_setting('threads')").fetchall() == [(1,)]
    loaded = connection.execute(
        "select extension_name from duckdb_extensions() where loaded"
    ).fetchall()
    assert {("avro",), ("iceberg",)} <= set(loaded)


def test_a_file_can_be_opened_for_reading(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    connect(settings, path).execute("create table t as select 1 as a")
    reader = connect(settings, path, read_only=True)
    with pytest.raises(duckdb.InvalidInputException, match="read-only"):
        reader.execute("create table u as select 1")


def test_an_extension_that_was_tampered_with_is_refused(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tmp_path / "avro.duckdb_extension"
    content = bytearray(extension_file("avro").read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    with pytest.raises(duckdb.IOException, match="signature"):
        connect(settings, lake=False).execute(f"load '{changed}'")
    lake_duckdb._checked.cache_clear()
    monkeypatch.setattr(lake_duckdb, "extension_file", lambda _: changed)
    with pytest.raises(duckdb.IOException, match="signature"):
        connect(settings)


def test_extensions_load_by_name_from_the_folder(settings: Settings, tmp_path: Path) -> None:
    """As dbt does it: installs and loads by name, with a home folder that has nothing."""
    folder = extension_folder(settings)
    assert extension_folder(settings) == folder
    program = (
        "import duckdb, sys; c = duckdb.connect(config={'extension_directory': sys.argv[1]});"
        "[(c.install_extension(n), c.load_extension(n)) for n in ('avro', 'iceberg')];"
        'print(c.sql("select count(*) from duckdb_extensions() where loaded and '
        "extension_name in ('avro', 'iceberg')\").fetchall())"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        env=os.environ | {"HOME": str(tmp_path), "http_proxy": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[(2,)]"


def test_a_missing_extension_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_duckdb, "_EXTENSIONS", ("nonesuch",))
    with pytest.raises(AdxError, match="extension nonesuch") as caught:
        connect(settings)
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    assert "uv sync" in caught.value.remedy
