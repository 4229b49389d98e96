"""Checks the chain from source positions to marts: nothing lost, doubled or changed.

Links of the chain, each a group of checks:

1. the data files of the lake are those that were committed (content, size, rows);
2. every topic partition is landed without a gap or a double, up to the offset that is claimed;
   every file is landed with as many rows as it had; failed = replayed + open + discarded, and each
   replayed row is landed once, under the position that it failed at;
3. the warehouse has counted what the lake holds: read = loaded + failed, per table and commit;
4. the vault holds exactly the keys of the lake, and the first delivery of each event unchanged;
5. facts hold exactly the keys of the vault, and their sums;
6. every row of the vault and the marts is as the build left it (stored checksums).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingestion.contracts import Contract, all_contracts
from ingestion.failed import Outcome, failed_records, outcomes
from ingestion.failed.records import position_sql
from ingestion.lake import Lake, Pin
from ingestion.lake.duckdb import ops_relation_sql, relation_sql
from ingestion.settings import Settings
from orchestration.warehouse import checksums
from orchestration.warehouse.chain import CHAIN, Link
from orchestration.warehouse.duck import open_file
from orchestration.warehouse.failed import state_of
from orchestration.warehouse.pin import find_pin
from orchestration.warehouse.store import files_of
from orchestration.warehouse.verdict import Failure, Verdict

Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True)
class Check:
    """A check that was made: its name, and what is wrong (None where it passed)."""

    name: str
    failure: Failure | None = None


def reconcile(settings: Settings) -> Verdict:
    """Make every check; read-only.

    Raises:
        AdxError: Nothing is published, or the lake cannot be read at all.
    """
    build = files_of(settings).published()
    lake = Lake.open(settings)
    pin = find_pin(lake, build.manifest.pin)
    verdict = Verdict()
    checks = list(_files(lake))
    if not any(check.failure for check in checks):
        # Rows can only be read from whole files; with a damaged one that is said and no more.
        with open_file(build.file, settings, read_only=True) as connection:
            decided = outcomes(lake)
            checks += _positions(lake, connection, decided)
            checks += _landed_files(lake, connection, decided)
            checks += _failed(lake, connection, decided)
            checks += _loads(connection, pin)
            checks += (_link(connection, link) for link in CHAIN)
    checks += _rows(settings, build.file)
    for check in checks:
        if check.failure is None:
            verdict.passed += 1
        else:
            verdict.failures.append(check.failure)
    return verdict


def _check(name: str, where: str, expected: object, found: object) -> Check:
    if expected == found:
        return Check(name)
    return Check(name, Failure(name, where, str(expected), str(found)))


def _files(lake: Lake) -> Iterator[Check]:
    """Every data file, by table."""
    for contract in all_contracts():
        name = f"data files of {contract.name}"
        problems = lake.check_files(contract)
        if problems:
            first = problems[0]
            yield Check(
                name,
                Failure(name, first.path, "as committed", first.problem, len(problems) - 1),
            )
        else:
            yield Check(name)
    problems = lake.check_ops_files()
    name = "data files of ops"
    yield Check(
        name,
        Failure(name, problems[0].path, "as committed", problems[0].problem, len(problems) - 1)
        if problems
        else None,
    )


def _replay_commits(decided: Iterable[Outcome]) -> str:
    """Commits that landed failed rows again, as a list for SQL; they bring no new position."""
    seqs = {row["ingest_seq"] for row in decided if row["outcome"] == "replayed"}
    return ", ".join(map(str, sorted(seqs))) or "-1"


def _positions(
    lake: Lake, connection: Connection, decided: Mapping[str, Mapping[str, Outcome]]
) -> Iterator[Check]:
    """Offsets of every topic partition: rows = next offset - start, each once."""
    for contract in all_contracts():
        if contract.carrier != "kafka":
            continue
        head = lake.head(contract)
        rows = connection.execute(
            f"""
            select _kafka_topic_id, _kafka_partition, count(*), count(distinct _kafka_offset),
                min(_kafka_offset), max(_kafka_offset) + 1
            from ({relation_sql(contract, head.metadata_location)})
            where _ingest_seq not in ({_replay_commits(decided[contract.name].values())})
            group by all order by all
            """
        ).fetchall()
        landed = {(topic, partition): tuple(numbers) for topic, partition, *numbers in rows}
        claimed = {
            (topic, partition): offset
            for topic, partitions in head.claims.stream.items()
            for partition, offset in partitions.items()
            if offset > 0
        }
        for place in sorted(landed.keys() | claimed.keys()):
            name = f"offsets of {contract.name} partition {place[1]}"
            count, distinct, start, end = landed.get(place, (0, 0, 0, 0))
            if distinct != count:
                yield _check(name, f"topic {place[0]}", f"{distinct} rows", f"{count} rows")
                continue
            after = claimed.get(place, 0)
            yield _check(
                name,
                f"topic {place[0]}",
                f"{after - start} rows from offset {start} to {after}",
                f"{count} rows from offset {start} to {end}",
            )


def _landed_files(
    lake: Lake, connection: Connection, decided: Mapping[str, Mapping[str, Outcome]]
) -> Iterator[Check]:
    """Rows of every registered file, by table."""
    registry = ops_relation_sql("file_registry", lake.ops_location("file_registry"))
    for contract in all_contracts():
        if contract.carrier not in {"avro", "csv", "jsonl"}:
            continue
        rows = connection.execute(
            f"""
            with registered as (
                select ingest_seq as seq, file_name, sum("rows") as "rows", sum(failed) as failed
                from ({registry})
                where source = ? and table_name = ? and status = 'loaded' and "rows" > 0
                group by all
            ),
            landed as (
                select _ingest_seq as seq, _source_file as file_name, count(*) as "rows",
                    count(_error.reason) as failed
                from ({relation_sql(contract, lake.head(contract).metadata_location)})
                where _ingest_seq not in ({_replay_commits(decided[contract.name].values())})
                group by all
            )
            select coalesce(registered.file_name, landed.file_name),
                registered."rows", registered.failed, landed."rows", landed.failed
            from registered
            full join landed using (seq, file_name)
            where (registered."rows", registered.failed)
                is distinct from (landed."rows", landed.failed)
            order by all
            """,
            [contract.source, contract.table],
        ).fetchall()
        name = f"files of {contract.name}"
        if not rows:
            yield Check(name)
            continue
        file, read, failed, landed, landed_failed = rows[0]
        yield Check(
            name,
            Failure(
                name,
                file,
                f"{read} rows, {failed} of them failed",
                f"{landed} and {landed_failed}",
                len(rows) - 1,
            ),
        )


def _failed(
    lake: Lake, connection: Connection, decided: Mapping[str, Mapping[str, Outcome]]
) -> Iterator[Check]:
    """Failed rows and what became of them, by table: none lost, doubled or made up."""
    for contract in all_contracts():
        name = f"failed = replayed + open + discarded of {contract.name}"
        location = lake.head(contract).metadata_location
        known = decided[contract.name]
        failed = {one.failed_id for one in failed_records(connection, contract, location)}
        unknown = sorted(known.keys() - failed)
        if unknown:
            yield _check(name, f"record {unknown[0]}", "a failed row", known[unknown[0]]["outcome"])
            continue
        replayed = sorted(
            (row["ingest_seq"], row["position"])
            for row in known.values()
            if row["outcome"] == "replayed"
        )
        landed = connection.execute(
            f"""
            select _ingest_seq, {position_sql(contract)}
            from ({relation_sql(contract, location, "good")})
            where _ingest_seq in ({_replay_commits(known.values())})
            order by all
            """
        ).fetchall()
        wrong = sorted(
            (Counter(replayed) - Counter(landed)) + (Counter(landed) - Counter(replayed))
        )
        if wrong:
            seq, position = wrong[0]
            yield _check(
                name,
                f"{position} in commit {seq}",
                _rows_text(replayed.count(wrong[0])),
                _rows_text(landed.count(wrong[0])),
            )
            continue
        discarded = sum(row["outcome"] == "discarded" for row in known.values())
        still = len(failed - {one for one, row in known.items() if state_of(row) != "open"})
        yield _check(
            name,
            "the lake as it is now",
            f"{len(failed)} failed",
            f"{len(landed) + still + discarded} failed",
        )


def _counts(contract: Contract, pin: Pin) -> str:
    table = pin.tables[contract.name]
    return f"""
        select _ingest_seq, count(*), count(*) filter (where _error.reason is null),
            count(_error.reason)
        from ({relation_sql(contract, table.metadata_location)}) group by 1 order by 1
    """


def _loads(connection: Connection, pin: Pin) -> Iterator[Check]:
    """Rows per commit, as the warehouse counted them when they were new and as they are."""
    for contract in all_contracts():
        name = f"read = loaded + failed of {contract.name}"
        counted = connection.execute(
            """
            select ingest_seq, read_count, loaded_count, failed_count from ops.source_loads
            where source = ? and table_name = ? order by 1
            """,
            [contract.source, contract.table],
        ).fetchall()
        held = connection.execute(_counts(contract, pin)).fetchall()
        wrong = [row for row in counted if row not in held or row[1] != row[2] + row[3]]
        missing = [row for row in held if row not in counted]
        if wrong or missing:
            seq = (wrong + missing)[0][0]
            yield Check(
                name,
                Failure(
                    name,
                    f"commit {seq}",
                    str(next((row[1:] for row in held if row[0] == seq), "nothing")),
                    str(next((row[1:] for row in counted if row[0] == seq), "nothing")),
                ),
            )
        else:
            yield Check(name)


def _link(connection: Connection, link: Link) -> Check:
    """Rows that stand on one side only, or differ; the first column that differs is named."""
    rows = connection.execute(link.statement()).fetchall()
    if not rows:
        return Check(link.name)
    place, copies, found_copies = rows[0]
    if copies != found_copies:
        expected, found = _rows_text(copies), _rows_text(found_copies)
        return Check(link.name, Failure(link.name, place, expected, found, len(rows) - 1))
    contents, found_contents = connection.execute(link.contents(), [place, place]).fetchall()[0]
    column, expected, found = next(
        (name, str(old), str(new))
        for content, found_content in zip(contents, found_contents, strict=True)
        for name, old, new in zip(link.columns, content, found_content, strict=True)
        if old != new
    )
    where = f"{place}, column {column}"
    return Check(link.name, Failure(link.name, where, expected, found, len(rows) - 1))


def _rows_text(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _rows(settings: Settings, file: Path) -> Iterator[Check]:
    """Checksums of every table."""
    with open_file(file, settings, read_only=True, lake=False) as connection:
        stored = checksums.stored(connection)
        computed = checksums.computed(connection)
    wrong = checksums.differences(stored, computed)
    parts = stored.keys() | computed.keys()
    tables = sorted({(part.schema_name, part.table_name) for part in parts})
    for schema, table in tables:
        name = f"rows of {schema}.{table}"
        bad = [part for part in wrong if (part.schema_name, part.table_name) == (schema, table)]
        if not bad:
            yield Check(name)
            continue
        expected, found = wrong[bad[0]]
        yield Check(
            name,
            Failure(
                name,
                bad[0].partition_date or "",
                f"{expected.row_count} rows with checksum {expected.checksum}",
                f"{found.row_count} rows with checksum {found.checksum}",
                len(bad) - 1,
            ),
        )
