"""Reads the campaigns database: changed rows and full key lists, in one read transaction.

Rows and keys of all tables come from one snapshot. Otherwise a row inserted between the two
queries would look deleted, and a line item could be read without its campaign.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ingestion.contracts import Contract
from ingestion.errors import AdxError, ExitCode

_BUSY_SECONDS: Final = 10
_KEYS_A_QUERY: Final = 200
"""Keys that one query asks for; SQLite takes 999 parameters at most in old builds."""

_FITTING: Final[dict[str, tuple[type[sa.types.TypeEngine[Any]], ...]]] = {
    "int": (sa.Integer,),
    "bool": (sa.Boolean, sa.Integer),
    "dec": (sa.Numeric, sa.String),
    "ts": (sa.DateTime, sa.String),
    "date": (sa.Date, sa.String),
}
"""SQL types that may carry a declared type; everything else is text."""

Row = tuple[Any, ...]


@dataclass(frozen=True)
class TableRead:
    """What one table gave.

    Attributes:
        columns: Names of the columns, as the source has them.
        rows: Rows that may be new, ordered by `updated_at`, then by key.
        keys: The keys of all rows of the table, each followed by its `updated_at`.
    """

    columns: tuple[str, ...]
    rows: list[Row]
    keys: list[Row]


class Snapshot:
    """One read transaction; made by `read_transaction`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def read(
        self,
        contract: Contract,
        since: datetime | None,
        unseen: Callable[[Sequence[Row]], Sequence[int]],
    ) -> TableRead:
        """Read one table.

        `updated_at` only decides what is read first. The full key list shows what else the lake
        does not have: rows committed late with an old timestamp are read by their keys.

        Args:
            contract: The contract of the table.
            since: Rows updated at this time or later are read; None for all rows.
            unseen: Given keys as in `TableRead.keys`, the positions of those that the lake does
                not have in that version.

        Raises:
            AdxError: The table is missing, or does not have the columns of its contract.
        """
        columns = self._columns(contract)
        table = sa.table(contract.table, *[sa.column(name) for name in columns])
        key = [table.c[name] for name in contract.key]
        updated_at = table.c.updated_at
        query = sa.select(table).order_by(updated_at, *key)
        keys = self._rows(sa.select(*key, updated_at))
        if since is None:
            return TableRead(tuple(columns), self._rows(query), keys)
        changed = self._rows(query.where(updated_at >= self._moment(columns["updated_at"], since)))
        places = [list(columns).index(name) for name in contract.key]
        seen = {tuple(row[place] for place in places) for row in changed}
        rest = [row for row in keys if row[:-1] not in seen]
        late = [rest[position][:-1] for position in unseen(rest)]
        for start in range(0, len(late), _KEYS_A_QUERY):
            chosen = [
                sa.and_(*[column == value for column, value in zip(key, values, strict=True)])
                for values in late[start : start + _KEYS_A_QUERY]
            ]
            changed += self._rows(query.where(sa.or_(*chosen)))
        return TableRead(tuple(columns), changed, keys)

    def _rows(self, query: sa.Select[Any]) -> list[Row]:
        return [tuple(row) for row in self._connection.execute(query)]

    def _moment(self, kind: sa.types.TypeEngine[Any], moment: datetime) -> Any:
        if isinstance(kind, sa.DateTime) and self._connection.dialect.name != "sqlite":
            return moment
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _columns(self, contract: Contract) -> dict[str, sa.types.TypeEngine[Any]]:
        inspector = sa.inspect(self._connection)
        if not inspector.has_table(contract.table):
            raise _changed(contract, f"has no table {contract.table}")
        found = {column["name"]: column["type"] for column in inspector.get_columns(contract.table)}
        # A column that a later version added may come to the source after the contract.
        first = {field.name for field in contract.versions()[0].fields}
        later = {field.name for field in contract.fields} - first
        for field in contract.fields:
            kind = found.get(field.name)
            if kind is None and field.name in later:
                continue
            if kind is None:
                raise _changed(contract, f"has no column {field.name} in {contract.table}")
            fitting = _FITTING.get(field.type, (sa.String,))
            if not isinstance(kind, (*fitting, sa.types.NullType)):
                raise _changed(
                    contract,
                    f"has column {contract.table}.{field.name} as {kind}, not as {field.type}",
                )
        return found


def _changed(contract: Contract, what: str) -> AdxError:
    return AdxError(
        f"The campaigns database {what}; {contract.name} was not landed.",
        remedy=(
            "Undo the change at the source, or declare it in a new version of the contract "
            f"ingestion/contracts/{contract.source}/{contract.table}."
        ),
        exit_code=ExitCode.DATA,
    )


@contextmanager
def read_transaction(url: str) -> Iterator[Snapshot]:
    """Open one read transaction over the whole database.

    Args:
        url: SQLAlchemy URL.

    Raises:
        AdxError: The database is missing, locked, or not reachable.
    """
    with _database_errors(url):
        engine = _engine(url)
        try:
            with engine.connect() as connection:
                _begin(connection)
                yield Snapshot(connection)
        finally:
            engine.dispose()


def _engine(text: str) -> sa.Engine:
    url = sa.make_url(text)
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, isolation_level="REPEATABLE READ")
    if url.database is None or not Path(url.database).is_file():
        raise AdxError(
            f"There is no campaigns database at {url.database}.",
            remedy="Create the ad world first (`adx world`), or correct ADX_CAMPAIGNS_URL.",
            exit_code=ExitCode.UNAVAILABLE,
        )
    return sa.create_engine(
        url,
        # the driver begins no transaction for a SELECT by itself, so it is told to keep out
        connect_args={"timeout": _BUSY_SECONDS, "isolation_level": None},
    )


def _begin(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("pragma query_only = on")
        connection.exec_driver_sql("begin")
        # a deferred transaction sees the database as of its first read
        connection.exec_driver_sql("select count(*) from sqlite_master")
    else:
        connection.exec_driver_sql("set transaction read only")


@contextmanager
def _database_errors(url: str) -> Iterator[None]:
    try:
        shown = sa.make_url(url).render_as_string(hide_password=True)
        yield
    except DBAPIError as error:
        if "locked" in str(error.orig):
            raise AdxError(
                f"The campaigns database {shown} is locked by a writer.",
                remedy="Wait for the writer to finish, then run this again.",
                exit_code=ExitCode.BUSY,
            ) from error
        raise AdxError(
            f"The campaigns database {shown} cannot be read: {error.orig}.",
            remedy="Check that it is up and that ADX_CAMPAIGNS_URL and its rights are correct.",
            exit_code=ExitCode.UNAVAILABLE,
        ) from error
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        raise AdxError(
            f"The campaigns database cannot be opened: {error}.",
            remedy="Correct ADX_CAMPAIGNS_URL (a SQLAlchemy URL) or install its driver.",
            exit_code=ExitCode.CONFIGURATION,
        ) from error
