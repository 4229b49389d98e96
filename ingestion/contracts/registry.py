"""Finds and loads the contract files: those beside this module, or those of another folder.

All versions of a contract stay: `<source>/<table>.v1.json`, `.v2.json` and so on. The newest is
what records are held against; the earlier ones say in which order columns came to the lake's
table, and so which Iceberg field id each of them has.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from ingestion.contracts.evolution import refused
from ingestion.contracts.model import Contract
from ingestion.errors import AdxError, ExitCode

FOLDER_VARIABLE: Final = "ADX_CONTRACTS"
"""Names another folder of contract files. An environment variable and no setting, because Dagster
asks for the contracts while it loads its definitions, before there are settings."""

_FOLDER: Final = Path(__file__).parent


def contracts_folder() -> Path:
    """The folder whose contract files count in this process."""
    return Path(os.environ.get(FOLDER_VARIABLE) or _FOLDER)


def all_contracts() -> tuple[Contract, ...]:
    """The newest version of every contract, ordered by source and table.

    Raises:
        AdxError: A version is missing, or changes what a new version may not change.
    """
    return contracts_of(contracts_folder())


@cache
def contracts_of(folder: Path) -> tuple[Contract, ...]:
    """The newest version of every contract in a folder; see `all_contracts`."""
    newest = read_contracts(folder)
    for contract in newest:
        for version in contract.versions():
            for change in refused(version):
                raise change.error(version)
    return newest


def read_contracts(folder: Path) -> tuple[Contract, ...]:
    """The newest version of every contract in a folder, whatever its versions have changed.

    Raises:
        AdxError: A version between 1 and the newest is missing, or a file is no contract or says
            that it is another one than its name says.
    """
    files: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for path in sorted(folder.glob("*/*.v*.json")):
        with _told(path):
            node = json.loads(path.read_text(encoding="utf-8"))
            source, table, version = (node[f"x-{name}"] for name in ("source", "table", "version"))
            if path.parts[-2:] != (source, f"{table}.v{version}.json"):
                raise ValueError(f"it says that it is version {version} of {source}.{table}")
        files.setdefault((source, table), {})[version] = node
    return tuple(_chain(folder, name, files[name]) for name in sorted(files))


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Name the file in which something is wrong."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        why = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise AdxError(
            f"{path} is no contract: {why}.",
            remedy="Correct that file; the docstring of ingestion/contracts/model.py has what a "
            "contract can say.",
            exit_code=ExitCode.CONFIGURATION,
        ) from error


def _chain(folder: Path, name: tuple[str, str], files: dict[int, dict[str, Any]]) -> Contract:
    contract: Contract | None = None
    for version in range(1, max(files) + 1):
        if version not in files:
            raise AdxError(
                f"The contract of {'.'.join(name)} has version {max(files)}, but no version "
                f"{version}.",
                remedy=f"Restore {'/'.join(name)}.v{version}.json: every version stays, because "
                "the lake still has its rows.",
                exit_code=ExitCode.CONFIGURATION,
            )
        with _told(folder / name[0] / f"{name[1]}.v{version}.json"):
            contract = Contract.parse(files[version], contract)
    assert contract is not None  # noqa: S101 - a name comes from at least one file
    return contract


def load_contract(source: str, table: str) -> Contract:
    """The newest contract of one table.

    Raises:
        AdxError: No contract declares that table.
    """
    return find_contract(all_contracts(), source, table)


def find_contract(contracts: Iterable[Contract], source: str, table: str) -> Contract:
    """The contract of one table among some; see `load_contract`."""
    by_name = {contract.name: contract for contract in contracts}
    found = by_name.get(f"{source}.{table}")
    if found is not None:
        return found
    known = ", ".join(by_name)
    raise AdxError(
        f"No contract declares {source}.{table}.",
        remedy=f"Use one of: {known}; or add ingestion/contracts/{source}/{table}.v1.json.",
        exit_code=ExitCode.USAGE,
    )


def contract_for_topic(topic: str) -> Contract:
    """The contract of a Kafka topic; `ad-events` carries `ad_events.events`."""
    return load_contract(topic.replace("-", "_"), "events")
