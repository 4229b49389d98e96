"""What is new in a source that can only be asked for its present state.

A SQL table or an API sends a record again and again; only a record that differs from the newest
version of its key in the lake is a new version. The lake is the memory, so nothing is landed twice
after a crash, and a record that was committed late with an old timestamp is still found.
"""

import hashlib
from collections.abc import Iterable

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contracts import Contract
from ingestion.contracts.schema import column_schema
from ingestion.lake import Lake

MAX_REMEMBERED = 5_000
"""Failed records that a position remembers; beyond, the oldest are landed again when sent again."""


class KnownVersions:
    """The newest version of each key of one raw table, read at one exact state of it.

    Args:
        connection: A DuckDB connection that can read the lake; a table is made in it.
        lake: The lake.
        contract: The contract of the raw table.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, lake: Lake, contract: Contract):
        self._connection = connection
        self._contract = contract
        self._table = f"known_{contract.source}_{contract.table}"
        self._keys = [_column(contract, name) for name in contract.key]
        self._columns = [
            column.name for field in contract.column_fields() for column in column_schema(field)
        ]
        relation = lake.duckdb_relation_sql(
            contract, lake.head(contract).metadata_location, rows="good"
        )
        deleted = "_is_deleted" if contract.carrier == "sql" else "false"
        connection.execute(f"""
            create or replace table {self._table} as
            select {_list(self._columns)}, {deleted} as is_deleted
            from ({relation})
            qualify row_number() over (
                partition by {_list(self._keys)} order by _ingest_seq desc, _source_line desc
            ) = 1
        """)

    def new(self, landed: pa.Table) -> pa.Table:
        """The good rows of a landed table that are new versions, each once, in their order."""
        good = landed.filter(pc.is_null(pc.struct_field(landed["_error"], "reason")))
        same = " and ".join(
            f"sent.{_quoted(name)} is not distinct from known.{_quoted(name)}"
            for name in self._columns
        )
        cursor = self._connection.cursor()
        cursor.register("sent", good.append_column("position", _numbers(len(good))))
        places = cursor.execute(f"""
            select position from sent
            where not exists (
                select 1 from {self._table} as known where not known.is_deleted and {same}
            )
            qualify row_number() over (
                partition by {_list(self._columns, "sent.")} order by position
            ) = 1
            order by position
        """).to_arrow_table()["position"]
        return good.take(places)

    def unseen(self, keys: pa.Table) -> list[int]:
        """Positions of the source's keys whose newest version in the lake is another one.

        Args:
            keys: The key columns as text, as they are in the lake (pseudonyms), and `updated_at`
                as text.
        """
        cursor = self._connection.cursor()
        cursor.register("listed", keys.append_column("position", _numbers(len(keys))))
        found = cursor.execute(f"""
            select position from listed
            where not exists (
                select 1 from {self._table} as known
                where {self._same_key("listed")} and not known.is_deleted
                and known.updated_at = try_cast(listed.updated_at as timestamptz)
            )
            order by position
        """).fetchall()
        return [position for (position,) in found]

    def vanished(self, keys: pa.Table) -> pa.Table:
        """The newest versions whose keys the source does not list any more, ordered by key.

        Args:
            keys: The source's keys; see `unseen`.
        """
        cursor = self._connection.cursor()
        cursor.register("listed", keys)
        return cursor.execute(f"""
            select {_list([*self._keys, "updated_at"])} from {self._table} as known
            where not is_deleted
            and not exists (select 1 from listed where {self._same_key("listed")})
            order by {_list(self._keys)}
        """).to_arrow_table()

    def _same_key(self, other: str) -> str:
        return " and ".join(
            f"{other}.{_quoted(name)} = cast(known.{_quoted(name)} as varchar)"
            for name in self._keys
        )


class FailedBefore:
    """Records that failed before and have been landed as failed rows already.

    A failed row keeps its record encrypted with the key of its day, so it cannot be compared with
    what the source sends. A keyed digest of each is therefore part of the position.

    Args:
        digests: The digests of the position, oldest first.
        key: The pseudonym key.
    """

    def __init__(self, digests: Iterable[str], key: bytes) -> None:
        self._digests = dict.fromkeys(digests)
        self._key = key[: hashlib.blake2b.MAX_KEY_SIZE]

    def add(self, record: bytes) -> bool:
        """Remember a failed record.

        Returns:
            Whether it is new.
        """
        digest = hashlib.blake2b(record, key=self._key, digest_size=12).hexdigest()
        is_new = digest not in self._digests
        self._digests.pop(digest, None)
        self._digests[digest] = None
        return is_new

    @property
    def digests(self) -> list[str]:
        """The newest digests, oldest first, for the next position."""
        return list(self._digests)[-MAX_REMEMBERED:]


def _column(contract: Contract, name: str) -> str:
    return next(field.column for field in contract.column_fields() if field.name == name)


def _numbers(count: int) -> pa.Array:
    return pa.array(range(count), pa.int64())


def _quoted(name: str) -> str:
    return f'"{name}"'


def _list(names: Iterable[str], prefix: str = "") -> str:
    return ", ".join(f"{prefix}{_quoted(name)}" for name in names)
