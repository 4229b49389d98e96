"""Makes the pinned lake readable in BigQuery, under the names that it has on DuckDB.

- `raw_<source>.<table>`: a view of the good rows as of the pin.
- `raw_<source>.<table>__pinned`: all rows, good and failed. With a BigLake connection it is an
  external Iceberg table on the exact metadata file of the pin, and nothing is copied. Without one
  the rows of the pin's commits are loaded into a table, those of new commits only.
- `ops.<table>`: what the platform remembers, as of now; `ops.billing_periods` and
  `ops.frozen_lines`, what finance closed, as of the pin.
- `ops.failed_events`: the failed rows of all raw tables, as of the pin.
- `ops.source_loads`: rows read, loaded and failed per raw table and commit, up to the pin.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import pyarrow as pa

from ingestion.contracts import Contract, all_contracts, raw_schema
from ingestion.contracts.model import ELEMENT
from ingestion.contracts.schema import failed_condition
from ingestion.errors import AdxError, ExitCode
from ingestion.lake.duckdb import connect, ops_relation_sql, relation_sql
from ingestion.lake.ops import OPS_TABLES
from ingestion.lake.projection import Columns, columns_of
from ingestion.lake.storage import storage_of
from orchestration.warehouse.bigquery.service import Service, schema_of, sql_type
from orchestration.warehouse.register import failed_rows_sql

PINNED: Final = "__pinned"
"""What stands behind the name of a raw table in the name of the table of all its rows."""

SOURCE_LOADS: Final = """
create table if not exists {name} (
    source string not null,
    table_name string not null,
    ingest_seq int64 not null,
    loaded_at timestamp not null,
    read_count int64 not null,
    loaded_count int64 not null,
    failed_count int64 not null,
    drift_count int64 not null
)
"""


def register(
    service: Service,
    raw: Mapping[str, str | None],
    ops: Mapping[str, str | None],
    ranges: Mapping[str, tuple[int, int]],
) -> None:
    """Make tables and views show the pin, and count the loads of the window.

    Args:
        service: Where.
        raw: Metadata file of each raw table at the pin, by `<source>.<table>`; None for one that
            did not exist then.
        ops: Metadata file of each operational table, by its name; None for one without rows.
        ranges: `(from_seq, to_seq]` of the window, by `<source>.<table>`.

    Raises:
        AdxError: The service failed, or cannot read the lake where it is.
    """
    make_datasets(service)
    if service.settings.bigquery_connection:
        for name in (name for name, location in ops.items() if location is None):
            service.make_table("ops", name, schema_of(OPS_TABLES[name].schema))
        for contract in all_contracts():
            if raw[contract.name] is None:
                schema = schema_of(raw_schema(contract))
                service.make_table(contract.namespace, contract.table + PINNED, schema)
        for statement in external_tables(service, raw, ops):
            service.run(statement)
        present = {
            name: _columns(location) for name, location in raw.items() if location is not None
        }
    else:
        _load_raw(service, raw, {name: last for name, (_, last) in ranges.items()})
        _load_ops(service, ops)
        present = {}
    for statement in statements_over(service, ranges, present):
        service.run(statement)


def make_datasets(service: Service) -> None:
    """Make the datasets of what is registered, unless they are there."""
    for dataset in sorted({"ops", *(contract.namespace for contract in all_contracts())}):
        service.make_dataset(dataset)


def statements_over(
    service: Service, ranges: Mapping[str, tuple[int, int]], present: Mapping[str, Columns]
) -> Iterator[str]:
    """Statements that make views of the pinned tables, and count the loads of the window.

    Args:
        service: Where.
        ranges: As in `register`.
        present: The columns of each pinned table by `<source>.<table>`, where some may lack.
    """
    for contract in all_contracts():
        yield good_rows(service, contract, present.get(contract.name))
    yield failed_events(service)
    yield SOURCE_LOADS.format(name=service.table("ops", "source_loads"))
    yield from count_loads(service, ranges)


def external_tables(
    service: Service, raw: Mapping[str, str | None], ops: Mapping[str, str | None]
) -> Iterable[str]:
    """Statements that put external tables on exact metadata files.

    Raises:
        AdxError: The lake is where BigQuery reads no external Iceberg table.
    """
    for contract in all_contracts():
        if (location := raw[contract.name]) is not None:
            table = service.table(contract.namespace, contract.table + PINNED)
            yield external_table(service, table, location)
    for name, location in ops.items():
        if location is not None:
            yield external_table(service, service.table("ops", name), location)


def external_table(service: Service, table: str, location: str) -> str:
    """The statement that puts one external table on a metadata file.

    Raises:
        AdxError: The file is not in Google's object store.
    """
    if not location.startswith("gs://"):
        raise AdxError(
            f"BigQuery reads no external Iceberg table outside gs://; this lake has {location}.",
            remedy="Unset ADX_BIGQUERY_CONNECTION: then the rows of each pin are loaded instead.",
            exit_code=ExitCode.CONFIGURATION,
        )
    return (
        f"create or replace external table {table}\n"
        f"with connection `{service.settings.bigquery_connection}`\n"
        f"options (format = 'ICEBERG', uris = [{json.dumps(location)}])"
    )


def good_rows(service: Service, contract: Contract, present: Columns | None) -> str:
    """The statement that makes the view of the rows that passed the contract.

    Args:
        service: Names the project.
        contract: Contract of the table.
        present: The columns that the pinned table has; None for all. What it lacks is null.
    """
    columns = [
        f"    {value} as {name}" if value != name else f"    {name}"
        for column in raw_schema(contract)
        for name in [f"`{column.name}`"]
        for value in [name if present is None else _value(name, column, present)]
    ]
    return (
        f"create or replace view {service.table(contract.namespace, contract.table)} as\nselect\n"
        + ",\n".join(columns)
        + f"\nfrom {service.table(contract.namespace, contract.table + PINNED)}"
        + "\nwhere _error.reason is null"
    )


def failed_events(service: Service) -> str:
    """The statement that makes the view of the failed rows of all raw tables."""
    selects = [_failed_rows(service, contract) for contract in all_contracts()]
    return (
        f"create or replace view {service.table('ops', 'failed_events')} as\n"
        + "\nunion all\n".join(selects)
    )


def _failed_rows(service: Service, contract: Contract) -> str:
    table = service.table(contract.namespace, contract.table + PINNED)
    return failed_rows_sql(contract, f"{table}\nwhere {failed_condition(contract)}")


def count_loads(service: Service, ranges: Mapping[str, tuple[int, int]]) -> list[str]:
    """Statements that count the commits of the window, whatever was counted of them before."""
    loads = service.table("ops", "source_loads")
    after = "\n    or ".join(
        f"(source = '{contract.source}' and table_name = '{contract.table}' "
        f"and ingest_seq > {ranges[contract.name][0]})"
        for contract in all_contracts()
    )
    statements = [f"delete from {loads}\nwhere\n    {after}"]
    counts = [
        f"""select
    '{contract.source}' as source,
    '{contract.table}' as table_name,
    _ingest_seq as ingest_seq,
    max(_loaded_at) as loaded_at,
    count(*) as read_count,
    countif(_error.reason is null) as loaded_count,
    countif(_error.reason is not null) as failed_count,
    countif(_error.reason is null and _extras is not null) as drift_count
from {service.table(contract.namespace, contract.table + PINNED)}
where _ingest_seq > {first} and _ingest_seq <= {last}
group by _ingest_seq"""
        for contract in all_contracts()
        for first, last in [ranges[contract.name]]
        if last > first
    ]
    if counts:
        statements.append(f"insert into {loads}\n" + "\nunion all\n".join(counts))
    return statements


def _load_raw(service: Service, raw: Mapping[str, str | None], heads: Mapping[str, int]) -> None:
    """Bring the tables of all rows to the heads of the pin."""
    for contract in all_contracts():
        _prepare(service, contract)
    loaded = _loaded(service)
    with connect(service.settings) as connection:
        for contract in all_contracts():
            head, table = heads[contract.name], contract.table + PINNED
            first = loaded[contract.name]
            if first > head:
                # An older pin is asked for: its rows are not the newest ones.
                service.make_table(contract.namespace, table, schema_of(raw_schema(contract)))
                first = 0
            if first < head:
                rows = connection.execute(
                    f"from ({relation_sql(contract, raw[contract.name])}) "
                    f"where _ingest_seq > {first} and _ingest_seq <= {head}"
                ).to_arrow_table()
                if rows.num_rows:
                    service.load(contract.namespace, table, rows.cast(raw_schema(contract)))


def _prepare(service: Service, contract: Contract) -> None:
    """Make the table of all rows, unless it is there with the columns of the contract."""
    wanted = schema_of(raw_schema(contract))
    stored = service.describe(contract.namespace, contract.table + PINNED)
    if stored is None or not _same(stored.schema, wanted):
        service.make_table(contract.namespace, contract.table + PINNED, wanted)


def _same(stored: Iterable[Any], wanted: Iterable[Any]) -> bool:
    def shape(fields: Iterable[Any]) -> list[Any]:
        return [(field.name, field.mode == "REPEATED", shape(field.fields)) for field in fields]

    return shape(stored) == shape(wanted)


def _loaded(service: Service) -> dict[str, int]:
    """The newest commit of each table of all rows; 0 for an empty one.

    A commit whose table has no row of it is asked of the lake again and again: that costs little,
    and nothing has to be remembered beside the rows.
    """
    selects = [
        f"select '{contract.name}', coalesce(max(_ingest_seq), 0) "
        f"from {service.table(contract.namespace, contract.table + PINNED)}"
        for contract in all_contracts()
    ]
    return {str(name): int(head) for name, head in service.run("\nunion all\n".join(selects))}


def _load_ops(service: Service, ops: Mapping[str, str | None]) -> None:
    with connect(service.settings) as connection:
        for name, location in ops.items():
            schema = OPS_TABLES[name].schema
            rows = connection.execute(ops_relation_sql(name, location)).to_arrow_table()
            service.make_table("ops", name, schema_of(schema))
            if rows.num_rows:
                service.load("ops", name, rows.cast(schema))


def _columns(location: str) -> Columns:
    return columns_of(json.loads(storage_of(location).read(location)))


def _value(source: str, column: pa.Field, present: Columns) -> str:
    """An expression for a column that is called `source`; `source` itself where nothing lacks."""
    if column.name not in present:
        return f"cast(null as {sql_type(column.type)})"
    kind, inside = column.type, present[column.name]
    if pa.types.is_struct(kind):
        values = [(f"{source}.`{child.name}`", child) for child in kind]
        members = [(_value(name, child, inside), name, child.name) for name, child in values]
        if all(value == name for value, name, _ in members):
            return source
        filled = ", ".join(f"{value} as `{name}`" for value, _, name in members)
        return f"if({source} is null, null, struct({filled}))"
    if pa.types.is_list(kind):
        element = f"{ELEMENT}_{source.count(ELEMENT)}"
        value = _value(element, kind.value_field.with_name(ELEMENT), inside)
        if value == element:
            return source
        place = f"{element}_place"
        return (
            f"array(select {value} from unnest({source}) as {element} "
            f"with offset as {place} order by {place})"
        )
    return source
