"""Read-only SQL over the datasets: what is published, the tables below, and raw rows."""

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings
from orchestration.warehouse.bigquery.service import Service
from orchestration.warehouse.query import Answer


def query(settings: Settings, sql: str, *, limit: int | None) -> Answer:
    """Run one SELECT.

    Raises:
        AdxError: It is not one SELECT, or BigQuery refuses it.
    """
    service = Service(settings)
    kind = service.statement_type(sql)
    if kind != "SELECT":
        raise AdxError(
            f"`adx query` only reads; this is {kind.lower().replace('_', ' ')}.",
            remedy="Give one SELECT; tables are written by builds.",
            exit_code=ExitCode.USAGE,
        )
    columns, rows = service.ask(sql, None if limit is None else limit + 1)
    if limit is None:
        return Answer(columns, rows, truncated=False)
    return Answer(columns, rows[:limit], truncated=len(rows) > limit)
