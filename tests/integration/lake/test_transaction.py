"""The metadata that a transaction remembers are those that pyiceberg would make again."""

from pyiceberg.table import Transaction
from pyiceberg.table.metadata import TableMetadata

from ingestion.contracts import Contract
from ingestion.lake import Lake
from ingestion.lake.transaction import LakeTransaction


def made_again(transaction: Transaction) -> dict[str, object]:
    return plain(Transaction.table_metadata.fget(transaction))  # type: ignore[attr-defined]


def plain(metadata: TableMetadata) -> dict[str, object]:
    return metadata.model_dump(exclude={"last_updated_ms"})


def test_every_change_is_seen_at_once(lake: Lake, rates: Contract) -> None:
    transaction = LakeTransaction(lake._tables.load(rates))
    seen = [transaction.table_metadata]
    assert transaction.table_metadata is seen[0]

    def note() -> None:
        assert plain(transaction.table_metadata) == made_again(transaction)
        assert transaction.table_metadata is not seen[-1]
        seen.append(transaction.table_metadata)

    transaction.set_properties({"a": "1"})
    note()
    transaction.set_properties({"a": "2"})
    note()
    with transaction.update_schema() as update:
        update.add_column("more", lake._tables.load(rates).schema().fields[0].field_type)
    note()
    with transaction.update_snapshot().merge_append():
        pass
    note()
    assert transaction.table_metadata.properties["a"] == "2"
    transaction.commit_transaction()
    found = lake._tables.load(rates).metadata
    assert found.current_snapshot_id == seen[-1].current_snapshot_id
    assert found.properties["a"] == "2"
