"""`adx finance`: billing periods, open and closed."""

from typing import Annotated

import typer

from orchestration.cli.output import JsonFlag, print_facts, print_json, print_table

app = typer.Typer(
    help="Billing periods: show them, and close a month.",
    no_args_is_help=True,
)


@app.command()
def close(
    period: Annotated[str, typer.Option(help="The month to close, such as 2026-03.")],
    as_json: JsonFlag = False,
) -> None:
    """Freeze what is published of a month; what changes of it later becomes an adjustment.

    Months close in order, and only when they are over in every time zone. Closing one again changes
    nothing. `adx build` and `adx publish` bring the close into the marts.
    """
    from ingestion.settings import load_settings
    from orchestration.warehouse.finance import close_period

    closed = close_period(load_settings(), period)
    if as_json:
        print_json(closed)
        return
    print_facts(
        "Close",
        {
            "status": closed.status,
            "period": closed.period,
            "closed at": closed.closed_at,
            "build": closed.build_id,
            "pin": closed.pin,
            "lines": closed.lines,
            "adjustments": closed.adjustments,
        },
    )


@app.command()
def periods(as_json: JsonFlag = False) -> None:
    """Show the months of the published build: open or closed, and what is billed in them.

    Amounts are in the base currency.
    """
    from ingestion.settings import load_settings
    from orchestration.warehouse.finance import periods as periods_of

    found = periods_of(load_settings())
    if as_json:
        print_json(found)
        return
    print_table(
        "Billing periods",
        [
            "period",
            "status",
            "closed at",
            "build",
            "lines",
            "adjustments",
            "billed",
            "adjusted",
        ],
        [list(row.values()) for row in found],
        right=4,
    )
