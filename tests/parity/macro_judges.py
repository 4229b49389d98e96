"""Runs the literal cases of the cross-engine macros on a judge.

    expressions = compile_cases(folder, "bigquery")
    verdicts = judge_cases(expressions, on_googlesql(googlesql))

A judge is a function that runs one SELECT and gives its row. Many cases stand in one statement;
where it is rejected, halves of it are tried until the cases at fault are alone.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb
import yaml

from tests.integration.borrower import ROOT, BorrowerProject
from tests.parity.macro_cases import CASES, EMULATOR_DIFFERS, PREAMBLE, Case

Judge = Callable[[str], Mapping[str, Any]]

_MARK = "/* case */"
_STATEMENT_CASES = 120
"""Large enough for few statements, small enough for the parsers' limits of nesting and size."""


@dataclass(frozen=True)
class Verdict:
    """What a judge said of a case."""

    case: Case
    actual: Any = None
    error: str | None = None

    @property
    def passed(self) -> bool:
        """The value is the expected one, of the same type (`1`, `1.0` and `True` are three)."""
        same_type = type(self.actual) is type(self.case.expected)
        return self.error is None and same_type and self.actual == self.case.expected

    def __str__(self) -> str:
        given = self.error if self.error is not None else repr(self.actual)
        return f"{self.case.name}: expected {self.case.expected!r}, got {given}"


def compile_cases(
    folder: Path, engine: Literal["duckdb", "bigquery"], cases: Sequence[Case] = CASES
) -> dict[str, str]:
    """The expression of each case in an engine's SQL, compiled by dbt in a project of its own."""
    project = BorrowerProject(folder)
    body = "\n".join(f"{_MARK}\n{case.expression}" for case in cases)
    project.write({"literal_cases": f"{PREAMBLE}select\n{body}"})
    compiled = project.compiled(engine=engine)["literal_cases"]
    parts = [part.strip() for part in compiled.split(_MARK)[1:]]
    return {case.name: part for case, part in zip(cases, parts, strict=True)}


def judge_cases(
    expressions: Mapping[str, str], judge: Judge, cases: Sequence[Case] = CASES
) -> list[Verdict]:
    """The verdict on each case, in a few statements."""
    found: list[Verdict] = []
    for start in range(0, len(cases), _STATEMENT_CASES):
        found += _judge(expressions, judge, cases[start : start + _STATEMENT_CASES])
    return found


def _judge(
    expressions: Mapping[str, str], judge: Judge, cases: Sequence[Case]
) -> Iterator[Verdict]:
    columns = (f"{expressions[case.name]} as c{number}" for number, case in enumerate(cases))
    try:
        row = judge("select\n" + ",\n".join(columns))
    except Exception as error:  # noqa: BLE001 - each judge has errors of its own
        if len(cases) == 1:
            yield Verdict(cases[0], error=" ".join(str(error).split())[:300])
        else:
            middle = len(cases) // 2
            yield from _judge(expressions, judge, cases[:middle])
            yield from _judge(expressions, judge, cases[middle:])
        return
    for number, case in enumerate(cases):
        yield Verdict(case, _plain(row[f"c{number}"]))


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC) if value.tzinfo else value.replace(tzinfo=dt.UTC)
    return str(value) if isinstance(value, uuid.UUID) else value


def on_duckdb() -> Judge:
    """DuckDB with the settings that the profile gives it."""
    profile = yaml.safe_load((ROOT / "profiles.yml").read_text())
    settings = profile["advertisex"]["outputs"]["local"]["settings"]
    connection = duckdb.connect()
    for name, value in settings.items():
        if "{{" not in str(value):
            connection.execute(f"set {name} = '{value}'")

    def judge(sql: str) -> Mapping[str, Any]:
        result = connection.execute(sql)
        names = [column[0] for column in result.description]
        return dict(zip(names, result.fetchone() or (), strict=True))

    return judge


def on_googlesql(googlesql: Any) -> Judge:
    """Google's reference executor."""
    return lambda sql: googlesql.rows(sql)[0]


def on_bigquery(client: Any) -> Judge:
    """A BigQuery client: the service, or the emulator."""

    def judge(sql: str) -> Mapping[str, Any]:
        rows = list(client.query(sql, retry=None, timeout=120).result(retry=None, timeout=120))
        return dict(rows[0].items())

    return judge


def judge_emulator(expressions: Mapping[str, str], client: Any) -> list[Verdict]:
    """The emulator's verdicts; of the cases known to be wrong there, those that are right."""
    found = []
    for verdict in judge_cases(expressions, on_bigquery(client)):
        if verdict.case.name not in EMULATOR_DIFFERS:
            found.append(verdict)
        elif verdict.passed:
            found.append(Verdict(verdict.case, error="right, and still in EMULATOR_DIFFERS"))
    return found
