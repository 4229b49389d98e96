"""Failed records, fixed and put through the parser of their carrier once more."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from ingestion.contracts import Contract
from ingestion.contracts.schema import position_columns
from ingestion.failed.records import FailedRecord
from ingestion.failed.rules import Fix
from ingestion.landing import LandingContext, land_json
from ingestion.landing.avro_files import strict_records
from ingestion.landing.csv_scan import CsvBlock, csv_blocks
from ingestion.landing.rows import strict_rows, with_lineage
from ingestion.landing.strict import dump_json, judge_texts, read_document
from ingestion.landing.verdict import Failure, Verdict

REPLAYED_CARRIERS = ("kafka", "jsonl", "csv", "avro")
"""Carriers that bring a record once. Polled sources (SQL, REST) bring the newest state again."""


def land_again(
    context: LandingContext,
    records: Sequence[FailedRecord],
    payloads: Sequence[bytes | None],
    fixes: Sequence[Sequence[Fix]],
) -> pa.Table:
    """The rows of failed records with their fixes, good or failed, in their order.

    They carry the positions that the records came from.

    Args:
        context: The landing.
        records: Failed rows of the contract's table.
        payloads: Their payloads in clear.
        fixes: What is done to each of them, in order.
    """
    contract = context.contract
    names = position_columns(contract)
    lineage = pa.table({name: [record.lineage[name] for record in records] for name in names})
    pairs = list(zip(payloads, fixes, strict=True))
    if contract.carrier == "csv":
        lines = [_fixed_line(contract, payload or b"", todo) for payload, todo in pairs]
        verdicts = [_judge_line(contract, line) for line in lines]
        return with_lineage(context, strict_rows(context, verdicts, lines), lineage)
    if contract.carrier == "avro":
        found = [_fixed_members(contract, payload, todo) for payload, todo in pairs]
        bodies = [
            strict_records(context, [members])
            if members is not None
            else strict_rows(context, [_UNREADABLE], [payload])
            for members, (payload, _) in zip(found, pairs, strict=True)
        ]
        return with_lineage(context, pa.concat_tables(bodies), lineage)
    values = [_fixed_json(contract, payload, todo) for payload, todo in pairs]
    return land_json(context, pa.array(values, pa.binary()), lineage)


_UNREADABLE = Verdict(failure=Failure("parse", None, "The record is no clean JSON object."))


def _fixed_json(contract: Contract, payload: bytes | None, fixes: Sequence[Fix]) -> bytes | None:
    """A JSON record with its fixes; as it came if it is no object, or none changes anything."""
    members = read_document(contract, payload) if payload and fixes else None
    if members is None:
        return payload
    before = dump_json(members)
    for fix in fixes:
        fix.apply(members)
    after = dump_json(members)
    return payload if after == before else after.encode()


def _fixed_members(
    contract: Contract, payload: bytes | None, fixes: Sequence[Fix]
) -> dict[str, Any] | None:
    """A record of Avro, which is kept as JSON, with its fixes."""
    if payload is None or read_document(contract, payload) is None:
        return None
    members: dict[str, Any] = json.loads(payload)
    for fix in fixes:
        fix.apply(members)
    return members


def _fixed_line(contract: Contract, payload: bytes, fixes: Sequence[Fix]) -> bytes:
    """A line of CSV with its fixes, in the fields of the newest version.

    Producers do not all move on one day: a line with fewer fields is one of an earlier version.
    """
    for version in reversed(contract.versions()):
        names = [field.name for field in version.fields]
        block = _block(payload, len(names), len(payload))
        if block is None or block.faults:
            continue
        record: dict[str, Any] = {
            name: column[0].as_py().decode() or None
            for name, column in zip(names, block.columns, strict=True)
        }
        for fix in fixes:
            fix.apply(record)
        line = io.StringIO()
        fields = [_csv_text(record.get(field.name)) for field in contract.fields]
        csv.writer(line, lineterminator="").writerow(fields)
        return line.getvalue().encode()
    return payload


def _csv_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _judge_line(contract: Contract, line: bytes) -> Verdict:
    block = _block(line, len(contract.fields), contract.max_record_bytes)
    if block is None:
        return Verdict(failure=Failure("parse", None, "The line is not one record of CSV."))
    if block.faults:
        return Verdict(failure=block.faults[0])
    return judge_texts(contract, [column[0].as_py().decode() for column in block.columns])


def _block(line: bytes, field_count: int, max_bytes: int) -> CsvBlock | None:
    """The one record that a line holds."""
    blocks = list(csv_blocks(iter([line + b"\n"]), field_count, max_bytes))
    return blocks[0] if len(blocks) == 1 and len(blocks[0]) == 1 else None
