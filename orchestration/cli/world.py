"""`adx world`: the synthetic ad world and its answer key."""

from typing import Annotated, Any

import typer

from orchestration.cli.output import JsonFlag, print_facts, print_json, remarks

app = typer.Typer(
    help="The synthetic ad world: create it, play its days, serve its APIs.",
    no_args_is_help=True,
)

Seed = Annotated[int, typer.Option(min=0, help="Same seed and scale, same bytes.")]
Scale = Annotated[int, typer.Option(min=1, help="Events of all sources over all days.")]
Days = Annotated[int, typer.Option(min=1, help="Days that the world can play.")]


@app.command()
def create(
    seed: Seed = 1,
    scale: Scale = 200_000,
    days: Days = 3,
    worked_example: Annotated[
        bool,
        typer.Option("--worked-example", help="The tiny world with a hand-written key instead."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Create the world of this home; the same world again changes nothing."""
    from ingestion.adworld import create_world
    from ingestion.adworld import describe as facts_of
    from ingestion.settings import load_settings

    settings = load_settings()
    partitions = settings.kafka_partitions
    if worked_example:
        from ingestion.adworld.worked_example import START

        created = create_world(
            settings.world, 0, 1, 1, start=START, partitions=partitions, kind="worked_example"
        )
    else:
        created = create_world(settings.world, seed, scale, days, partitions=partitions)
    _show({"created": created, **facts_of(settings.world)}, as_json=as_json)


@app.command()
def play(
    day: Annotated[
        int | None, typer.Argument(min=1, help="Day to play; the next one by default.")
    ] = None,
    resend: Annotated[
        bool, typer.Option("--resend", help="Send a played day to Kafka once more.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Send what the sources send on a day: events to Kafka, files, table changes, rates.

    A day that was played sends nothing again, unless asked to with --resend.
    """
    from dataclasses import asdict

    from ingestion.adworld import describe as facts_of
    from ingestion.adworld import play as play_day
    from ingestion.settings import load_settings

    settings = load_settings()
    facts = facts_of(settings.world)
    wanted = day or min(int(facts["last_played"]) + 1, int(facts["days"]))
    with remarks().status(f"playing day {wanted}"):
        report = play_day(settings, wanted, resend=resend)
    _show(asdict(report), as_json=as_json)


@app.command()
def describe(as_json: JsonFlag = False) -> None:
    """Show the world's seed, scale, days, how far it has been played, and what it planted."""
    from ingestion.adworld import describe as facts_of
    from ingestion.settings import load_settings

    _show(facts_of(load_settings().world), as_json=as_json)


@app.command("serve-fx")
def serve_fx(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on loopback; 0: any.")] = 0,
) -> None:
    """Serve the world's FX rates over HTTP until interrupted; ADX_FX_URL can name it."""
    from threading import Event

    from ingestion.adworld import serve_fx as serve
    from ingestion.settings import load_settings

    with serve(load_settings().world, port) as url:
        remarks().print(f"serving FX rates at {url} (Ctrl-C stops it)")
        Event().wait()


@app.command("serve-crunchbase")
def serve_crunchbase(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on loopback; 0: any.")] = 0,
) -> None:
    """Serve the world's organisations as the Crunchbase API until interrupted."""
    from threading import Event

    from ingestion.adworld import serve_crunchbase as serve
    from ingestion.settings import load_settings

    with serve(load_settings().world, port) as (url, key):
        remarks().print(
            f"serving the Crunchbase API for ADX_CRUNCHBASE_URL={url} ADX_CRUNCHBASE_KEY={key} "
            "(Ctrl-C stops it)"
        )
        Event().wait()


def _show(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    flat = {
        name: ", ".join(f"{key}: {part}" for key, part in value.items())
        if isinstance(value, dict)
        else value
        for name, value in facts.items()
    }
    print_facts("The ad world", flat)
