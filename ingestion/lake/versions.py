"""Which version of its contract a raw table is at, and the upgrade to a newer one.

Nothing but `adx upgrade` changes the columns of a table that exists: whoever lands with an older
version afterwards is stopped, and that should be somebody's decision. A table says its version in
a property, and every commit compares it on the very table object that it commits to.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from pyiceberg.table import Table

from ingestion.contracts import Contract
from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint
from ingestion.lake.columns import added_columns
from ingestion.lake.fence import Append, Fence
from ingestion.lake.schema import (
    CONTRACT_VERSION,
    add_columns,
    contract_properties,
    raw_iceberg_schema,
)

_UPGRADE: Final = "Run `adx upgrade`: it shows what changes and adds the new columns."


@dataclass(frozen=True)
class TableUpgrade:
    """What an upgrade of one raw table does.

    Attributes:
        table: `<source>.<table>`.
        from_version: Version of the contract that the table is at.
        to_version: The newest version.
        columns: Dotted names of the columns and struct members that are added; none where the new
            version only allows more values.
    """

    table: str
    from_version: int
    to_version: int
    columns: tuple[str, ...]


def version_of(table: Table) -> int:
    """The version of its contract that a raw table is at."""
    return int(table.properties[CONTRACT_VERSION])


def check_version(table: Table, contract: Contract) -> None:
    """Demand that a table is at the version of a contract.

    Raises:
        AdxError: It is at an earlier version (upgrade it), or at a later one (this code is old).
    """
    version = version_of(table)
    if version < contract.version:
        raise AdxError(
            f"The lake table of {contract.name} is at version {version} of its contract, the "
            f"newest is {contract.version}.",
            remedy=_UPGRADE,
            exit_code=ExitCode.CONFIGURATION,
        )
    if version > contract.version:
        raise AdxError(
            f"The lake table of {contract.name} is at version {version} of its contract, and this "
            f"code knows {contract.version}: it would lose the new columns, so nothing was landed.",
            remedy="Run it again with the code that upgraded the lake; it goes on where the lake "
            "ends.",
            exit_code=ExitCode.CONFIGURATION,
        )


def check_columns(table: Table, contract: Contract) -> None:
    """Demand that a table has exactly the columns of the version that it is at.

    Raises:
        AdxError: The file of that version was changed after the table was made from it.
    """
    version = contract.versions()[version_of(table) - 1]
    if table.schema().as_struct() != raw_iceberg_schema(version).as_struct():
        raise AdxError(
            f"The lake table of {contract.name} has other columns than contract version "
            f"{version.version}.",
            remedy="Undo the change of that contract file; a change needs a new version.",
            exit_code=ExitCode.CONFIGURATION,
        )


def plan_upgrade(table: Table, contract: Contract) -> TableUpgrade | None:
    """What is to do to a table; None if it is at the newest version.

    Raises:
        AdxError: It is at a later one, or has other columns than its version.
    """
    version = version_of(table)
    if version > contract.version:
        check_version(table, contract)
    check_columns(table, contract)
    if version == contract.version:
        return None
    columns = [
        ".".join(path)
        for later in contract.versions()[version:]
        for path, _ in added_columns(later)
    ]
    return TableUpgrade(contract.name, version, contract.version, tuple(columns))


def upgrade_tables(fence: Fence, contracts: Iterable[Contract]) -> list[TableUpgrade]:
    """Bring tables to the newest versions, each in one commit without rows.

    Two at once, or one that begins where another was killed, are safe: each table is looked at
    again in every try, and the commit fails if anybody committed in between. Being a commit, it
    also stops a landing that was planned with the columns of before.

    Returns:
        What was done; nothing for tables that are at the newest version.
    """
    done = []
    for contract in contracts:
        done += _upgrade(fence, contract)
        failpoint("upgrade.after_table")
    return done


def _upgrade(fence: Fence, contract: Contract) -> list[TableUpgrade]:
    """What was done to one table; nothing if somebody else has done it."""

    def plan(table: Table) -> Append[list[TableUpgrade]] | list[TableUpgrade]:
        upgrade = plan_upgrade(table, contract)
        if upgrade is None:
            return []
        later = contract.versions()[upgrade.from_version :]
        return Append(
            files=[],
            properties=contract_properties(contract),
            ingest_seq=None,
            outcome=lambda _: [upgrade],
            columns=[partial(add_columns, contract=version) for version in later],
        )

    return fence.commit(contract.identifier, plan)
