"""Finds and loads the contract files that stand beside this module."""

import json
from functools import cache
from pathlib import Path

from ingestion.contracts.model import Contract
from ingestion.errors import AdxError, ExitCode

_FOLDER = Path(__file__).parent


@cache
def all_contracts() -> tuple[Contract, ...]:
    """The newest version of every contract, ordered by source and table."""
    newest: dict[tuple[str, str], Contract] = {}
    for path in sorted(_FOLDER.glob("*/*.v*.json")):
        contract = Contract.parse(json.loads(path.read_text(encoding="utf-8")))
        known = newest.get(contract.identifier)
        if known is None or contract.version > known.version:
            newest[contract.identifier] = contract
    return tuple(newest[identifier] for identifier in sorted(newest))


def load_contract(source: str, table: str) -> Contract:
    """The newest contract of one table.

    Raises:
        AdxError: No contract declares that table.
    """
    for contract in all_contracts():
        if (contract.source, contract.table) == (source, table):
            return contract
    known = ", ".join(contract.name for contract in all_contracts())
    raise AdxError(
        f"No contract declares {source}.{table}.",
        remedy=f"Use one of: {known}; or add ingestion/contracts/{source}/{table}.v1.json.",
        exit_code=ExitCode.USAGE,
    )


def contract_for_topic(topic: str) -> Contract:
    """The contract of a Kafka topic; `ad-events` carries `ad_events.events`."""
    return load_contract(topic.replace("-", "_"), "events")
