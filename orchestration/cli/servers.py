"""`adx s3`, `adx postgres`, `adx bigquery-emulator`: servers on loopback for environments."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from orchestration.cli.output import JsonFlag, print_facts, print_json, remarks

if TYPE_CHECKING:
    from ingestion.servers import ServerStatus
    from ingestion.settings import Settings

    Act = Callable[[Settings], ServerStatus]

_TITLES = {
    "s3": "S3 server and Iceberg REST catalog",
    "postgres": "Postgres server",
    "bigquery_emulator": "BigQuery emulator",
}


def app(name: str) -> typer.Typer:
    """The commands `start`, `stop` and `status` of one server.

    Args:
        name: `s3`, `postgres` or `bigquery_emulator`.
    """
    title = _TITLES[name]
    commands = typer.Typer(help=f"The local {title}: start, stop, look.", no_args_is_help=True)

    def show(status: "ServerStatus", *, as_json: bool) -> None:
        if as_json:
            print_json(asdict(status))
        else:
            print_facts(title, asdict(status))

    @commands.command(help=f"Start the {title} on loopback; a running one is left alone.")
    def start(as_json: JsonFlag = False) -> None:
        from ingestion import servers
        from ingestion.settings import load_settings

        act: Act = getattr(servers, f"start_{name}")
        with remarks().status(f"starting the {title}"):
            status = act(load_settings())
        show(status, as_json=as_json)

    @commands.command(help=f"Stop the {title} of this home; what it holds stays.")
    def stop() -> None:
        from ingestion import servers
        from ingestion.settings import load_settings

        stopped = getattr(servers, f"stop_{name}")(load_settings())
        remarks().print("stopped" if stopped else "the server of this home was not running")

    @commands.command(help="Show whether it runs and answers; exit code 4 if it does not.")
    def status(as_json: JsonFlag = False) -> None:
        from ingestion import servers
        from ingestion.errors import ExitCode
        from ingestion.settings import load_settings

        act: Act = getattr(servers, f"{name}_status")
        found = act(load_settings())
        show(found, as_json=as_json)
        if not found.ready:
            raise typer.Exit(ExitCode.UNAVAILABLE)

    return commands
