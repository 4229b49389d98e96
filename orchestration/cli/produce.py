"""`adx produce`: events into a journal, and from there to Kafka."""

from typing import Annotated

import typer

from orchestration.cli.output import JsonFlag, print_facts, print_json, remarks

app = typer.Typer(
    help="Send events that must not be lost: lines of standard input, or a collector over HTTP."
)

_SHOWN = 20

Wait = Annotated[
    float,
    typer.Option(min=0, help="Seconds to wait for room in the journal, and for Kafka at the end."),
]


@app.callback(invoke_without_command=True)
def produce(
    context: typer.Context,
    topic: Annotated[str, typer.Option(help="Topic of the events.")] = "ad-events",
    wait: Wait = 30.0,
    as_json: JsonFlag = False,
) -> None:
    """Send the events of standard input, one JSON object a line.

    They are journalled first, and sent in any case: by this run, or by the next one of the same
    ADX_PRODUCER_ID if Kafka is away for longer than --wait (exit code 4).
    """
    if context.invoked_subcommand is not None:
        return
    import io
    import sys
    from dataclasses import asdict

    from ingestion.errors import ExitCode
    from ingestion.landing.verdict import Failure
    from ingestion.producers.lines import produce_lines
    from ingestion.producers.producer import open_producer
    from ingestion.settings import load_settings

    shown = 0

    def tell(number: int, failure: Failure) -> None:
        nonlocal shown
        shown += 1
        if shown <= _SHOWN:
            remarks().print(f"line {number}: {failure.message}", markup=False)

    _log_to_stderr()
    with open_producer(load_settings(), topic) as producer:
        # unbuffered, so that lines are taken as they come
        pipe = io.FileIO(sys.stdin.fileno(), closefd=False)
        report = produce_lines(producer, pipe, patience=wait, on_refused=tell)
        sent = producer.wait_until_sent(wait)
        status = producer.status
    facts = {
        "lines": report.lines,
        "accepted": report.accepted,
        "refused": report.refused,
        **asdict(status),
        "waiting": status.journalled - status.acknowledged,
    }
    if as_json:
        print_json(facts)
    else:
        print_facts("Produced", facts)
    if shown > _SHOWN:
        remarks().print(f"{shown - _SHOWN} more lines were refused")
    if report.waiting is not None:
        remarks().print(f"stopped behind line {report.lines}", markup=False)
        raise report.waiting
    if not sent:
        remarks().print(
            f"{facts['waiting']} events wait in the journal: "
            f"{status.problem or 'Kafka has not acknowledged them yet'}",
            markup=False,
        )
        raise typer.Exit(ExitCode.UNAVAILABLE)
    if report.refused:
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def collect(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8088,
    wait: Wait = 30.0,
) -> None:
    """Collect pixels, clicks and server events over HTTP until interrupted.

    /openapi.json describes the addresses. Behind a proxy, FORWARDED_ALLOW_IPS names those whose
    X-Forwarded-For is believed.
    """
    from contextlib import ExitStack

    from ingestion.kafka import TOPICS
    from ingestion.producers.collector import serve
    from ingestion.producers.producer import open_producer
    from ingestion.settings import load_settings

    _log_to_stderr()
    settings = load_settings()
    with ExitStack() as stack:
        producers = [stack.enter_context(open_producer(settings, topic)) for topic in TOPICS]
        remarks().print(f"collecting at http://{host}:{port} (Ctrl-C stops it)", markup=False)
        serve(producers, host, port)
        for producer in producers:
            producer.wait_until_sent(wait)


def _log_to_stderr() -> None:
    import sys

    import structlog

    # standard output is for the report
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
