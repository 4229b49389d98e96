"""Tables have the columns and field ids of their contracts, whichever catalog made them."""

import pytest
from pyiceberg.table.update.schema import UpdateSchema
from pyiceberg.types import StringType

from ingestion.contracts import Contract, all_contracts
from ingestion.lake import Lake
from ingestion.lake.catalog import make_table
from ingestion.lake.ops import OPS_TABLES
from ingestion.lake.schema import raw_iceberg_schema, raw_partition_spec, raw_table_properties
from ingestion.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("environments")]


def test_every_table_has_the_ids_that_data_files_carry(settings: Settings) -> None:
    lake = Lake.open(settings)
    lake.ensure_tables()
    for contract in all_contracts():
        table = lake._tables.load(contract)
        assert table.schema().as_struct() == raw_iceberg_schema(contract).as_struct()
        assert table.properties["commit.retry.num-retries"] == "0"
        assert [field.name for field in table.spec().fields] == [
            field.name for field in raw_partition_spec(contract).fields
        ]
    for ops in OPS_TABLES.values():
        assert lake._ops.table(ops).schema().as_struct() == ops.iceberg_schema.as_struct()


def test_columns_of_later_versions_are_numbered_behind_all_others(
    settings: Settings, events: Contract
) -> None:
    def add(update: UpdateSchema) -> None:
        update.add_column(("click", "added"), StringType())

    schema = raw_iceberg_schema(events)
    table = make_table(
        Lake.open(settings)._catalog,
        ("other", "events"),
        schema,
        raw_table_properties(events),
        raw_partition_spec(events),
        columns=[add],
    )
    assert table.schema().find_field("click.added").field_id == schema.highest_field_id + 1
    assert table.schema().find_field("click.click_id") == schema.find_field("click.click_id")
