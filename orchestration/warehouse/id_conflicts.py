"""Id conflicts of the published warehouse: deliveries that are loaded and do not count.

They are no failed records: whether an id comes again with another time is known only beside all
that is loaded, and the row is there (docs/decisions/adr-0022-what-a-record-fails-for.md).
"""

from typing import Final

from ingestion.settings import Settings
from orchestration.warehouse.query import query

Row = dict[str, object]

_BY_TABLE: Final = """
select
    source_table, event_type, count(*) as conflict_count, min(event_date) as first_date,
    max(event_date) as last_date
from business_vault.bv_id_conflicts
group by source_table, event_type
order by conflict_count desc, source_table, event_type
"""
_NEWEST: Final = """
select
    source_table, event_type, event_id, event_at, first_source_table, first_event_at, load_datetime
from business_vault.bv_id_conflicts
order by load_datetime desc, source_table, event_id, event_at, delivery_hk
"""


def by_table(settings: Settings) -> list[Row]:
    """Deliveries whose id was loaded before with another time, by source table and kind of event.

    Raises:
        AdxError: Nothing has been published yet.
    """
    return _rows(settings, _BY_TABLE, None)


def newest(settings: Settings, limit: int) -> list[Row]:
    """Some of them, with the delivery that holds, newest first."""
    return _rows(settings, _NEWEST, limit)


def _rows(settings: Settings, sql: str, limit: int | None) -> list[Row]:
    answer = query(settings, sql, limit=limit)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
