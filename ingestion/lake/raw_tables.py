"""The raw tables: made from contracts, and where they stand."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table

from ingestion.contracts import Contract, all_contracts
from ingestion.errors import AdxError, ExitCode
from ingestion.lake.catalog import find_table, make_table
from ingestion.lake.claims import Claims, read_claims
from ingestion.lake.pointers import write_pointer
from ingestion.lake.schema import (
    add_columns,
    raw_iceberg_schema,
    raw_partition_spec,
    raw_table_properties,
)
from ingestion.lake.versions import TableUpgrade, check_columns, check_version, plan_upgrade
from ingestion.settings import Settings

StreamPosition = Mapping[str, Mapping[int, int]]
"""`{topic id: {partition: next offset}}`; a partition that never committed is not in it."""


@dataclass(frozen=True)
class TableHead:
    """Where a raw table stands.

    Attributes:
        table: `<source>.<table>`.
        metadata_location: The exact metadata file; readers take this and nothing else.
        snapshot_id: None for a table that was never committed to.
        ingest_seq: `_ingest_seq` of the newest rows; 0 for none.
        claims: What is claimed in it.
        rows: Good and failed rows.
        files: Data files.
        bytes: Bytes of the data files.
        snapshots: Snapshots that are kept.
    """

    table: str
    metadata_location: str
    snapshot_id: int | None
    ingest_seq: int
    claims: Claims
    rows: int = 0
    files: int = 0
    bytes: int = 0
    snapshots: int = 0


class RawTables:
    """The raw tables of one lake."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self._settings = settings
        self._catalog = catalog

    def ensure(self) -> None:
        """Create the tables that are missing; hold `setup_lock` around it.

        Raises:
            AdxError: A table is at another version than its contract, or has other columns.
        """
        for contract in all_contracts():
            table = find_table(self._catalog, self._settings, contract.identifier)
            table = self._create(contract) if table is None else table
            write_pointer(self._settings.lake_root, table)
            check_version(table, contract)
            check_columns(table, contract)

    def planned_upgrades(self) -> dict[Contract, TableUpgrade]:
        """What is to do to the tables that are there, by their newest contract."""
        found = {}
        for contract in all_contracts():
            table = find_table(self._catalog, self._settings, contract.identifier)
            upgrade = plan_upgrade(table, contract) if table is not None else None
            if upgrade is not None:
                found[contract] = upgrade
        return found

    def _create(self, contract: Contract) -> Table:
        """Make a table as one that was upgraded from version 1 on would be, in one commit."""
        first, *later = contract.versions()
        return make_table(
            self._catalog,
            contract.identifier,
            raw_iceberg_schema(first),
            raw_table_properties(contract),
            raw_partition_spec(first),
            columns=[partial(add_columns, contract=version) for version in later],
        )

    @staticmethod
    def contracts() -> tuple[Contract, ...]:
        """The contracts of the tables."""
        return tuple(all_contracts())

    def load(self, contract: Contract) -> Table:
        """The table as it is now.

        Raises:
            AdxError: It was never made.
        """
        try:
            return self._catalog.load_table(contract.identifier)
        except NoSuchTableError:
            raise AdxError(
                f"The lake has no table for {contract.name}.",
                remedy="Call Lake.ensure_tables first; every landing does.",
                exit_code=ExitCode.CONFIGURATION,
            ) from None

    def head(self, contract: Contract) -> TableHead:
        """Where a table stands now."""
        return head_of(contract.name, self.load(contract))

    def lasting_heads(self) -> dict[str, TableHead]:
        """Where all tables stand, their pointers written, so that no recovery falls behind them."""
        heads = {}
        for contract in all_contracts():
            table = self.load(contract)
            write_pointer(self._settings.lake_root, table)
            heads[contract.name] = head_of(contract.name, table)
        return heads


_TOTALS = ("records", "data-files", "files-size")
"""Totals that Iceberg keeps in the summary of each snapshot."""


def head_of(name: str, table: Table) -> TableHead:
    """Where a table stands; one of the platform's own has no `_ingest_seq` and no claims."""
    claims = read_claims(table.properties)
    snapshot = table.current_snapshot()
    summary = snapshot.summary if snapshot is not None else None
    totals = summary.additional_properties if summary is not None else {}
    rows, files, size = (int(totals.get(f"total-{name}", 0)) for name in _TOTALS)
    return TableHead(
        table=name,
        metadata_location=table.metadata_location,
        snapshot_id=snapshot_id_of(table),
        ingest_seq=claims.ingest_seq,
        claims=claims,
        rows=rows,
        files=files,
        bytes=size,
        snapshots=len(table.metadata.snapshots),
    )


def snapshot_id_of(table: Table) -> int | None:
    """The newest snapshot of a table; None if there is none."""
    snapshot = table.current_snapshot()
    return None if snapshot is None else int(snapshot.snapshot_id)
