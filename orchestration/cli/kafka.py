"""`adx kafka`: the local broker."""

import typer

from orchestration.cli.output import JsonFlag, print_facts, print_json, print_table, remarks

app = typer.Typer(help="The local Kafka broker: start, stop, look.", no_args_is_help=True)


@app.command()
def start(as_json: JsonFlag = False) -> None:
    """Start the broker on loopback and create the topics; a running one is left alone.

    The first start fetches Kafka with Maven. Data survive a stop.
    """
    from dataclasses import asdict

    from ingestion.kafka import create_topics, start_broker
    from ingestion.settings import load_settings

    settings = load_settings()
    with remarks().status("starting the Kafka broker"):
        status = start_broker(settings)
        created = create_topics(settings)
    facts = {**asdict(status), "topics_created": created}
    if as_json:
        print_json(facts)
    else:
        print_facts("Kafka broker", {**facts, "topics_created": ", ".join(created) or "none"})


@app.command()
def stop() -> None:
    """Stop the broker of this home; what it holds stays."""
    from ingestion.kafka import stop_broker
    from ingestion.settings import load_settings

    settings = load_settings()
    with remarks().status("stopping the Kafka broker"):
        stopped = stop_broker(settings)
    remarks().print("stopped" if stopped else "the broker of this home was not running")


@app.command()
def status(as_json: JsonFlag = False) -> None:
    """Show whether the broker runs and answers; exit code 4 if it does not."""
    from dataclasses import asdict

    from ingestion.errors import ExitCode
    from ingestion.kafka import broker_status
    from ingestion.settings import load_settings

    found = broker_status(load_settings())
    if as_json:
        print_json(asdict(found))
    else:
        print_facts("Kafka broker", asdict(found))
    if not found.ready:
        raise typer.Exit(ExitCode.UNAVAILABLE)


@app.command()
def topics(as_json: JsonFlag = False) -> None:
    """Show the topics: ids, offsets kept, and what the lake has landed of each partition."""
    from ingestion.contracts import contract_for_topic
    from ingestion.kafka import TOPICS, describe_topics
    from ingestion.lake import Lake
    from ingestion.settings import load_settings
    from ingestion.streaming.offsets import current_id

    settings = load_settings()
    lake = Lake.open(settings)
    lake.ensure_tables()
    rows: list[dict[str, object]] = []
    for name, topic in zip(TOPICS, describe_topics(settings), strict=True):
        position = lake.stream_position(contract_for_topic(name))
        landed = position.get(current_id(topic.topic_id, position), {})
        rows.extend(
            {
                "topic": topic.name,
                "topic_id": topic.topic_id,
                "partition": partition,
                "earliest": topic.earliest[partition],
                "end": end,
                "landed": landed.get(partition, topic.earliest[partition]),
                "lag": end - landed.get(partition, topic.earliest[partition]),
            }
            for partition, end in sorted(topic.end.items())
        )
    if as_json:
        print_json(rows)
    else:
        columns = ["topic", "topic_id", "partition", "earliest", "end", "landed", "lag"]
        print_table(None, columns, [[row[column] for column in columns] for row in rows], right=2)
