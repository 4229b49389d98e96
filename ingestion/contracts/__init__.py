"""Contracts: the only place where a field of a source is declared."""

from ingestion.contracts.model import Contract, Field, Union
from ingestion.contracts.registry import all_contracts, contract_for_topic, load_contract
from ingestion.contracts.schema import raw_schema

__all__ = [
    "Contract",
    "Field",
    "Union",
    "all_contracts",
    "contract_for_topic",
    "load_contract",
    "raw_schema",
]
