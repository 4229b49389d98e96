"""Makes the pinned lake readable in a DuckDB file: views over exact metadata files.

- `raw_<source>.<table>`: the good rows of a raw table as of the pin.
- `ops.pins`, `ops.run_ledger`, `ops.file_registry`, `ops.failed_outcomes`, `ops.gaps`,
  `ops.catalog_drafts`: what the platform remembers, as of now.
- `ops.billing_periods`, `ops.frozen_lines`: what finance closed, as of the pin.
- `ops.failed_events`: the failed rows of all raw tables, as of the pin.
- `ops.source_loads`: a table, rows read, loaded and failed per raw table and commit. It travels
  with the copies of the file, so that a build counts the commits of its window and no others.
"""

from collections.abc import Mapping

import duckdb

from ingestion.contracts import Contract, all_contracts
from ingestion.failed.records import position_sql
from ingestion.lake.duckdb import ops_relation_sql, relation_sql

SOURCE_LOADS = """
create table if not exists ops.source_loads (
    source varchar not null,
    table_name varchar not null,
    ingest_seq bigint not null,
    loaded_at timestamp not null,
    read_count bigint not null,
    loaded_count bigint not null,
    failed_count bigint not null,
    drift_count bigint not null,
    primary key (source, table_name, ingest_seq)
)
"""


def failed_rows_sql(contract: Contract, rows: str) -> str:
    """The failed rows of a raw table as rows of `ops.failed_events`, on DuckDB and BigQuery alike.

    Args:
        contract: Contract of the table.
        rows: What follows FROM.
    """
    return f"""select
    '{contract.source}' as source,
    '{contract.table}' as table_name,
    _error.reason as reason,
    _error.field as field,
    _error.message as message,
    _error.contract_version as contract_version,
    _error.payload as payload,
    {position_sql(contract)} as position,
    _loaded_at,
    _ingest_seq
from {rows}"""


def _count_loads(
    contract: Contract, metadata_location: str | None, from_seq: int, to_seq: int
) -> str:
    # Literal bounds on _ingest_seq prune the files of all earlier commits.
    return f"""
        insert into ops.source_loads
        select
            '{contract.source}',
            '{contract.table}',
            _ingest_seq,
            max(_loaded_at)::timestamp,
            count(*),
            count(*) filter (where _error.reason is null),
            count(*) filter (where _error.reason is not null),
            count(*) filter (where _error.reason is null and _extras is not null)
        from ({relation_sql(contract, metadata_location)})
        where _ingest_seq > {from_seq} and _ingest_seq <= {to_seq}
        group by _ingest_seq
    """


def register(
    connection: duckdb.DuckDBPyConnection,
    raw: Mapping[str, str | None],
    ops: Mapping[str, str | None],
    ranges: Mapping[str, tuple[int, int]],
) -> None:
    """Create or replace the views, and count the loads of the window.

    Args:
        connection: The file that is being built.
        raw: Metadata file of each raw table at the pin, by `<source>.<table>`; None for one that
            did not exist then.
        ops: Metadata file of each operational table, by its name; None for one without rows.
        ranges: `(from_seq, to_seq]` of the window, by `<source>.<table>`.
    """
    failed: list[str] = []
    connection.execute("create schema if not exists ops")
    connection.execute(SOURCE_LOADS)
    for contract in all_contracts():
        location = raw[contract.name]
        connection.execute(f"create schema if not exists {contract.namespace}")
        connection.execute(
            f"create or replace view {contract.namespace}.{contract.table} as "
            f"{relation_sql(contract, location, 'good')}"
        )
        failed.append(failed_rows_sql(contract, f"({relation_sql(contract, location, 'failed')})"))
        from_seq, to_seq = ranges[contract.name]
        if to_seq > from_seq:
            connection.execute(_count_loads(contract, location, from_seq, to_seq))
    for name, metadata_location in ops.items():
        connection.execute(
            f"create or replace view ops.{name} as {ops_relation_sql(name, metadata_location)}"
        )
    connection.execute(f"create or replace view ops.failed_events as {' union all '.join(failed)}")
