"""Dagster's event log in SQLite, with connections that stay open.

Dagster opens and closes a connection for every statement, and each close checkpoints the database:
2,500 times for a run over 100 models and 130 checks, 10 s of CPU and as much again of waiting for
the disk. One open connection per database, and no flush of the disk for each event (a power cut may
cost the last events, never the database: WAL with `synchronous = normal`), leave a fifth of it.

An event is one transaction a database, not one a statement, and the events that plan a run (one for
each table and check) are one together.
"""

import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any, Self

from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

_OPEN_RUNS = 8
"""Databases of runs that are kept open; a web server looks at many in its life."""

_MIRRORED = ASSET_EVENTS | ASSET_CHECK_EVENTS
"""Events that are written into the database of all assets, too."""

_BATCH_SIZE = "DAGSTER_EVENT_BATCH_SIZE"
"""Dagster hands events over together only where the environment says how many at most."""


class OpenEventLogStorage(SqliteEventLogStorage):
    """The default event log storage (one database a run, one for all assets), kept open."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._known_tables: set[str] = set()
        self._known_columns: set[str] = set()
        self._known_indexes: set[str] = set()
        self._begun: dict[str, Connection] = {}
        self._one_thread = RLock()
        super().__init__(base_dir, inst_data)
        os.environ.setdefault(_BATCH_SIZE, "1000")

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Make it from `dagster.yaml`."""
        return cls(inst_data=inst_data, **config_value)

    def has_table(self, table_name: str) -> bool:
        """Whether the database of all assets has a table; asked for each check, and never lost."""
        if table_name not in self._known_tables and super().has_table(table_name):
            self._known_tables.add(table_name)
        return table_name in self._known_tables

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        known = self._known_columns
        if column_name not in known and super()._has_asset_key_col_on_connection(conn, column_name):
            known.add(column_name)
        return column_name in known

    def has_secondary_index(self, name: str) -> bool:
        """Whether old events were brought into an index; asked for each table, and never undone."""
        if name not in self._known_indexes and super().has_secondary_index(name):
            self._known_indexes.add(name)
        return name in self._known_indexes

    def store_event(self, event: EventLogEntry) -> None:
        """Write an event, in one transaction a database."""
        if event.is_dagster_event and event.dagster_event_type in _MIRRORED:
            with self.run_connection(event.run_id), self.index_connection():
                super().store_event(event)
        else:
            super().store_event(event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Write events of one run, all of them or none, in one transaction a database."""
        with self.run_connection(events[0].run_id), self.index_connection():
            for event in events:
                super().store_event(event)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """A transaction; within one of the same database, that one."""
        with self._one_thread:
            if shard in self._begun:
                yield self._begun[shard]
                return
            engine = self._engine(shard)
            with engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                before = driver.total_changes
                with connection.begin():
                    self._begun[shard] = connection
                    try:
                        yield connection
                    finally:
                        del self._begun[shard]
                if driver.total_changes != before:
                    # Who watches a run looks at this file; the write has gone to the WAL beside it.
                    os.utime(self.path_for_shard(shard))

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.get(shard)
        if engine is None:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=StaticPool,
                connect_args={
                    "timeout": SQLITE_BUSY_TIMEOUT_SECONDS,
                    "check_same_thread": False,
                },
            )
            event.listen(engine, "connect", _flush_seldom)
            self._engines[shard] = engine
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
        self._engines.move_to_end(shard)
        self._close_old()
        return engine

    def _close_old(self) -> None:
        runs = [shard for shard in self._engines if shard != INDEX_SHARD_NAME]
        for shard in runs[:-_OPEN_RUNS]:
            self._engines.pop(shard).dispose()

    def dispose(self) -> None:
        """Close every database."""
        with self._one_thread:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()
        super().dispose()


def _flush_seldom(connection: Any, _record: object) -> None:
    connection.execute("pragma synchronous = normal")
