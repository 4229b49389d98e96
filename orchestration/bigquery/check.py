"""Judges offline what the project would send to BigQuery: no account, no network, no cost.

    python -m orchestration.bigquery.check [--json]

dbt builds the whole project twice, as the first build and as an increment, with its own adapter for
BigQuery, against a service on loopback that gives every statement to GoogleSQL's analyzer and has
no rows. Then each scan of the increment is looked at: what it reads of which table, and whether a
literal predicate bounds the partitions. docs/bigquery.md has more. Exit status 1: something was
found.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ingestion.errors import AdxError
from ingestion.settings import PROJECT_ROOT
from orchestration.bigquery import lints, predicates
from orchestration.bigquery.dbt_runs import DbtRuns, Node, window
from orchestration.bigquery.googlesql import GoogleSql, type_name
from orchestration.bigquery.platform_runs import PlatformRuns
from orchestration.bigquery.predicates import Scan
from orchestration.bigquery.service import serve
from orchestration.bigquery.statements import Key, Rejection, Statement, Table, Warehouse
from orchestration.bigquery.whole_scans import reason_for

_TEMPORARY = re.compile(r"__dbt_tmp\d*$")


@dataclass(frozen=True)
class Finding:
    """Something that BigQuery would not take, or that would cost.

    Attributes:
        node: The model, test or seed.
        path: Its file.
        line: The line in it, or none where the text is a macro's.
        message: What is wrong, in GoogleSQL's words where they are its own.
    """

    node: str
    path: str
    line: int | None
    message: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{self.node} ({place}): {self.message}"


@dataclass
class Report:
    """What the check saw.

    Attributes:
        findings: What is wrong.
        kinds: How many statements of each kind were analyzed.
        nodes: What became of each node, in the first build and in the increment.
        scans: By model or test, what its statements read in an increment.
        increment: The statements of the increment.
        warehouse: What is there after it.
    """

    warehouse: Warehouse

    findings: list[Finding] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    nodes: list[Node] = field(default_factory=list)
    scans: dict[str, list[Scan]] = field(default_factory=dict)
    increment: list[Statement] = field(default_factory=list)


def check(
    googlesql: GoogleSql | None = None,
    project: Path = PROJECT_ROOT / "dbt_project",
    *,
    platform: bool = True,
) -> Report:
    """Build the project twice without rows, and look at every statement.

    Args:
        googlesql: The analyzer; starting one takes a second, and the very first time a minute.
        project: The dbt project.
        platform: Also what the platform sends: the pin before each build, and publishing.
    """
    warehouse = Warehouse(googlesql or GoogleSql())
    report = Report(warehouse)
    with TemporaryDirectory(prefix="adx-bigquery-") as folder, serve(warehouse) as endpoint:
        runs = DbtRuns(project, endpoint, Path(folder))
        around = PlatformRuns(warehouse, endpoint, Path(folder)) if platform else None
        try:
            if around is not None:
                around.pin(first=True)
            # A data test is the same statement in both forms but for its dates: judged once.
            report.nodes = runs.run(
                ["build", "--exclude-resource-type", "test"], window(first=True)
            )
            made = {key: _schema(table) for key, table in warehouse.tables.items()}
            before = len(warehouse.statements)
            if all(node.status != "error" for node in report.nodes):
                if around is not None:
                    around.pin(first=False)
                command = ["build", "--exclude-resource-types", "unit_test", "seed"]
                report.nodes += runs.run(command, window(first=False))
                if around is not None:
                    around.publish({node.name: _meta(node) for node in report.nodes})
                    around.ask()
        except AdxError as error:
            report.findings.append(Finding(_PLATFORM[0], _PLATFORM[1], None, str(error)))
            return report
    report.kinds = Counter(statement.kind for statement in warehouse.statements)
    report.increment = warehouse.statements[before:]
    report.findings += _failures(report.nodes, warehouse.rejections)
    report.findings += _other_schemas(report.nodes, made, warehouse.tables)
    names = {node.unique_id: (node.name, node.path) for node in report.nodes} | {"": _PLATFORM}
    for statement in report.increment:
        if statement.node in names:
            scans = scans_of(warehouse, statement)
            report.scans.setdefault(statement.node, []).extend(scans)
            for problem in problems(warehouse, statement, scans):
                name, path = names[statement.node]
                report.findings.append(Finding(name, path, None, problem))
    report.findings = list(dict.fromkeys(report.findings))
    return report


_PLATFORM = ("pin and publish", "orchestration/warehouse/bigquery")
"""What is said of statements that no node of the project has sent, and where they are made."""


def problems(warehouse: Warehouse, statement: Statement, scans: Iterable[Scan]) -> Iterator[str]:
    """What is wrong with a statement that BigQuery would take.

    Args:
        warehouse: Knows the tables.
        statement: The statement.
        scans: What it reads, as `scans_of` says.
    """
    name = statement.node.split(".")[2] if statement.node else ""
    if statement.node.startswith("model.") and statement.kind == "SELECT":
        return  # a contract's question; the model's own statement asks the same
    yield from lints.problems(name, statement.resolved)
    for scan in scans:
        columns = pruned_by(scan.table, warehouse.tables)
        if not columns or is_bounded(scan, columns) or reason_for(statement.node, scan.table[2]):
            continue
        what = "changes" if scan.is_target else "reads"
        table = ".".join(scan.table[1:])
        yield f"{what} {table} without a literal predicate on {' or '.join(columns)}"


def _meta(node: Node) -> Mapping[str, Any]:
    return getattr(node.manifest.config, "meta", None) or {}


def _schema(table: Table) -> dict[str, str]:
    return {name: type_name(kind) for name, kind in table.columns.items()}


def _failures(nodes: Iterable[Node], rejections: Iterable[Rejection]) -> Iterator[Finding]:
    rejected = {rejection.node: rejection for rejection in rejections}
    for node in nodes:
        if node.status in ("error", "fail"):
            rejection = rejected.get(node.unique_id)
            message = rejection.message if rejection else " ".join(node.message.split())
            line = _line(node, rejection) if rejection else None
            yield Finding(node.name, node.path, line, message.removeprefix("[INVALID_ARGUMENT] "))


def _line(node: Node, rejection: Rejection) -> int | None:
    """The line of the model's file whose text is that of the statement's line at fault."""
    place = re.search(r"\[at (\d+):\d+\]", rejection.message)
    if place is None:
        return None
    text = rejection.sql.splitlines()[int(place[1]) - 1].strip()
    lines = [line.strip() for line in node.source.splitlines()]
    return lines.index(text) + 1 if text and lines.count(text) == 1 else None


def _other_schemas(
    nodes: Iterable[Node], made: Mapping[Key, dict[str, str]], tables: Mapping[Key, Table]
) -> Iterator[Finding]:
    by_name = {node.name: node for node in nodes}
    for key, before in made.items():
        after = _schema(tables[key]) if key in tables else {}
        if after != before and key[2] in by_name:
            node = by_name[key[2]]
            changed = sorted(dict(before.items() ^ after.items()))
            message = f"an increment has other columns than the first build: {', '.join(changed)}"
            yield Finding(node.name, node.path, None, message)


def scans_of(warehouse: Warehouse, statement: Statement) -> list[Scan]:
    """What a statement reads, views expanded; an increment's own temporary table is left out."""
    if statement.kind == "CREATE_VIEW":
        return []  # it reads nothing before somebody queries it

    def query_of(key: Key, columns: tuple[str, ...]) -> Any:
        table = warehouse.tables.get(key)
        if table is None or table.query is None:
            return None
        names = ", ".join(f"`{column}`" for column in columns) or "1"
        return warehouse.googlesql.analyze(f"select {names} from ({table.query})")

    scans = predicates.scans(statement.resolved, query_of)
    return [scan for scan in scans if not _TEMPORARY.search(scan.table[2])]


def pruned_by(key: Key, tables: Mapping[Key, Table]) -> tuple[str, ...]:
    """The columns of which one narrows a scan: the partition, of a raw table also the commit."""
    if key not in tables:
        return ()
    if key[1].startswith("raw_") and tables[key].kind == "EXTERNAL":
        return tuple(sorted({"_ingest_seq", "event_date"} & tables[key].columns.keys()))
    partition = tables[key].partition
    return (partition,) if partition else ()


def is_bounded(scan: Scan, columns: Iterable[str]) -> bool:
    """Whether the scan leaves out what is older than some literal."""
    intervals = (scan.bounds.get(column, predicates.ALL) for column in columns)
    lowest = (min((low for low, _ in values), default=0.0) for values in intervals)
    return scan.is_empty or any(low > float("-inf") for low in lowest)


def main() -> int:
    """Print what was found and what the increment reads."""
    from orchestration.bigquery.byte_model import tables_of
    from orchestration.cli.output import results

    console = results()
    report = check()
    judged = ", ".join(f"{count} {kind}" for kind, count in report.kinds.most_common())
    console.print(f"{report.kinds.total()} statements analyzed: {judged}.")
    for table in tables_of(report):
        console.print(table)
    for finding in report.findings:
        console.print(str(finding), style="red", markup=False)
    console.print(f"{len(report.findings)} findings.")
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
