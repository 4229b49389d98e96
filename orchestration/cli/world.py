"""`adx world`: the synthetic ad world and its answer key."""

from typing import Annotated

import typer

from orchestration.cli.output import JsonFlag, print_facts, print_json, remarks

app = typer.Typer(
    help="The synthetic ad world: create it, play its days, serve its FX rates.",
    no_args_is_help=True,
)

Seed = Annotated[int, typer.Option(help="Same seed and scale, same bytes.")]
Scale = Annotated[int, typer.Option(min=1, help="Events of all sources over all days.")]
Days = Annotated[int, typer.Option(min=1, help="Days that the world can play.")]


@app.command()
def create(
    seed: Seed = 1, scale: Scale = 200_000, days: Days = 3, as_json: JsonFlag = False
) -> None:
    """Create the world of this home; the same world again changes nothing."""
    from ingestion.settings import load_settings
    from orchestration import demo

    settings = load_settings()
    created = demo.ensure_world(settings, seed=seed, scale=scale, days=days)
    _show(as_json, {"created": created, **demo.describe_world(settings)})


@app.command()
def play(
    day: Annotated[int | None, typer.Argument(help="Day to play; the next one by default.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Send what the sources send on a day: events to Kafka, files, table changes, rates.

    A day that was played sends nothing again.
    """
    from ingestion.settings import load_settings
    from orchestration import demo

    settings = load_settings()
    facts = demo.describe_world(settings)
    wanted = day or min(facts["last_played"] + 1, facts["days"])
    _show(as_json, {"day": wanted, **demo.play_day(settings, wanted)})


@app.command()
def describe(as_json: JsonFlag = False) -> None:
    """Show the world's seed, scale, days, and how far it has been played."""
    from ingestion.settings import load_settings
    from orchestration import demo

    _show(as_json, demo.describe_world(load_settings()))


@app.command("serve-fx")
def serve_fx(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on loopback; 0: any.")] = 0,
) -> None:
    """Serve the world's FX rates over HTTP until interrupted; ADX_FX_URL can name it."""
    from threading import Event

    from ingestion.settings import load_settings
    from orchestration import demo

    with demo.fx_server(load_settings(), port) as url:
        remarks().print(f"serving FX rates at {url} (Ctrl-C stops it)")
        Event().wait()


def _show(as_json: bool, facts: dict[str, object]) -> None:
    if as_json:
        print_json(facts)
    else:
        print_facts("The ad world", facts)
