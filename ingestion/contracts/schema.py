"""The raw table that a contract makes: typed columns, `_error`, `_extras`, lineage."""

import pyarrow as pa

from ingestion.contracts.model import Contract, Field

TIMESTAMP = pa.timestamp("us", tz="UTC")
DECIMAL = pa.decimal128(38, 9)

ERROR = pa.struct(
    [
        pa.field("reason", pa.string()),
        pa.field("field", pa.string()),
        pa.field("message", pa.string()),
        pa.field("contract_version", pa.int32()),
        pa.field("payload", pa.string()),
    ]
)
"""Why a record failed; `payload` is the record as it came, encrypted with the key of its day."""

_ARROW: dict[str, pa.DataType] = {
    "str": pa.string(),
    "uuid": pa.string(),
    "enum": pa.string(),
    "json": pa.string(),
    "int": pa.int64(),
    "bool": pa.bool_(),
    "dec": DECIMAL,
    "ts": TIMESTAMP,
    "date": pa.date32(),
}


def column_schema(field: Field) -> list[pa.Field]:
    """The columns that one declared field becomes: itself, an IP's prefix, a pseudonym.

    Every raw column is nullable, because a failed row has none of them.
    """
    if field.type == "struct":
        members = [column for child in field.fields for column in column_schema(child)]
        return [pa.field(field.column, pa.struct(members))]
    if field.items is not None:
        (element,) = column_schema(field.items)
        return [pa.field(field.column, pa.list_(element))]
    columns = [pa.field(field.column, _ARROW[field.type])]
    if field.pii == "ip":
        columns.append(pa.field(f"{field.column}_prefix", pa.string()))
    if field.pseudonym is not None:
        columns.append(pa.field(field.pseudonym, pa.string()))
    return columns


_KAFKA_POSITION = [
    pa.field("_kafka_topic", pa.string()),
    pa.field("_kafka_topic_id", pa.string()),
    pa.field("_kafka_partition", pa.int32()),
    pa.field("_kafka_offset", pa.int64()),
]
_SOURCE_POSITION = [pa.field("_source_file", pa.string()), pa.field("_source_line", pa.int64())]


def position_columns(contract: Contract) -> list[str]:
    """The lineage columns that say where a record came from."""
    return [field.name for field in _position_schema(contract)]


def position_key(contract: Contract) -> list[str]:
    """Those of them that tell the records of a source apart: a topic's name may come again."""
    return [name for name in position_columns(contract) if name != "_kafka_topic"]


def failed_condition(contract: Contract) -> str:
    """The predicate of a raw table's failed rows, in DuckDB's SQL and BigQuery's.

    Failed rows of event tables stand in the null partition: the predicate prunes the others.
    """
    partition = " and event_date is null" if contract.is_event else ""
    return f"_error.reason is not null{partition}"


def _position_schema(contract: Contract) -> list[pa.Field]:
    return _KAFKA_POSITION if contract.carrier == "kafka" else _SOURCE_POSITION


def lineage_schema(contract: Contract) -> list[pa.Field]:
    """The columns that say where a row came from and which commit brought it."""
    deleted = [pa.field("_is_deleted", pa.bool_())] if contract.carrier == "sql" else []
    return [
        *_position_schema(contract),
        *deleted,
        pa.field("_contract_version", pa.int32()),
        pa.field("_loaded_at", TIMESTAMP),
        pa.field("_ingest_seq", pa.int64()),
    ]


def partition_column(contract: Contract) -> str:
    """`event_date` for events; the UTC date of the load for everything else."""
    return "event_date" if contract.is_event else "_load_date"


def raw_schema(contract: Contract) -> pa.Schema:
    """Arrow schema of the raw table of a contract, in column order.

    Declared columns come first, then the partition date, `_extras` (unknown fields as JSON,
    encrypted), `_error` (null for good rows) and lineage. A SQL table also has `_is_deleted`:
    true for the row that says that a key has gone from the source.
    """
    columns: list[pa.Field] = []
    for field in contract.column_fields():
        columns.extend(column_schema(field))
        if contract.event_time in (field.name, field.column):
            columns.append(pa.field("event_date", pa.date32()))
    if not contract.is_event:
        columns.append(pa.field("_load_date", pa.date32()))
    columns += [pa.field("_extras", pa.string()), pa.field("_error", ERROR)]
    return pa.schema(columns + lineage_schema(contract))
