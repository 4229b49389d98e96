"""Which files are loaded: a bounded part with the table itself, all of it in `ops.file_registry`.

A commit puts its files into a property of the table, so that file and rows come in one step. They
are then written to the registry for good, and only what is there leaves the property.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from pyiceberg.expressions import And, EqualTo, In

from ingestion.contracts import Contract
from ingestion.lake.claims import KEPT_FILES, Claims, FileClaim
from ingestion.lake.ops import FILE_REGISTRY, present_keys
from ingestion.lake.ops_store import OpsStore

_ROOM: Final = 100
"""File claims that leave the property at once, so that leaving is rare."""


class FileRegistry:
    """The loaded files of all raw tables."""

    def __init__(self, ops: OpsStore) -> None:
        self._ops = ops

    def known(self, contract: Contract, claims: Claims, digests: Iterable[str]) -> set[str]:
        """Which contents are loaded.

        `claims` must have been read before this call: what has left them since is registered.
        """
        wanted = set(digests)
        found = wanted & set(claims.files)
        if claims.files_left and wanted - found:
            keys = {_key(contract, digest): digest for digest in wanted - found}
            present = present_keys(self._ops.table(FILE_REGISTRY), keys)
            found |= {keys[key] for key in present}
        return found

    def superseded(
        self, contract: Contract, claims: Claims, names: Iterable[str]
    ) -> Mapping[str, str]:
        """The newest content that was loaded under each name, `{name: sha256}`."""
        wanted = set(names)
        newest: dict[str, str] = {}
        if claims.files_left:
            rows = self._ops.read(
                FILE_REGISTRY,
                And(
                    EqualTo("source", contract.source),
                    EqualTo("table_name", contract.table),
                    EqualTo("status", "loaded"),
                    In("file_name", wanted),
                ),
            )
            for row in rows.sort_by("ingest_seq").to_pylist():
                newest[row["file_name"]] = row["sha256"]
        for digest, claim in claims.files.items():
            if claim.name in wanted:
                newest[claim.name] = digest
        return newest

    def register(self, contract: Contract, files: Mapping[str, FileClaim]) -> None:
        """Write loaded files to `ops.file_registry`; what is there stays as it is."""
        self._ops.append(FILE_REGISTRY, [_row(contract, *item) for item in files.items()])

    def make_room(
        self, contract: Contract, claims: Claims, coming: int
    ) -> tuple[dict[str, FileClaim], int]:
        """The file claims that stay in the property when some more come, and how many have left.

        Those that leave are registered before this returns.
        """
        files = dict(claims.files)
        if len(files) + coming <= KEPT_FILES:
            return files, claims.files_left
        leaving = dict(list(files.items())[: len(files) + coming - KEPT_FILES + _ROOM])
        self.register(contract, leaving)
        staying = {digest: claim for digest, claim in files.items() if digest not in leaving}
        return staying, claims.files_left + len(leaving)


def _row(contract: Contract, digest: str, claim: FileClaim) -> dict[str, Any]:
    return {
        "source": contract.source,
        "table_name": contract.table,
        "status": "loaded",
        "sha256": digest,
        "delivery": "",
        "file_name": claim.name,
        "supersedes": claim.supersedes,
        "load_id": claim.load_id,
        "rows": claim.rows,
        "failed": claim.failed,
        "ingest_seq": claim.ingest_seq,
        "registered_at": datetime.fromisoformat(claim.loaded_at),
    }


def _key(contract: Contract, digest: str) -> str:
    return f"{contract.source}|{contract.table}|loaded|{digest}|"
