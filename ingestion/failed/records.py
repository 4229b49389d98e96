"""Failed rows as the lake has them: who they are, where they stood, why they failed."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from ingestion.contracts import Contract, all_contracts
from ingestion.contracts.schema import position_columns, position_key
from ingestion.errors import AdxError, ExitCode
from ingestion.lake.duckdb import relation_sql
from ingestion.landing import KeyStore


@dataclass(frozen=True)
class FailedRecord:
    """One failed row, without its payload.

    Attributes:
        failed_id: Names it for good: of its table, commit and position.
        table: Raw table, as `<source>.<table>`.
        position: Where the record stood in its source, as one text.
        failed_seq: `_ingest_seq` of the commit that brought it.
        loaded_at: When that was, UTC.
        reason: Why it failed.
        field: Declared field at fault.
        message: What was found.
        contract_version: Version of the contract that it broke.
        lineage: The position columns, by name.
    """

    failed_id: str
    table: str
    position: str
    failed_seq: int
    loaded_at: datetime
    reason: str
    field: str | None
    message: str
    contract_version: int | None
    lineage: dict[str, Any]


def contracts_named(table: str | None) -> list[Contract]:
    """The contracts of a raw table, of a source, or all.

    Raises:
        AdxError: There is no such table.
    """
    found = [
        contract for contract in all_contracts() if table in (None, contract.name, contract.source)
    ]
    if not found:
        raise AdxError(
            f"There is no raw table or source {table}.",
            remedy=f"Name one of {', '.join(contract.name for contract in all_contracts())}.",
            exit_code=ExitCode.USAGE,
        )
    return found


def position_sql(contract: Contract) -> str:
    """Where a record stood in its source, as one text; in DuckDB's SQL and in BigQuery's."""
    delimiter = "/" if contract.carrier == "kafka" else ":"
    parts = [f"cast({column} as string)" for column in position_key(contract)]
    return f" || '{delimiter}' || ".join(parts)


def failed_id(table: str, failed_seq: int, position: str) -> str:
    """The id of a failed row: 16 digits of a hash of where it lies."""
    return hashlib.sha256(f"{table}|{failed_seq}|{position}".encode()).hexdigest()[:16]


def failed_records(
    connection: duckdb.DuckDBPyConnection, contract: Contract, metadata_location: str
) -> list[FailedRecord]:
    """All failed rows of an exact state of a raw table, in the order in which they came."""
    names = position_columns(contract)
    rows = connection.execute(
        f"""
        select {position_sql(contract)}, _ingest_seq, _loaded_at, _error.reason, _error.field,
            _error.message, _error.contract_version, {", ".join(names)}
        from ({relation_sql(contract, metadata_location, "failed")})
        order by _ingest_seq, {", ".join(names)}
        """
    ).fetchall()
    return [
        FailedRecord(
            failed_id=failed_id(contract.name, seq, position),
            table=contract.name,
            position=position,
            failed_seq=seq,
            loaded_at=loaded_at,
            reason=reason,
            field=field,
            message=message,
            contract_version=version,
            lineage=dict(zip(names, lineage, strict=True)),
        )
        for position, seq, loaded_at, reason, field, message, version, *lineage in rows
    ]


def payload_tokens(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    metadata_location: str,
    records: Iterable[FailedRecord],
) -> dict[str, str | None]:
    """The encrypted payloads of some failed rows, by their ids; None for a tombstone."""
    found = list(records)
    wanted = pa.table(
        {
            "failed_id": [record.failed_id for record in found],
            "seq": pa.array([record.failed_seq for record in found], pa.int64()),
            "place": [record.position for record in found],
        }
    )
    connection.register("wanted", wanted)
    try:
        rows = connection.execute(
            f"""
            select wanted.failed_id, failed._error.payload
            from ({relation_sql(contract, metadata_location, "failed")}) as failed
            inner join wanted
                on failed._ingest_seq = wanted.seq and {position_sql(contract)} = wanted.place
            """
        ).fetchall()
    finally:
        connection.unregister("wanted")
    return dict(rows)


def payload_of(keys: KeyStore, token: str | None) -> bytes | None:
    """A payload in clear.

    Raises:
        AdxError: The key of its day was dropped, so it is erased; or the key is another one.
    """
    return None if token is None else keys.decrypt(token)


def is_erased(error: AdxError) -> bool:
    """Whether a payload cannot be read any more, for itself and not for want of a key folder."""
    return error.exit_code is ExitCode.DATA
