"""One task: consume a range, land it, write it, and say what was written."""

from collections import Counter
from functools import cache
from pathlib import Path

import pyarrow as pa

from ingestion.contracts import Contract
from ingestion.contracts.registry import contracts_folder, contracts_of, find_contract
from ingestion.errors import AdxError, ExitCode
from ingestion.lake.files import DataFile, write_data_files
from ingestion.landing import KeyStore, LandingContext, Tally, land_json
from ingestion.settings import Settings
from ingestion.streaming.consume import Records, consume_range
from ingestion.streaming.plan import Descriptor, QueryPlan, TaskRange

_FILE_ROWS = 500_000
_FILE_BYTES = 256 * 1024 * 1024
"""A task writes its files when it holds this much, so that its memory has a bound."""


def land_range(plan: QueryPlan, task: TaskRange) -> Descriptor:
    """Turn a range of a topic partition into data files of the lake.

    The files count for nothing until the driver commits them with the offsets they hold.

    Raises:
        AdxError: Records expired, the cluster stopped answering, or the lake's folder cannot be
            written.
    """
    settings = _settings(plan.settings)
    contract = _contract(plan)
    keys = KeyStore(settings.keys)
    keys.demand(plan.keys)
    context = LandingContext(
        contract=contract,
        ingest_seq=task.ingest_seq,
        loaded_at=task.loaded_at,
        keys=keys,
    )
    topic = settings.topic(plan.topic)
    files: list[DataFile] = []
    failed: Counter[str] = Counter()
    read = drift = held_bytes = held_rows = 0
    held: list[pa.Table] = []

    def write() -> None:
        if held:
            files.extend(write_data_files(pa.concat_tables(held), contract, plan.location))
            held.clear()

    wants_header = _takes_event_id_from_header(contract)
    for records in consume_range(settings, topic, task, with_event_ids=wants_header):
        lineage = _lineage(records, topic, plan.topic_id, task.partition)
        table = land_json(context, records.values, lineage, records.event_ids)
        tally = Tally.of(table)
        read += tally.rows
        drift += tally.drift
        failed.update(tally.failed_by_reason)
        held.append(table)
        held_rows += table.num_rows
        held_bytes += records.values.nbytes
        if held_rows >= _FILE_ROWS or held_bytes >= _FILE_BYTES:
            write()
            held_rows = held_bytes = 0
    write()
    return Descriptor(
        partition=task.partition,
        start=task.start,
        end=task.end,
        ingest_seq=task.ingest_seq,
        files=[file.to_dict() for file in files],
        read=read,
        failed=dict(failed),
        drift=drift,
    )


def _contract(plan: QueryPlan) -> Contract:
    """The contract that the driver planned with; this process may have older or newer code.

    Raises:
        AdxError: It has.
    """
    folder = Path(plan.contracts) if plan.contracts else contracts_folder()
    contract = find_contract(contracts_of(folder), plan.source, plan.table)
    if contract.version != plan.version:
        raise AdxError(
            f"The driver lands {contract.name} by version {plan.version} of its contract, this "
            f"executor has version {contract.version}.",
            remedy="Bring driver and executors to the same code; nothing was landed.",
            exit_code=ExitCode.CONFIGURATION,
        )
    return contract


@cache
def _settings(text: str) -> Settings:
    """The driver's settings; a worker takes many tasks of one plan."""
    return Settings.model_validate_json(text)


def _takes_event_id_from_header(contract: Contract) -> bool:
    """Whether an event's id may stand in the record header instead of the value."""
    return any(field.column == "_event_id" for field in contract.fields)


def _lineage(records: Records, topic: str, topic_id: str, partition: int) -> pa.Table:
    rows = len(records.offsets)
    return pa.table(
        {
            "_kafka_topic": pa.repeat(pa.scalar(topic, pa.string()), rows),
            "_kafka_topic_id": pa.repeat(pa.scalar(topic_id, pa.string()), rows),
            "_kafka_partition": pa.repeat(pa.scalar(partition, pa.int32()), rows),
            "_kafka_offset": records.offsets,
        }
    )
