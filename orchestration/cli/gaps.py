"""`adx gaps`: records that were never landed and cannot be had, and who goes on without them."""

from collections import Counter
from enum import StrEnum
from typing import Annotated, Any

import typer

from orchestration.cli.output import JsonFlag, print_facts, print_json, print_table

app = typer.Typer(
    help="Records that were never landed: list, show or accept what is missing.",
    no_args_is_help=True,
)


class _Status(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    CLOSED = "closed"


@app.command("list")
def list_gaps(
    status: Annotated[_Status | None, typer.Option(help="Only these.")] = None,
    table: Annotated[
        str | None, typer.Option(help="Only this raw table, such as ad_events.events.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List gaps, the oldest first. An open one halts the stream of its table."""
    from ingestion.gaps import known_gaps
    from ingestion.lake import Lake
    from ingestion.settings import load_settings

    lake = Lake.open(load_settings())
    lake.ensure_tables()
    gaps = [
        gap
        for gap in known_gaps(lake)
        if status in (None, gap.status) and table in (None, gap.table)
    ]
    if as_json:
        print_json(gaps)
        return
    counts = Counter(gap.status for gap in gaps)
    title = ", ".join(f"{counts[one]:,} {one}" for one in _Status)
    columns = ["id", "status", "kind", "table", "missing", "message"]
    rows = [
        [gap.gap_id, gap.status, gap.kind, gap.table, gap.missing_count, gap.message]
        for gap in gaps
    ]
    print_table(f"Gaps: {title}", columns, rows)


@app.command()
def show(
    gap_id: Annotated[str, typer.Argument(help="Its id, as `list` shows it.")],
    as_json: JsonFlag = False,
) -> None:
    """Show one gap: what is missing, and who has decided what about it, when and why."""
    from ingestion.gaps import find_gap
    from ingestion.lake import Lake
    from ingestion.settings import load_settings

    lake = Lake.open(load_settings())
    lake.ensure_tables()
    gap = find_gap(lake, gap_id)
    if as_json:
        print_json(gap)
    else:
        print_facts(f"Gap {gap.gap_id}", _facts(gap))


@app.command()
def accept(
    gap_ids: Annotated[list[str], typer.Argument(help="Ids, as `list` shows them.")],
    reason: Annotated[str, typer.Option(help="Why; kept beside the gap, in clear.")],
    start: Annotated[
        int | None,
        typer.Option(
            "--from",
            min=0,
            help="Where a partition that the broker cut off is read on; by default where it ended.",
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Let the stream go on without what is missing.

    Its next run goes on from the earliest offset that exists, or with the new topic. Who accepted,
    when and why is kept, and `adx reconcile` counts with it. Accepting again changes nothing.
    """
    from ingestion.gaps import accept_gap
    from ingestion.settings import load_settings

    settings = load_settings()
    accepted = [accept_gap(settings, gap_id, reason, start=start) for gap_id in gap_ids]
    if as_json:
        print_json([{**vars(gap), "accepted_now": is_new} for gap, is_new in accepted])
        return
    for gap, is_new in accepted:
        title = "accepted" if is_new else "was accepted before; nothing has changed"
        print_facts(f"Gap {gap.gap_id} {title}", _facts(gap))


def _facts(gap: Any) -> dict[str, object]:
    return {name: value for name, value in vars(gap).items() if value is not None}
