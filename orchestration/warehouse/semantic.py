"""The semantic layer: metrics that are defined once, asked for by name.

MetricFlow turns metrics and dimensions into SQL of the engine
(https://docs.getdbt.com/docs/build/about-metricflow); the SQL is run as `adx query` runs any,
read-only and on what is published. The definitions are in `dbt_project/models/semantic/`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings
from orchestration.warehouse import dbt
from orchestration.warehouse.query import Answer, query
from orchestration.warehouse.store import FILE_NAME, Store

NATIVE = "currency"
"""Unit of amounts that are in the currency of each row."""

DAY = "metric_time__day"
"""What a metric is `per` when it holds on each date and does not add up over dates."""


@dataclass(frozen=True)
class Metric:
    """A metric that can be asked for.

    Attributes:
        name: As it is asked for.
        label: As people call it.
        unit: What its numbers count.
        description: What it means.
        group_bys: What it can be grouped by.
        per: The dimensions over whose values it does not add up, and which a question must
            therefore group by or choose one value of.
    """

    name: str
    label: str
    unit: str
    description: str
    group_bys: tuple[str, ...]
    per: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """Metrics, and how they are to be shown.

    Attributes:
        metrics: Names of metrics.
        by: Entities and dimensions, such as `campaign` or `metric_time__month`.
        where: Conditions in MetricFlow's form, such as `{{ Entity('country') }} = 'DE'`.
        since: First date of `metric_time`.
        until: Last date of `metric_time`.
        order: Names of `metrics` or `by`; a minus in front turns the order.
    """

    metrics: Sequence[str]
    by: Sequence[str] = ()
    where: Sequence[str] = ()
    since: date | None = None
    until: date | None = None
    order: Sequence[str] = ()


class SemanticLayer:
    """The metrics of the project, for the engine of the settings.

    Raises:
        AdxError: The project cannot be parsed.
    """

    def __init__(self, settings: Settings) -> None:
        from metricflow.engine.metricflow_engine import MetricFlowEngine
        from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

        self._settings = settings
        client: Any = _Dialect(settings.warehouse_engine)
        self._engine = MetricFlowEngine(SemanticManifestLookup(_manifest(settings)), client)
        self._metrics: dict[str, Any] = {
            metric.name: metric for metric in self._engine.list_metrics()
        }

    def metrics(self) -> list[Metric]:
        """All metrics, by name."""
        return [self.metric(name) for name in sorted(self._metrics)]

    def metric(self, name: str) -> Metric:
        """One metric.

        Raises:
            AdxError: There is none of that name.
        """
        if name not in self._metrics:
            raise AdxError(
                f"No metric is called {name}.",
                remedy="`adx metrics list` shows all of them.",
                exit_code=ExitCode.USAGE,
            )
        metric = self._metrics[name]
        return Metric(
            name,
            metric.label or name,
            self._meta(name, "unit") or "",
            metric.description or "",
            self._group_bys(name),
            self._per(name),
        )

    def _meta(self, name: str, key: str) -> Any:
        metric = self._metrics.get(name)
        return metric.config.meta.get(key) if metric is not None and metric.config else None

    def _per(self, name: str) -> tuple[str, ...]:
        per = self._meta(name, "per") or ()
        return (per,) if isinstance(per, str) else tuple(per)

    def _group_bys(self, metric: str) -> tuple[str, ...]:
        found = self._engine.list_group_bys([metric])
        return tuple(sorted({getattr(item, "dunder_name", item.name) for item in found}))

    def sql(self, question: Question) -> str:
        """The SELECT that answers a question.

        Raises:
            AdxError: A metric or dimension is not known, the two do not go together, or what does
                not add up would be added up: amounts of several currencies, credits of several
                models, plans of several dates, ids of several values.
        """
        from metricflow.engine.metricflow_engine import (
            MetricFlowQueryRequest,
            OutputColumnOrderMode,
        )
        from metricflow_semantics.errors.error_classes import MetricFlowException

        request = MetricFlowQueryRequest.create(
            metric_names=list(question.metrics),
            group_by_names=list(question.by) or None,
            where_constraints=[*question.where, *self._of_one_breakdown(question)] or None,
            time_constraint_start=_midnight(question.since),
            time_constraint_end=_midnight(question.until),
            order_by_names=list(question.order) or None,
            output_column_order_mode=OutputColumnOrderMode.INPUT_ORDER,
        )
        self._check_sums(question)
        try:
            return self._engine.explain(request).sql_statement.sql
        except MetricFlowException as error:
            raise _refused(error) from error

    def _check_sums(self, question: Question) -> None:
        """Refuse sums over currencies, and over what a metric is `per`."""
        asked = " ".join((*question.by, *question.where))
        for name in question.metrics:
            if self._meta(name, "unit") == NATIVE and "currency" not in asked:
                raise AdxError(
                    f"{name} is in the currencies of its amounts, which do not add up.",
                    remedy="Group it `--by currency`, choose one "
                    "(`--where \"{{ Entity('currency') }} = 'EUR'\"`), or ask for a metric in the "
                    "base currency.",
                    exit_code=ExitCode.USAGE,
                )
            for per in self._per(name):
                if per in asked or (per == DAY and _is_one_date(question)):
                    continue
                group = next(one for one in self._group_bys(name) if one.endswith(per))
                raise AdxError(
                    f"{name} is of one {'date' if per == DAY else per} each time; over several it "
                    "does not add up.",
                    remedy=f"Group it `--by {group}`, or choose one ({_one_of(group)}).",
                    exit_code=ExitCode.USAGE,
                )

    def _of_one_breakdown(self, question: Question) -> list[str]:
        """Conditions that choose, of a report by several breakdowns, the rows that are asked for.

        The metric's meta names the dimension that tells them apart (`breakdown`), and what each of
        its values is broken down by (`breakdowns`).
        """
        words = set(re.findall(r"\w+", " ".join((*question.by, *question.where))))
        conditions: set[str] = set()
        for name in question.metrics:
            breakdowns: Mapping[str, list[str]] = self._meta(name, "breakdowns") or {}
            if not breakdowns:
                continue
            asked = words & {one for parts in breakdowns.values() for one in parts}
            found = [value for value, parts in breakdowns.items() if set(parts) == asked]
            if not found:
                known = ", ".join(" and ".join(parts) for parts in breakdowns.values() if parts)
                raise AdxError(
                    f"{name} is not known by {' and '.join(sorted(asked))}: ids do not add up.",
                    remedy=f"Ask for it in total, or by one of: {known}.",
                    exit_code=ExitCode.USAGE,
                )
            dimension = self._meta(name, "breakdown")
            conditions.add(f"{{{{ Dimension('{dimension}') }}}} = '{found[0]}'")
        return sorted(conditions)

    def ask(self, question: Question, *, limit: int | None = None) -> Answer:
        """Answer a question from the published build; periods are given by their first dates.

        Raises:
            AdxError: As `sql`, or nothing is published.
        """
        answer = query(self._settings, self.sql(question), limit=limit)
        return replace(answer, rows=[tuple(map(_date_of_midnight, row)) for row in answer.rows])


class _Dialect:
    """What MetricFlow has to know of an engine; it runs nothing itself."""

    def __init__(self, engine: str) -> None:
        from metricflow.protocols.sql_client import SqlEngine
        from metricflow.sql.render.big_query import BigQuerySqlPlanRenderer
        from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer

        on_bigquery = engine == "bigquery"
        self.sql_engine_type = SqlEngine.BIGQUERY if on_bigquery else SqlEngine.DUCKDB
        self.sql_plan_renderer = (
            BigQuerySqlPlanRenderer() if on_bigquery else DuckDbSqlPlanRenderer()
        )


def _manifest(settings: Settings) -> Any:
    """The definitions as dbt has parsed them, over the relations that readers see."""
    from metricflow_semantics.model.dbt_manifest_parser import (
        parse_manifest_from_dbt_generated_manifest,
    )

    on_bigquery = settings.warehouse_engine == "bigquery"
    file = None if on_bigquery else Store(settings.warehouse).building / FILE_NAME
    parsed = dbt.parsed(settings, file)
    manifest = json.loads(parsed.semantic_manifest_file.read_text("utf-8"))
    spines = manifest["project_configuration"]["time_spines"]
    for model in (*manifest["semantic_models"], *spines):
        relation = model["node_relation"]
        built, prefix = relation["schema_name"], settings.bigquery_dataset_prefix
        seen = f"{prefix}{built.removeprefix(prefix).removeprefix('work_')}"
        relation["relation_name"] = relation["relation_name"].replace(built, seen)
    return parse_manifest_from_dbt_generated_manifest(json.dumps(manifest))


def _is_one_date(question: Question) -> bool:
    return question.since is not None and question.since == question.until


def _one_of(group: str) -> str:
    """How one value of a group is chosen."""
    if group == DAY:
        return "`--since` and `--until` the same date"
    kind = "Dimension" if "__" in group else "Entity"
    return f"`--where \"{{{{ {kind}('{group}') }}}} = '…'\"`"


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day)  # noqa: DTZ001


def _date_of_midnight(value: object) -> object:
    """MetricFlow truncates dates to times; no metric or dimension of ours is a time of day."""
    return value.date() if isinstance(value, datetime) else value


def _refused(error: Exception) -> AdxError:
    text = " ".join(str(error).partition("Traceback")[0].split())
    return AdxError(
        f"The metrics cannot be given: {text[:600]}",
        remedy="`adx metrics list` says which metrics there are, `adx metrics show NAME` what one "
        "can be grouped by.",
        exit_code=ExitCode.USAGE,
    )
