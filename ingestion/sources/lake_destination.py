"""The lake as a dlt destination: one fenced commit per load package.

dlt's own jobs do nothing here. When all of them are done, `complete_load` gathers the rows of the
package and commits them through `Lake.commit_rows`, together with the load id, the position in the
source, dlt's state and dlt's schema. State and schema are read back from the table, so dlt's
working folder may be deleted at any time.

A stock dlt append duplicated every row when it was killed between its commit and its own job mark,
and a plain custom destination loses its cursor with the working folder; neither can happen when
the claim is part of the commit. One pipeline writes one table, because dlt restores the newest
state it finds.
"""

import base64
import dataclasses
import json
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final, TypedDict, cast

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
from dlt.common.configuration import configspec
from dlt.common.destination import Destination, DestinationCapabilitiesContext
from dlt.common.destination.client import (
    DestinationClientConfiguration,
    JobClientBase,
    LoadJob,
    PreparedTableSchema,
    RunnableLoadJob,
    StateInfo,
    StorageSchemaInfo,
    WithStateSync,
)
from dlt.common.destination.exceptions import DestinationTerminalException
from dlt.common.schema import TSchemaTables
from dlt.common.storages.load_package import (
    commit_load_package_state,
    destination_state,
    load_package_state,
)

from ingestion.contracts import Contract, raw_schema
from ingestion.failpoints import failpoint
from ingestion.lake import BatchClaim, BatchState, CommitResult, Lake, StalePlan


class StaleStateError(DestinationTerminalException):
    """Another process has moved this pipeline on: the package was read from an old cursor."""


class DamagedPackageError(DestinationTerminalException):
    """A package does not hold the rows that it claims."""


class PackageClaim(TypedDict):
    """What a package says about itself, kept in dlt's package state beside its rows.

    Attributes:
        position: Where in the source the rows come from; any JSON.
        files: Content hash to name of every file in the package.
        follows: Load id of the pipeline's newest commit when the position was read.
        contract_version: Version of the contract that the rows were landed by.
        rows: Rows in the package. dlt does not write its packages durably, so a power cut may
            take a file of one, and a claim without its rows would lose them.
    """

    position: Any
    files: dict[str, str]
    follows: str
    contract_version: int
    rows: int


def claim_package(claim: PackageClaim) -> None:
    """Attach a claim to the package that is being extracted; called inside a resource."""
    destination_state().update(claim)
    commit_load_package_state()


class _Nothing(RunnableLoadJob):
    """A job that does nothing, because the package is committed as a whole.

    It is runnable rather than finalized: a finalized job costs a second's pause in dlt's loop.
    """

    def run(self) -> None:
        """Do nothing."""


@configspec
class LakeConfiguration(DestinationClientConfiguration):
    """The destination has no settings of its own: it is given an open lake."""

    destination_type: Final[str] = dataclasses.field(
        default="lake", init=False, repr=False, compare=False
    )


class LakeClient(JobClientBase, WithStateSync):
    """Commits packages to one raw table and reads dlt's state back from it."""

    lake: ClassVar[Lake]
    contract: ClassVar[Contract]
    results: ClassVar[list[CommitResult]]
    held: ClassVar[dict[str, pa.Table]]

    def initialize_storage(self, truncate_tables: Iterable[str] | None = None) -> None:
        """Tables are made by the lake, before any landing."""

    def is_storage_initialized(self) -> bool:
        """The lake was opened before the pipeline was made."""
        return True

    def drop_storage(self) -> None:
        """Raw tables are append-only; dlt never drops them."""

    def update_stored_schema(
        self,
        only_tables: Iterable[str] | None = None,
        expected_update: TSchemaTables | None = None,
        force: bool = False,
    ) -> TSchemaTables | None:
        """The schema is stored by the commit, not apart from it."""
        return super().update_stored_schema(only_tables, expected_update, force)

    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        """A job that does nothing; see `complete_load`."""
        del table, load_id, restore
        return _Nothing(file_path)

    def complete_load(self, load_id: str) -> None:
        """Commit the package: rows, claim, dlt's state and schema, in one transaction.

        Raises:
            StaleStateError: The table, or the contract, has moved on since the package was
                extracted.
            DamagedPackageError: Rows of the package are gone.
        """
        package = load_package_state()["state"]
        state = package.get("pipeline_state")
        claim = cast("PackageClaim", package["destination_state"])
        if claim.get("contract_version") != self.contract.version:
            raise StaleStateError(f"Package {load_id} was landed by another contract version")
        pipeline = dlt.current.pipeline()
        rows = self.held.pop(load_id, None)
        if rows is None:
            rows = self._rows(pipeline, load_id)
        if rows.num_rows != claim["rows"]:
            raise DamagedPackageError(
                f"Package {load_id} of {self.contract.name} holds {rows.num_rows} rows, "
                f"not {claim['rows']}"
            )
        failpoint("dlt.before_commit")
        try:
            result = self.lake.commit_rows(
                self.contract,
                rows,
                BatchClaim(
                    pipeline=pipeline.pipeline_name,
                    load_id=load_id,
                    position=claim["position"],
                    files=claim["files"],
                    state=None if state is None else json.dumps(state, default=_text),
                    schema=_pack(self.schema.to_dict()),
                    follows=claim["follows"],
                ),
            )
        except StalePlan as error:
            raise StaleStateError(str(error)) from error
        self.results.append(result)
        failpoint("dlt.after_commit")

    def _rows(self, pipeline: Any, load_id: str) -> pa.Table:
        jobs = pipeline.get_load_package_info(load_id).jobs["completed_jobs"]
        paths = sorted(
            job.file_path for job in jobs if job.job_file_info.table_name == self.contract.table
        )
        return read_package([Path(path) for path in paths], raw_schema(self.contract))

    def _committed(self, pipeline_name: str) -> BatchState:
        return self.lake.head(self.contract).claims.batch.get(pipeline_name, BatchState())

    def get_stored_state(self, pipeline_name: str) -> StateInfo | None:
        """The state of the newest commit of this table."""
        text = self._committed(pipeline_name).state
        if text is None:
            return None
        fields = json.loads(text)
        fields.pop("_dlt_load_id", None)
        return StateInfo(**fields | {"created_at": datetime.fromisoformat(fields["created_at"])})

    def get_stored_schema(self, schema_name: str | None = None) -> StorageSchemaInfo | None:
        """The schema of the newest commit of this table."""
        text = self._committed(dlt.current.pipeline().pipeline_name).schema
        if text is None:
            return None
        schema = _unpack(text)
        if schema_name not in (None, schema["name"]):
            return None
        return StorageSchemaInfo(
            version_hash=schema["version_hash"],
            schema_name=schema["name"],
            version=schema["version"],
            engine_version=schema["engine_version"],
            inserted_at=datetime.now(UTC),
            schema=json.dumps(schema),
        )

    def get_stored_schema_by_hash(self, version_hash: str) -> StorageSchemaInfo | None:
        """The stored schema if it is the one of that hash."""
        stored = self.get_stored_schema()
        return stored if stored is not None and stored.version_hash == version_hash else None

    def __enter__(self) -> "LakeClient":
        return self

    def __exit__(self, *_: object) -> None:
        return None


class LakeDestination(Destination[LakeConfiguration, LakeClient]):
    """dlt destination that writes one raw table of an open lake.

    Args:
        lake: The lake, its tables already made.
        contract: The contract of the table.

    Attributes:
        results: What every package of this destination committed, in order.
        held: Rows of a package that this process has just written, by load id: reading them back
            costs as much as writing their data files.
    """

    spec = LakeConfiguration

    def __init__(self, lake: Lake, contract: Contract) -> None:
        super().__init__()
        self.results: list[CommitResult] = []
        self.held: dict[str, pa.Table] = {}
        self._client_class = type(
            "BoundLakeClient",
            (LakeClient,),
            {"lake": lake, "contract": contract, "results": self.results, "held": self.held},
        )

    def _raw_capabilities(self) -> DestinationCapabilitiesContext:
        caps = DestinationCapabilitiesContext()
        caps.preferred_loader_file_format = "parquet"
        caps.supported_loader_file_formats = ["parquet"]
        caps.naming_convention = "direct"
        caps.has_case_sensitive_identifiers = True
        caps.decimal_precision = (38, 9)
        caps.max_identifier_length = 255
        caps.max_column_identifier_length = 255
        caps.supports_ddl_transactions = False
        caps.max_table_nesting = 0
        return caps

    @property
    def client_class(self) -> type[LakeClient]:
        """The client bound to this lake and table."""
        return self._client_class


def write_package(rows: pa.Table, path: Path) -> None:
    """Write rows for a package: as fast as Parquet can be, with checksums against a torn disk."""
    pq.write_table(
        rows,
        path,
        compression="none",
        use_dictionary=False,
        write_statistics=False,
        write_page_checksum=True,
    )


def read_package(paths: list[Path], schema: pa.Schema) -> pa.Table:
    """The rows of a package's files, exactly in the raw schema."""
    tables = [
        pq.ParquetFile(path, memory_map=True, page_checksum_verification=True).read()
        for path in paths
    ]
    if not tables:
        return schema.empty_table()
    return pa.concat_tables([table.select(schema.names).cast(schema) for table in tables])


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} in dlt's state")


def _pack(document: Any) -> str:
    return base64.b64encode(zlib.compress(json.dumps(document).encode())).decode()


def _unpack(text: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(text)))
