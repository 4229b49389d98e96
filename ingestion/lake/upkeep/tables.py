"""The tables that upkeep goes through: raw tables and the platform's own, alike."""

from collections.abc import Sequence
from dataclasses import dataclass

from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from ingestion.contracts import Contract
from ingestion.contracts.schema import position_key
from ingestion.lake.columns import personal_columns
from ingestion.lake.ops import OPS_TABLES, OpsTable


@dataclass(frozen=True)
class LakeTable:
    """A table of the lake, as upkeep sees it.

    Attributes:
        name: `<source>.<table>`, or `ops.<table>`.
        identifier: Iceberg identifier.
        order: Columns by which its rows are told apart, and stand in a compacted file.
        personal: Dotted names of columns that have no statistics.
    """

    name: str
    identifier: tuple[str, str]
    order: tuple[str, ...]
    personal: frozenset[str]

    @property
    def full_name(self) -> str:
        """`<namespace>.<table>`, as the catalog and the pointers have it."""
        return ".".join(self.identifier)

    @property
    def is_raw(self) -> bool:
        """Whether its rows carry `_ingest_seq`."""
        return "_ingest_seq" in self.order

    def load(self, catalog: Catalog) -> Table:
        """The table as it is now."""
        return catalog.load_table(self.identifier)


def lake_tables(contracts: Sequence[Contract]) -> list[LakeTable]:
    """All tables of a lake, those of contracts first."""
    return [*map(_raw, contracts), *map(_own, OPS_TABLES.values())]


def _raw(contract: Contract) -> LakeTable:
    return LakeTable(
        name=contract.name,
        identifier=contract.identifier,
        order=("_ingest_seq", *position_key(contract)),
        personal=frozenset(personal_columns(contract)),
    )


def _own(ops: OpsTable) -> LakeTable:
    return LakeTable(f"ops.{ops.name}", ops.identifier, ("row_key",), frozenset())
