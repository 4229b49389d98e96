"""`adx stream`: the Spark Structured Streaming job that lands the topics."""

from typing import Annotated

import typer

from orchestration.cli.output import JsonFlag, print_facts, print_json

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
    import signal
    from dataclasses import asdict
    from threading import Event

    from ingestion.kafka import TOPICS
    from ingestion.settings import load_settings
    from ingestion.streaming import run_stream

    stop = Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    report = run_stream(load_settings(), topics=tuple(topic or TOPICS), once=once, stop=stop)
    if as_json:
        print_json(asdict(report))
    else:
        print_facts("Landed from Kafka", asdict(report))
