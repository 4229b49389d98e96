"""Checks the chain from producers and source positions to marts: nothing lost, doubled or changed.

Links of the chain, each a group of checks:

0. what this machine's journals of producers got acknowledged is in the lake (`journals.py`);
1. the data files of the lake are those that were committed (content, size, rows);
2. every topic partition is landed without a gap or a double, up to the offset that is claimed,
   but for gaps that somebody has accepted, and no gap is open (`adx gaps`); every file is landed
   with as many rows as it had; failed = replayed + open + discarded, and each replayed row is
   landed once, under the position that it failed at;
3. the warehouse has counted what the lake holds: read = loaded + failed, per table and commit;
4. the vault holds exactly the keys of the lake, and the first delivery of each event unchanged;
5. facts hold exactly the keys of the vault, and their sums; sums agree from grain to grain, and
   what must balance does: classes of clicks, attribution, money (`chain/balances.py`);
6. every row of the vault and the marts is as the build left it (stored checksums), and as many as
   the ledger says.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import duckdb

from ingestion.contracts import Contract, all_contracts
from ingestion.failed import Outcome, failed_records, outcomes
from ingestion.failed.records import position_sql
from ingestion.gaps import Gap, known_gaps
from ingestion.lake import Lake, Pin
from ingestion.lake.duckdb import ops_relation_sql, relation_sql
from ingestion.settings import Settings
from ingestion.streaming.offsets import next_life
from orchestration.warehouse import checksums
from orchestration.warehouse.chain import CHAIN, Link
from orchestration.warehouse.duck import open_file
from orchestration.warehouse.failed import state_of
from orchestration.warehouse.journals import journal_checks
from orchestration.warehouse.pin import find_pin
from orchestration.warehouse.store import Build, files_of
from orchestration.warehouse.verdict import Check, Failure, Verdict, equal

Connection = duckdb.DuckDBPyConnection


def reconcile(settings: Settings) -> Verdict:
    """Make every check; read-only, but that a table whose contract is new is made.

    Raises:
        AdxError: Nothing is published, or the lake cannot be read at all.
    """
    build = files_of(settings).published()
    lake = Lake.open(settings)
    lake.ensure_tables()
    pin = find_pin(lake, build.manifest.pin)
    verdict = Verdict()
    written: str | None = None
    checks = list(_files(lake))
    if not any(check.failure for check in checks):
        # Rows can only be read from whole files; with a damaged one that is said and no more.
        with open_file(build.file, settings, read_only=True) as connection:
            decided = outcomes(lake)
            checks += _gaps(lake)
            checks += _positions(lake, connection, decided)
            checks += _landed_files(lake, connection, decided)
            checks += _failed(lake, connection, decided)
            checks += _loads(connection, pin)
            checks += journal_checks(settings, lake, connection)
            checks += (_link(connection, link) for link in CHAIN)
            written = _written(lake, connection, build.manifest.build_id)
    checks += _rows(settings, build, written)
    for check in checks:
        if check.failure is None:
            verdict.passed += 1
            verdict.names.append(check.name)
        else:
            verdict.failures.append(check.failure)
    return verdict


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
    """Offsets of every topic partition: rows + accepted gaps = next offset - start, each once."""
    for contract in all_contracts():
        if contract.carrier != "kafka":
            continue
        # Claims first: a gap is accepted before it is claimed.
        head = lake.head(contract)
        claimed = {
            (topic, partition): offset
            for topic, partitions in head.claims.stream.items()
            for partition, offset in partitions.items()
            if offset > 0
        }
        gaps = known_gaps(lake, contract)
        passed = _passed(gaps, claimed)
        rows = connection.execute(
            f"""
            with passed (topic, part, first, following) as (
                values {_values(passed)}
            )
            select _kafka_topic_id, _kafka_partition, count(*), count(distinct _kafka_offset),
                min(_kafka_offset), max(_kafka_offset) + 1,
                count(*) filter (where passed.topic is not null)
            from ({relation_sql(contract, head.metadata_location)})
            left join passed
                on topic = _kafka_topic_id and part = _kafka_partition
                and _kafka_offset >= first and _kafka_offset < following
            where _ingest_seq not in ({_replay_commits(decided[contract.name].values())})
            group by all order by all
            """
        ).fetchall()
        landed = {(topic, partition): tuple(numbers) for topic, partition, *numbers in rows}
        restarts = _restarts(gaps, head.claims.stream)
        for place in sorted(landed.keys() | claimed.keys()):
            yield _position(
                contract,
                place,
                landed.get(place),
                claimed.get(place, 0),
                passed=passed.get(place, []),
                start=restarts.get(place),
            )


Place = tuple[str, int]
"""A topic, by its id, and a partition."""

Span = tuple[int, int]
"""First offset, and the one after the last."""


def _position(
    contract: Contract,
    place: Place,
    landed: tuple[int, ...] | None,
    after: int,
    *,
    passed: Sequence[Span],
    start: int | None,
) -> Check:
    """The offsets of one partition.

    Args:
        contract: Contract of the table.
        place: The partition.
        landed: Rows, offsets among them, the first, the one after the last, rows within accepted
            gaps; None if there are no rows.
        after: Next offset that is claimed.
        passed: Accepted gaps that were passed over.
        start: Where the partition begins, if that is known.
    """
    name = f"offsets of {contract.name} partition {place[1]}"
    where = f"topic {place[0]}"
    skipped = sum(end - first for first, end in passed)
    if landed is None:
        # nothing but gaps, or a topic that was begun and has sent nothing yet
        begin = min([first for first, _ in passed], default=after if start is not None else 0)
        count, end = 0, max([end for _, end in passed], default=begin)
    else:
        count, distinct, begin, end, within = landed
        if distinct != count:
            return equal(name, where, f"{distinct} rows", f"{count} rows")
        if within:
            return equal(name, where, "no rows in accepted gaps", f"{within} rows")
        begin = min([begin, *(first for first, _ in passed)])
        end = max([end, *(end for _, end in passed)])
    expected = begin if start is None else start
    return equal(
        name,
        where,
        f"{after - expected - skipped} rows from offset {expected} to {after}",
        f"{count} rows from offset {begin} to {end}",
    )


def _passed(gaps: Iterable[Gap], claimed: Mapping[Place, int]) -> dict[Place, list[Span]]:
    """Offsets that are claimed and were never landed, because that was accepted."""
    passed: dict[Place, list[Span]] = {}
    for gap in gaps:
        first, following = gap.first_number, gap.next_number
        if gap.kind != "expired" or gap.status != "accepted" or None in (first, following):
            continue
        place = (gap.topic_id or "", gap.kafka_partition or 0)
        if claimed.get(place, 0) >= (following or 0):
            passed.setdefault(place, []).append((first or 0, following or 0))
    return passed


def _restarts(gaps: Iterable[Gap], claims: Mapping[str, Mapping[int, int]]) -> dict[Place, int]:
    """Where the partitions of a topic's later lives begin: where it was cut off, or went on."""
    cut = {
        (gap.topic_id, gap.kafka_partition): gap.first_number
        for gap in gaps
        if gap.kind == "truncated" and gap.status == "accepted"
    }
    starts: dict[Place, int] = {}
    for topic_id, partitions in claims.items():
        following = next_life(topic_id)
        for partition, landed in partitions.items():
            first = cut.get((topic_id, partition))
            if following in claims:
                starts[following, partition] = landed if first is None else first
    return starts


def _values(passed: Mapping[Place, Sequence[Span]]) -> str:
    """Gaps as rows of SQL; one that nothing lies in, if there are none."""
    rows = [
        f"('{topic}', {partition}, {first}, {following})"
        for (topic, partition), spans in passed.items()
        for first, following in spans
    ]
    return ", ".join(rows or ["('', -1, 0, 0)"])


def _gaps(lake: Lake) -> Iterator[Check]:
    """Gaps that nobody has accepted, by table."""
    gaps = known_gaps(lake)
    for contract in all_contracts():
        if contract.carrier != "kafka":
            continue
        name = f"gaps of {contract.name}"
        still = [gap for gap in gaps if gap.table == contract.name and gap.status == "open"]
        if not still:
            yield Check(name)
            continue
        first, *others = still
        where = f"gap {first.gap_id}"
        yield Check(name, Failure(name, where, "none that is open", first.message, len(others)))


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
            yield equal(name, f"record {unknown[0]}", "a failed row", known[unknown[0]]["outcome"])
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
            yield equal(
                name,
                f"{position} in commit {seq}",
                _rows_text(replayed.count(wrong[0])),
                _rows_text(landed.count(wrong[0])),
            )
            continue
        discarded = sum(row["outcome"] == "discarded" for row in known.values())
        still = len(failed - {one for one, row in known.items() if state_of(row) != "open"})
        yield equal(
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


def _written(lake: Lake, connection: Connection, build_id: str) -> str:
    """Rows of a build as its newest row in the ledger says."""
    ledger = ops_relation_sql("run_ledger", lake.ops_location("run_ledger"))
    row = connection.execute(
        f"""
        select loaded from ({ledger})
        where kind = 'build' and subject = ? order by started_at desc limit 1
        """,
        [build_id],
    ).fetchone()
    return "nothing" if row is None else _rows_text(row[0])


def _rows_text(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _rows(settings: Settings, build: Build, written: str | None) -> Iterator[Check]:
    """Checksums of every table, and all rows together.

    Args:
        settings: Threads and memory.
        build: The build.
        written: Rows that the ledger says it has; None where that cannot be read.
    """
    with open_file(build.file, settings, read_only=True, lake=False) as connection:
        stored = checksums.stored(connection)
        computed = checksums.computed(connection)
    if written is not None:
        counted = _rows_text(sum(part.row_count for part in computed.values()))
        name = "ledger of the build = rows in its tables"
        yield equal(name, build.manifest.build_id, written, counted)
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
