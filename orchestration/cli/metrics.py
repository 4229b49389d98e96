"""`adx metrics`: the semantic layer, from a terminal."""

from datetime import datetime
from typing import Annotated

import typer

from orchestration.cli.output import (
    Format,
    JsonFlag,
    form_of,
    print_answer,
    print_facts,
    print_json,
    print_table,
)

app = typer.Typer(
    help="Metrics that are defined once: list them, and ask for them by name.",
    no_args_is_help=True,
)

Names = Annotated[list[str], typer.Argument(help="Metrics, such as gross_ctr net_clicks.")]
_DAYS = ["%Y-%m-%d"]


@app.command("list")
def list_metrics(as_json: JsonFlag = False) -> None:
    """List all metrics with their units."""
    from ingestion.settings import load_settings
    from orchestration.warehouse.semantic import SemanticLayer

    metrics = SemanticLayer(load_settings()).metrics()
    if as_json:
        print_json(metrics)
        return
    rows = [(metric.name, metric.unit, metric.description) for metric in metrics]
    print_table(f"{len(rows)} metrics", ["metric", "unit", "what it means"], rows)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A metric, such as gross_ctr.")],
    as_json: JsonFlag = False,
) -> None:
    """Show one metric, and what it can be grouped by."""
    from ingestion.settings import load_settings
    from orchestration.warehouse.semantic import SemanticLayer

    metric = SemanticLayer(load_settings()).metric(name)
    if as_json:
        print_json(metric)
        return
    facts = {
        "label": metric.label,
        "unit": metric.unit,
        "meaning": metric.description,
        "group_by": ", ".join(metric.group_bys),
    }
    if metric.per:
        facts["one_each_time"] = ", ".join(metric.per)
    print_facts(metric.name, facts)


@app.command()
def query(
    names: Names,
    *,
    by: Annotated[
        list[str] | None,
        typer.Option(help="Group by this, such as campaign or metric_time__month; repeatable."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Only where, such as \"{{ Entity('country') }} = 'DE'\"; repeatable."),
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=_DAYS, help="First date of metric_time.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=_DAYS, help="Last date of metric_time.")
    ] = None,
    order: Annotated[
        list[str] | None,
        typer.Option(help="Order by a metric or a group; a minus in front turns it; repeatable."),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Most rows; in a table 100.")] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Show the SQL and do not run it.")] = False,
    output: Annotated[Format, typer.Option("--output", "-o", help="How to print it.")] = (
        Format.TABLE
    ),
    as_json: JsonFlag = False,
) -> None:
    """Ask for metrics by name.

    Example: adx metrics query gross_ctr --by campaign --order -gross_ctr
    """
    from ingestion.settings import load_settings
    from orchestration.warehouse.semantic import Question, SemanticLayer

    question = Question(
        metrics=names,
        by=by or (),
        where=where or (),
        since=since.date() if since else None,
        until=until.date() if until else None,
        order=order or (),
    )
    layer = SemanticLayer(load_settings())
    if sql:
        typer.echo(layer.sql(question))
        return
    kind, most = form_of(output, limit, as_json=as_json)
    print_answer(layer.ask(question, limit=most), kind)
