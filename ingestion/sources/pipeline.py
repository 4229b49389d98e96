"""One raw table's dlt pipeline: locked, drained, then loaded in one fenced commit a package.

A run goes: lock, drain what a dead process left, read the position back from the table, extract
and commit. dlt takes no lock of its own, and `run(data)` with work pending ignores `data`; hence
the order.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.exceptions import DltException
from dlt.common.libs.pyarrow import py_arrow_to_table_schema_columns
from dlt.common.schema import Schema
from dlt.common.schema.utils import new_table
from dlt.common.storages.load_package import load_package_state
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

from ingestion.contracts import Contract, raw_schema
from ingestion.errors import AdxError
from ingestion.failpoints import failpoint
from ingestion.lake import BatchState, CommitResult, Lake
from ingestion.lake.problems import storage_errors
from ingestion.settings import Settings
from ingestion.sources.lake_destination import (
    LakeDestination,
    PackageClaim,
    StaleStateError,
    claim_package,
    write_package,
)
from ingestion.sources.locks import exclusive

_FROZEN = {"tables": "evolve", "columns": "freeze", "data_type": "freeze"}
_LOCK_WAIT_SECONDS = 60.0
_OF_THE_DISK = {errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}
"""Trouble that is not the package's own, so that the package is kept."""


class StalePackageError(Exception):
    """What was extracted is out of date; read the position again and plan anew."""


def configure_dlt(settings: Settings) -> None:
    """Keep dlt inside our folders, silent and offline.

    Without this it writes `~/.dlt`, reads `.dlt/` of the current folder and sends telemetry.
    """
    settings.dlt.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        {
            "DLT_DATA_DIR": str(settings.dlt),
            "DLT_PROJECT_DIR": str(settings.dlt),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "RUNTIME__LOG_LEVEL": "CRITICAL",
            "LOAD__WORKERS": "1",
            "LOAD__DELETE_COMPLETED_JOBS": "true",
            "NORMALIZE__WORKERS": "1",
            "SCHEMA__NAMING": "direct",
        }
    )


@dataclass(frozen=True)
class Claim:
    """What a package claims.

    Attributes:
        position: Position in the source after the package, JSON-able.
        files: Files in the package, `{sha256: name}`.
    """

    position: Any
    files: dict[str, str] = field(default_factory=dict)


class TablePipeline:
    """The dlt pipeline of one raw table; made by `open_pipeline`, which holds its lock.

    Args:
        settings: Where dlt's working folder lies.
        lake: The open lake.
        contract: The contract of the table.
    """

    def __init__(self, settings: Settings, lake: Lake, contract: Contract) -> None:
        self.contract = contract
        self.name = f"{contract.source}_{contract.table}"
        self._lake = lake
        self._destination = LakeDestination(lake, contract)
        self._folder = settings.dlt / self.name
        self._pipeline: Any = None
        self._committed = BatchState()

    def drain(self) -> list[CommitResult]:
        """Commit the packages that a dead process left, then forget its working folder.

        Stale packages are dropped, and so are those that a crash has damaged: the source still
        has what is in them, and the lake knows what is committed.

        Returns:
            What was committed.
        """
        self._destination.held.clear()  # what is on the disk counts
        before = len(self._destination.results)
        if any(self._folder.glob("*/extracted/*")) or any(self._folder.glob("load/normalized/*")):
            try:
                with self._explained():
                    self._pipeline = self._connected()
                    while self._pipeline.has_pending_data:
                        self._finish()
            except (StalePackageError, DltException, ValueError):
                self._pipeline = None
        shutil.rmtree(self._folder, ignore_errors=True)
        self._pipeline = None
        self._read_position()
        return self._destination.results[before:]

    def _connected(self) -> Any:
        return dlt.pipeline(
            pipeline_name=self.name,
            pipelines_dir=str(self._folder.parent),
            destination=self._destination,
        )

    def _read_position(self) -> None:
        batch = self._lake.head(self.contract).claims.batch
        self._committed = batch.get(self.name, BatchState())

    @property
    def position(self) -> Any:
        """The position that the newest commit claimed; None before the first."""
        return self._committed.position

    def load(self, rows: pa.Table, claim: Callable[[str], Claim]) -> CommitResult:
        """Extract landed rows and commit them as one package.

        Args:
            rows: Rows in the contract's raw schema, good and failed together.
            claim: Given the package's load id, what it claims; called before the first row.

        Raises:
            StalePackageError: Another process has committed since the position was read; nothing
                was committed, and the position is that of the other process now.
            AdxError: The disk or the lake fails; the package is kept for the next landing.
        """
        try:
            with self._explained():
                if self._pipeline is None:
                    self._pipeline = self._connected()
                    self._pipeline.sync_destination()
                self._pipeline.activate()
                failpoint("dlt.before_extract")
                self._pipeline.extract(self._source(rows, claim))
                failpoint("dlt.after_extract")
                self._finish()
        except StalePackageError:
            self.drain()
            raise
        self._read_position()
        return self._destination.results[-1]

    def _source(self, table: pa.Table, claim: Callable[[str], Claim]) -> Any:
        def rows() -> Iterator[pa.Table]:
            load_id = load_package_state()["load_id"]
            claimed = claim(load_id)
            claim_package(
                PackageClaim(
                    position=claimed.position,
                    files=claimed.files,
                    follows=self._committed.last_load_id,
                    contract_version=self.contract.version,
                    rows=table.num_rows,
                )
            )
            # the load id makes every state differ from the one before: dlt ships no other
            dlt.current.source_state().update(position=claimed.position, load_id=load_id)
            # The rows go through a file of ours that dlt links into the package: its own writer
            # compresses and builds dictionaries, which takes twice as long, for a file that is
            # read once. The empty table is what dlt checks against the frozen columns.
            path = self._folder / "rows.parquet"
            write_package(table, path)
            self._destination.held[load_id] = table
            yield dlt.mark.with_file_import(
                str(path), "parquet", table.num_rows, table.schema.empty_table()
            )
            path.unlink()

        resource = dlt.resource(
            rows,
            name=self.contract.table,
            write_disposition="append",
            schema_contract=_FROZEN,
        )

        return DltSource(self._declared(), self.name, [resource])

    def _declared(self) -> Schema:
        """The schema for dlt: the columns of the contract, and so frozen from the first row on.

        A new contract version adds its columns here, deliberately; nothing else can.
        """
        schema = Schema(self.name)
        if self.name in self._pipeline.schemas:
            schema = self._pipeline.schemas[self.name].clone()
        columns = py_arrow_to_table_schema_columns(raw_schema(self.contract))
        schema.update_table(new_table(self.contract.table, columns=list(columns.values())))
        return schema

    def _finish(self) -> None:
        self._pipeline.normalize()
        self._pipeline.load()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise what a person or the caller can act on instead of dlt's wrapping of it."""
        with storage_errors(self._folder):
            try:
                yield
            except PipelineStepFailed as error:
                cause: BaseException | None = error
                while cause is not None:
                    if isinstance(cause, StaleStateError):
                        raise StalePackageError(self.name) from error
                    if isinstance(cause, AdxError):
                        raise cause from error
                    if isinstance(cause, OSError) and cause.errno in _OF_THE_DISK:
                        raise cause from error
                    cause = cause.__cause__ or cause.__context__
                raise


@contextmanager
def open_pipeline(settings: Settings, lake: Lake, contract: Contract) -> Iterator[TablePipeline]:
    """Lock the pipeline of a table for a block; whoever opens it drains it first.

    Raises:
        AdxError: Another process is landing this table.
    """
    lock = settings.dlt / f"{contract.source}_{contract.table}.lock"
    with exclusive(lock, contract.name, _LOCK_WAIT_SECONDS):
        yield TablePipeline(settings, lake, contract)
