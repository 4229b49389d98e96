"""`adx failed`: records that broke their contract."""

from typing import Annotated

import typer

from orchestration.cli.output import JsonFlag, print_facts, print_json, print_table

app = typer.Typer(
    help="Records that broke their contract, kept in the lake beside the good ones.",
    no_args_is_help=True,
)


@app.command("list")
def list_failed(
    table: Annotated[
        str | None, typer.Option(help="Only this raw table, such as ad_events.events.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Only this reason, such as schema.")] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="Also show this many records, newest first.")
    ] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Count failed records by table and reason; with --limit show positions of the newest."""
    from ingestion.settings import load_settings
    from orchestration.warehouse import failed

    settings = load_settings()
    groups = failed.groups(settings, table=table, reason=reason)
    records = failed.records(settings, table=table, reason=reason, limit=limit) if limit else []
    if as_json:
        print_json({"groups": groups, "records": records})
        return
    columns = ["table", "reason", "count", "example"]
    total = sum(int(str(group["count"])) for group in groups)
    print_table(
        f"{total:,} failed records",
        columns,
        [[group[name] for name in columns] for group in groups],
        grouped=True,
    )
    if records:
        names = ["table", "position", "reason", "field", "message"]
        print_table("Newest", names, [[record[name] for name in names] for record in records])


@app.command()
def show(
    table: Annotated[str, typer.Argument(help="Raw table, such as ad_events.events.")],
    position: Annotated[
        str, typer.Argument(help="topic-id/partition/offset, or file:line, as `list` shows it.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Show one failed record with its payload, decrypted with the key of its day.

    The payload may hold personal data: it goes to the terminal and nowhere else.
    """
    from ingestion.settings import load_settings
    from orchestration.warehouse import failed

    record = failed.show(load_settings(), table, position)
    if as_json:
        print_json(record)
    else:
        print_facts(f"{table} at {position}", record)
