"""`adx contracts check` and `adx upgrade`: what a person sees, and the exit codes of scripts."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ingestion.lake import Lake
from ingestion.settings import Settings
from orchestration.cli import main as cli


@pytest.fixture
def adx(monkeypatch: pytest.MonkeyPatch, settings: Settings, capsys: Any) -> Any:
    """`adx("upgrade", "--check")` gives exit code and output."""
    monkeypatch.setenv("ADX_HOME", str(settings.home))

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["adx", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        streams = capsys.readouterr()
        return int(caught.value.code or 0), streams.out + streams.err

    return run


@pytest.fixture
def days(contract_folders: Any) -> tuple[Path, Path]:
    """The contracts before and after."""
    first = contract_folders.first("fx.rates", "adserver.clicks")
    field = {"type": ["string", "null"], "description": "x"}
    return first, contract_folders.newer(
        first, "adserver.clicks", lambda node: node["properties"].update(button=field)
    )


def test_an_upgrade_is_shown_and_then_done(
    adx: Any, contract_folders: Any, days: tuple[Path, Path], settings: Settings
) -> None:
    contract_folders.use(days[0])
    Lake.open(settings).ensure_tables()
    assert adx("upgrade", "--check")[0] == 0
    contract_folders.use(days[1])
    code, shown = adx("upgrade", "--check")
    assert code == 1
    assert "button: is new (str)" in shown
    assert "to do: 1 tables, 1 columns added" in shown
    code, shown = adx("upgrade", "--json")
    assert code == 0
    document = json.loads(shown)
    assert document["tables"] == [
        {"table": "adserver.clicks", "from_version": 1, "to_version": 2, "columns": ["button"]}
    ]
    assert document["is_done"]
    assert document["reason"] == "nothing is published yet"
    code, shown = adx("upgrade")
    assert code == 0
    assert "at the newest versions of all contracts" in shown


def test_a_lake_that_is_not_there_needs_no_upgrade(
    adx: Any, contract_folders: Any, days: tuple[Path, Path]
) -> None:
    contract_folders.use(days[1])
    assert adx("upgrade", "--check")[0] == 0


def test_a_lake_that_is_newer_than_the_code_is_left_alone(
    adx: Any, contract_folders: Any, days: tuple[Path, Path], settings: Settings
) -> None:
    contract_folders.use(days[1])
    Lake.open(settings).ensure_tables()
    contract_folders.use(days[0])
    code, shown = adx("upgrade")
    assert code == 3
    assert "this code knows 1" in shown


def test_refused_changes_are_named_and_stop_every_command(
    adx: Any, contract_folders: Any, days: tuple[Path, Path]
) -> None:
    contract_folders.use(days[1])
    code, shown = adx("contracts", "check")
    assert code == 0
    assert "2 tables, 1 changes, 0 refused" in shown
    bad = contract_folders.newer(
        days[1], "fx.rates", lambda node: node["properties"]["base"].update({"x-length": 2})
    )
    contract_folders.use(bad)
    code, shown = adx("contracts", "check")
    assert code == 3
    assert "FAILED fx.rates v2: base: x-length was 3, and would be 2, which is narrower" in shown
    for command in ("upgrade", "pin"):
        code, shown = adx(command)
        assert code == 3
        assert "Version 2 of contract fx.rates is refused: base" in shown
