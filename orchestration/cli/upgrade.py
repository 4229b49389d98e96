"""`adx upgrade` and `adx contracts check`: contracts that move, and the lake that follows them."""

from typing import Annotated

import typer

from orchestration.cli.output import JsonFlag, print_facts, print_json, print_table

contracts_app = typer.Typer(no_args_is_help=True, help="The contracts of the sources.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel="Landing")(upgrade)
    app.add_typer(contracts_app, name="contracts", rich_help_panel="Landing")


def upgrade(
    check: Annotated[
        bool, typer.Option("--check", help="Only show what is to do; exit code 1 if anything is.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Bring the lake's tables to the newest versions of their contracts; add their new columns.

    Only metadata is written: rows of before have nulls in the new columns. Afterwards older code
    lands nothing any more. Also says whether the next build makes everything from nothing.
    """
    from dataclasses import asdict

    from ingestion.errors import ExitCode
    from ingestion.settings import load_settings
    from orchestration.upgrade import upgrade as run_upgrade

    done = run_upgrade(load_settings(), check=check)
    if as_json:
        print_json(asdict(done))
    else:
        if done.tables:
            print_table(
                "What the newer contracts change", ["table", "version", "change"], done.changes
            )
            added = sum(len(table.columns) for table in done.tables)
            state = "done" if done.is_done else "to do"
            lake = f"{state}: {len(done.tables)} tables, {added} columns added"
        else:
            lake = "at the newest versions of all contracts"
        build = f"full refresh: {done.reason}" if done.full_refresh else "increment"
        print_facts("Upgrade", {"lake": lake, "next build": build})
    if check and done.tables:
        raise typer.Exit(ExitCode.FAILED)


@contracts_app.command()
def check(as_json: JsonFlag = False) -> None:
    """Compare every version of every contract with the one before it; exit code 3 if refused.

    Looks at files alone, no lake is needed: for a new version before it is merged.
    """
    from ingestion.contracts.evolution import changes
    from ingestion.contracts.registry import contracts_folder, read_contracts
    from ingestion.errors import ExitCode

    contracts = read_contracts(contracts_folder())
    found = [
        (version, change)
        for contract in contracts
        for version in contract.versions()
        for change in changes(version)
    ]
    bad = [(version, change) for version, change in found if change.remedy is not None]
    if as_json:
        print_json(
            [
                {
                    "table": version.name,
                    "version": version.version,
                    "field": change.field,
                    "change": change.what,
                    "remedy": change.remedy,
                }
                for version, change in found
            ]
        )
    else:
        if found:
            print_table(
                None,
                ["table", "version", "change", ""],
                [
                    [
                        version.name,
                        version.version,
                        str(change),
                        "refused" if change.remedy else "ok",
                    ]
                    for version, change in found
                ],
            )
        for version, change in bad:
            typer.echo(f"FAILED {version.name} v{version.version}: {change}")
            typer.echo(f"       remedy: {change.remedy}")
        typer.echo(f"{len(contracts)} tables, {len(found)} changes, {len(bad)} refused")
    if bad:
        raise typer.Exit(ExitCode.CONFIGURATION)
