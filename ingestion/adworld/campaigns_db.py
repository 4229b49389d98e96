"""The campaigns database as SQLite: tables from the contracts, and days played into it.

The day that was played last is kept in the database itself, in the same transaction as its
changes, so that a kill never leaves half a day or a day that would be played twice.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from ingestion.adworld.config import WorldConfig
from ingestion.adworld.market import TABLES, Change, changes_of
from ingestion.contracts import load_contract

FILE_NAME = "campaigns.db"
_MARKER = "_adworld_state"
_BUSY_SECONDS = 30.0


def create_database(path: Path) -> None:
    """Make the empty tables; a database that has them stays as it is."""
    with closing(_connect(path)) as connection, connection:
        connection.execute("begin immediate")
        connection.execute(f"create table if not exists {_MARKER} (day integer primary key) strict")
        for table in TABLES:
            contract = load_contract("campaigns", table)
            columns = [
                f"{field.name} {'integer' if field.type == 'int' else 'text'}"
                for field in contract.fields
            ]
            key = ", ".join(contract.key)
            connection.execute(
                f"create table if not exists {table} ({', '.join(columns)}, primary key ({key}))"
            )


def play_database(path: Path, config: WorldConfig, day: int) -> int:
    """Make the changes of a day; 0 changes if it was played before.

    Returns:
        The number of rows that were written or deleted.
    """
    with closing(_connect(path)) as connection, connection:
        connection.execute("begin immediate")
        played = connection.execute(f"select coalesce(max(day), 0) from {_MARKER}").fetchone()[0]
        if played >= day:
            return 0
        changes = changes_of(config, day)
        for change in changes:
            _apply(connection, change)
        connection.execute(f"insert into {_MARKER} values (?)", (day,))
        return len(changes)


def _apply(connection: sqlite3.Connection, change: Change) -> None:
    contract = load_contract("campaigns", change.table)
    if change.row is None:
        condition = " and ".join(f"{name} = ?" for name in contract.key)
        connection.execute(f"delete from {change.table} where {condition}", change.key)
        return
    names = [field.name for field in contract.fields]
    connection.execute(
        f"insert or replace into {change.table} ({', '.join(names)}) "
        f"values ({', '.join('?' * len(names))})",
        [change.row[name] for name in names],
    )


def _connect(path: Path) -> sqlite3.Connection:
    # Transactions are begun by hand, so that the marker and the rows are in the same one.
    return sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
