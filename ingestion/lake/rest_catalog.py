"""An Iceberg REST catalog as the lake needs it."""

from typing import Any

from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import CommitFailedException, TableAlreadyExistsError
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import CommitTableResponse, CreateTableTransaction, StagedTable, Table
from pyiceberg.table.metadata import new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortOrder
from pyiceberg.table.update import AddSnapshotUpdate, TableRequirement, TableUpdate
from pyiceberg.typedef import EMPTY_DICT, Properties

from ingestion.failpoints import failpoint


class LakeRestCatalog(RestCatalog):
    """A REST catalog whose tables have the field ids that every other catalog gives them.

    A server numbers the columns of a table that it creates as it likes: Java and Python go level by
    level, SeaweedFS 4.48 (Go) goes depth first. Data files are written by processes that ask no
    catalog, so the ids must follow from the contract alone. A table is therefore staged, which
    gives its place, and committed with a schema numbered here.
    """

    def create_table_transaction(  # noqa: PLR0917 - the signature of the class above
        self,
        identifier: str | tuple[str, ...],
        schema: Schema,
        location: str | None = None,
        partition_spec: PartitionSpec = UNPARTITIONED_PARTITION_SPEC,
        sort_order: SortOrder = UNSORTED_SORT_ORDER,
        properties: Properties = EMPTY_DICT,
    ) -> CreateTableTransaction:
        """See `Catalog.create_table_transaction`."""
        staged = (
            super()
            .create_table_transaction(
                identifier, schema, location, partition_spec, sort_order, properties
            )
            .table_metadata
        )
        metadata = new_table_metadata(
            schema,
            partition_spec,
            sort_order,
            staged.location,
            dict(properties),  # a copy, because the format version is taken out of it
            staged.table_uuid,
        )
        name = self.identifier_to_tuple(identifier)
        io = self._load_file_io(location=staged.location)
        return CreateTableTransaction(StagedTable(name, metadata, "", io, self))

    def create_table(
        self, identifier: str | tuple[str, ...], *arguments: Any, **named: Any
    ) -> Table:
        """See `Catalog.create_table`."""
        transaction = self.create_table_transaction(identifier, *arguments, **named)
        try:
            transaction.commit_transaction()
        except CommitFailedException as error:
            raise TableAlreadyExistsError(f"{identifier} was created meanwhile") from error
        return self.load_table(identifier)

    def commit_table(
        self,
        table: Table,
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> CommitTableResponse:
        """See `Catalog.commit_table`.

        A proxy on the way may send a request twice; then the commit is in, and the answer is the
        refusal of the second one. To be believed it would cost the files of the first: pyiceberg
        deletes its manifests, the fence its rows. So the table is asked.
        """
        # Here the server writes the metadata file and swaps, in one request.
        failpoint("lake.before_swap")
        try:
            return super().commit_table(table, requirements, updates)
        except CommitFailedException:
            made = {
                update.snapshot.snapshot_id
                for update in updates
                if isinstance(update, AddSnapshotUpdate)
            }
            if not made:
                raise
            now = self.load_table(table.name())
            if not made <= {snapshot.snapshot_id for snapshot in now.snapshots()}:
                raise
            return CommitTableResponse(
                metadata=now.metadata, metadata_location=now.metadata_location
            )
