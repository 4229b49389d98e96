"""Brings the lake to the newest contracts, and says what the next build will be."""

from dataclasses import dataclass

from ingestion.contracts import all_contracts
from ingestion.contracts.evolution import changes
from ingestion.lake import Lake, TableUpgrade
from ingestion.settings import Settings
from orchestration.warehouse.build import rebuild_reason
from orchestration.warehouse.store import Store


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade does, or did.

    Attributes:
        tables: Raw tables that come to a newer version of their contract.
        changes: What those versions change, as `(table, version, change)`.
        is_done: Whether it was done, or only planned.
        full_refresh: Whether the next build makes everything from nothing.
        reason: Why it does.
    """

    tables: list[TableUpgrade]
    changes: list[tuple[str, int, str]]
    is_done: bool
    full_refresh: bool
    reason: str


def upgrade(settings: Settings, *, check: bool) -> Upgrade:
    """Plan the upgrade of an environment, and do it unless it is only to be checked.

    Raises:
        AdxError: A new version of a contract is refused, a table has other columns than its
            contract, or this code is older than the lake.
    """
    lake = Lake.open(settings)
    planned = lake.planned_upgrades()
    versions = {table.table: table for table in planned}
    listed = [
        (contract.name, version.version, str(change))
        for contract in all_contracts()
        if contract.name in versions
        for version in contract.versions()[versions[contract.name].from_version :]
        for change in changes(version)
    ]
    if not check:
        lake.upgrade()
    reason = rebuild_reason(Store(settings.warehouse))
    return Upgrade(planned, listed, not check, bool(reason), reason)
