"""`adx stream`: the Spark Structured Streaming job that lands the topics."""

import sys
from typing import Annotated

import typer

from orchestration.cli.output import JsonFlag, print_json, print_table

app = typer.Typer(help="Land the Kafka topics with Spark.", no_args_is_help=True)


@app.command()
def run(
    once: Annotated[
        bool, typer.Option("--once", help="Land what is there now, then end (a bounded drain).")
    ] = False,
    topic: Annotated[
        list[str] | None, typer.Option("--topic", help="Only this topic; may be repeated.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Land events until interrupted, or with --once until all that is there is landed.

    Killing it at any moment loses nothing and lands nothing twice.
    """
    import structlog

    from ingestion.kafka import TOPICS
    from ingestion.settings import load_settings
    from ingestion.streaming import run_stream

    # standard output is for the report
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    reports = [
        # a copy of the counter by hand: `asdict` counts its items
        {**vars(one), "failed_by_reason": dict(one.failed_by_reason)}
        for one in run_stream(load_settings(), topic or TOPICS, once=once)
    ]
    if as_json:
        print_json(reports)
        return
    columns = ["topic", "read", "loaded", "failed", "batches", "lag", "seconds"]
    rows = [
        [report[name] for name in columns[:-1]] + [f"{report['seconds']:.1f}"] for report in reports
    ]
    print_table("Landed from Kafka", columns, rows, right=1)
