"""The proof in small, on DuckDB and the reference executor; `make parity` has it whole."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from orchestration.bigquery.dbt_runs import PROJECT
from orchestration.bigquery.executing import query_of
from orchestration.bigquery.googlesql import GoogleSql
from orchestration.warehouse.bigquery.publish import WORK
from orchestration.warehouse.bigquery.service import MARTS
from orchestration.warehouse.semantic import Metric, Question, SemanticLayer
from tests.emulated import emulated
from tests.parity.canonical import Table, difference
from tests.parity.executor import ExecutorBuild, in_executor
from tests.parity.judging import Comparison, Report
from tests.parity.world import LandedWorld

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("bigquery_executor")]


@dataclass
class Story:
    """Both engines' warehouses, and what was found so far."""

    world: LandedWorld
    executor: ExecutorBuild
    report: Report = field(default_factory=Report)
    expected: list[dict[str, Table]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.comparison = Comparison("executor", self.report)

    def build(self, number: int) -> None:
        """Build one of the world's pins on both and compare all tables."""
        while len(self.world.pins) < number:
            self.world.next_day()
        pin = self.world.pins[number - 1]
        self.expected.append(self.world.build(pin).tables())
        is_first = number == 1
        broken = self.executor.build(pin, first=is_first, is_tested=is_first)
        self.comparison.broken(f"pin {number}", broken)
        self.comparison.compare(f"pin {number}", self.expected[-1], self.executor.tables())

    def query(self, model: str) -> str:
        """What the first build sent for a model."""
        for statement in self.executor.warehouse.statements:
            made = statement.target is not None and statement.target[2] == model
            if made and statement.kind == "CREATE_TABLE_AS_SELECT":
                return query_of(statement.sql)
        raise AssertionError(model)


@pytest.fixture(scope="module")
def world(new_world: Callable[[], LandedWorld]) -> LandedWorld:
    """A world of these tests alone: they take as long as the emulator's, and run beside them."""
    return new_world()


@pytest.fixture(scope="module")
def story(world: LandedWorld, googlesql: GoogleSql) -> Iterator[Story]:
    with in_executor(world, googlesql) as executor:
        yield Story(world, executor)


def test_the_first_build_gives_duckdbs_rows(story: Story) -> None:
    """Every seed, model, data test and unit test runs in the executor."""
    story.build(1)
    assert not story.report.failed


@pytest.mark.parametrize(
    ("model", "right", "wrong", "column"),
    [
        pytest.param(
            "bv_clicks",
            r"timestamp_diff\(([^,]+), ([^,]+), microsecond\)",
            r"timestamp_diff(\2, \1, microsecond)",
            "is_repeat",
            id="swapped arguments of a difference",
        ),
        pytest.param(
            "rpt_campaign_performance_daily",
            r"left join (\S+dim_line_items)",
            r"inner join \1",
            "orphan_click_count",
            id="a join that loses what has no match",
        ),
        pytest.param(
            "rpt_campaign_performance_daily",
            r"cast\(([^()]*) as numeric\(38, 9\)\) / "
            r"nullif\(cast\(([^()]*) as numeric\(38, 9\)\), 0\)",
            r"cast(div(\1, nullif(\2, 0)) as numeric)",
            "gross_ctr_rate",
            id="a rate of whole numbers",
        ),
        pytest.param(
            "rpt_campaign_performance_daily",
            r"'\^N'",
            "''",
            "campaign_performance_key",
            id="nothing hashed as empty text",
        ),
        pytest.param(
            "bv_fx_rates_by_date",
            r"\blead\(",
            "lag(",
            "valid_to_date",
            id="the rate before for the rate after",
        ),
        pytest.param(
            "dim_dates",
            r"interval 1461 \*",
            "interval 1460 *",
            "date_day",
            id="years without leap days",
        ),
    ],
)
def test_a_planted_difference_is_found(
    story: Story, model: str, right: str, wrong: str, column: str
) -> None:
    """What the model sends is right; with the mistake in it, the comparison names a column."""
    warehouse = story.executor.warehouse
    expected = next(
        table for name, table in story.expected[0].items() if name.endswith(f".{model}")
    )

    def given(sql: str) -> str | None:
        statement = warehouse.run(sql)
        return difference(expected, Table.of(list(statement.columns), statement.rows or []))

    sql = story.query(model)
    planted, count = re.subn(right, wrong, sql)
    assert count, f"the text of {model} has changed: {right} is not in it"
    assert given(sql) is None
    assert column in str(given(planted))


def test_an_increment_gives_duckdbs_rows(story: Story) -> None:
    story.build(2)
    story.comparison.close()
    assert not story.report.failed
    assert story.report.passed > 120


def test_metrics_by_dimension_are_duckdbs(story: Story) -> None:
    """All metrics that can be grouped alike in one question, in the SQL of BigQuery."""
    settings = story.world.settings
    here, there = SemanticLayer(settings), SemanticLayer(emulated(settings))
    alike: dict[tuple[str, ...], list[Metric]] = {}
    for metric in here.metrics():
        alike.setdefault(metric.group_bys, []).append(metric)
    assert len(alike) > 20
    for group_bys, metrics in alike.items():
        kinds = ["metric_time__day", "metric_time__month", "advertiser", "currency"]
        kinds += [name for name in group_bys for one in metrics if name.endswith(one.per)]
        by = [name for name in dict.fromkeys(kinds) if name in group_bys]
        question = Question([metric.name for metric in metrics], by=by)
        answer = here.ask(question)
        rows = (dict(zip(answer.columns, row, strict=True)) for row in answer.rows)
        # What readers see on the service, and the executor has where builds are made.
        sql = re.sub(
            rf"`\w+`\.`({'|'.join(MARTS)})`", rf"`{PROJECT}`.`{WORK}\1`", there.sql(question)
        )
        statement = story.executor.warehouse.run(sql)
        rows_there = ({n: _as_date(v) for n, v in row.items()} for row in statement.rows or [])
        found = Table.of(list(statement.columns), rows_there)
        assert difference(Table.of(answer.columns, rows), found) is None, question


def _as_date(value: object) -> object:
    """Where dates are truncated, MetricFlow makes times of them."""
    return value.date() if isinstance(value, datetime) else value
