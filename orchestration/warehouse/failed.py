"""Reads failed records: from the published warehouse's view, so as of its pin."""

from ingestion.errors import AdxError, ExitCode
from ingestion.landing import KeyStore
from ingestion.settings import Settings
from orchestration.warehouse.duck import open_file
from orchestration.warehouse.store import files_of

Row = dict[str, object]


def _rows(settings: Settings, sql: str, parameters: list[object]) -> list[Row]:
    store = files_of(settings)
    store.published()
    with open_file(store.current_file, settings, read_only=True) as connection:
        cursor = connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


_FILTER = (
    "(?::varchar is null or source || '.' || table_name = ?) and (?::varchar is null or reason = ?)"
)


def groups(settings: Settings, *, table: str | None, reason: str | None) -> list[Row]:
    """Failed records by table and reason, most first, each with one example."""
    return _rows(
        settings,
        f"""
        select
            source || '.' || table_name as "table",
            reason,
            count(*) as "count",
            min(_loaded_at)::date::varchar as first_loaded,
            max(_loaded_at)::date::varchar as last_loaded,
            arg_min(coalesce(field || ': ', '') || message, _ingest_seq) as example
        from ops.failed_events
        where {_FILTER}
        group by source, table_name, reason
        order by "count" desc, "table", reason
        """,
        [table, table, reason, reason],
    )


def records(settings: Settings, *, table: str | None, reason: str | None, limit: int) -> list[Row]:
    """Failed records without their payloads, newest first."""
    return _rows(
        settings,
        f"""
        select
            source || '.' || table_name as "table", position, reason, field, message,
            _loaded_at::varchar as loaded_at
        from ops.failed_events
        where {_FILTER}
        order by _loaded_at desc, "table", position
        limit ?
        """,
        [table, table, reason, reason, limit],
    )


def show(settings: Settings, table: str, position: str) -> Row:
    """One failed record with its payload in clear.

    Raises:
        AdxError: There is no such record, or the key of its day was dropped.
    """
    found = _rows(
        settings,
        """
        select reason, field, message, contract_version, _loaded_at::varchar as loaded_at, payload
        from ops.failed_events
        where source || '.' || table_name = ? and position = ?
        order by _ingest_seq
        """,
        [table, position],
    )
    if not found:
        raise AdxError(
            f"No failed record of {table} is at {position}.",
            remedy="`adx failed list --limit 20` shows tables and positions.",
            exit_code=ExitCode.USAGE,
        )
    record = found[0]
    if record["payload"] is not None:
        payload = KeyStore(settings.keys).decrypt(str(record["payload"]))
        record["payload"] = payload.decode("utf-8", errors="backslashreplace")
    return record
