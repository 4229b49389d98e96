"""`adx failed`: records that broke their contract, and the way back."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.output import JsonFlag, print_facts, print_json, print_table

if TYPE_CHECKING:
    from ingestion.failed import Tally

app = typer.Typer(
    help="Records that broke their contract: list, show, replay or discard them.",
    no_args_is_help=True,
)

_TableOption = Annotated[
    str | None,
    typer.Option(
        "--table", "--source", help="Only this raw table or source, such as ad_events.events."
    ),
]
_SHOWN = 20


class _By(StrEnum):
    REASON = "reason"
    TABLE = "table"
    SOURCE = "source"
    DATE = "date"


@app.command("list")
def list_failed(
    table: _TableOption = None,
    reason: Annotated[str | None, typer.Option(help="Only this reason, such as schema.")] = None,
    by: Annotated[_By, typer.Option(help="What to count by.")] = _By.REASON,
    limit: Annotated[
        int, typer.Option(min=0, help="Also show this many records, newest first.")
    ] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Count failed records of the lake as it is now: failed = open + replayed + discarded.

    With --limit show ids and positions of the newest.
    """
    from ingestion.settings import load_settings
    from orchestration.warehouse import failed

    settings = load_settings()
    groups = failed.groups(settings, by=by, table=table, reason=reason)
    records = failed.records(settings, table=table, reason=reason, limit=limit) if limit else []
    if as_json:
        print_json({"groups": groups, "records": records})
        return
    heads = [name for name in ("table", "source", "date", "reason") if groups and name in groups[0]]
    columns = [*heads, "count", *failed.STATES, "example"]
    total = sum(int(str(group["count"])) for group in groups)
    still = sum(int(str(group["open"])) for group in groups)
    print_table(
        f"{total:,} failed records, {still:,} of them open",
        columns,
        [[group[name] for name in columns] for group in groups],
        grouped=True,
    )
    if records:
        names = ["id", "table", "position", "reason", "state", "message"]
        print_table("Newest", names, [[record[name] for name in names] for record in records])


@app.command()
def show(
    record: Annotated[str, typer.Argument(help="Its id; or its raw table, with a position.")],
    position: Annotated[
        str | None,
        typer.Argument(help="topic-id/partition/offset, or file:line, as `list` shows it."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show one failed record with its payload, decrypted with the key of its day.

    The payload may hold personal data: it goes to the terminal and nowhere else.
    """
    from ingestion.settings import load_settings
    from orchestration.warehouse import failed

    found = failed.show(load_settings(), record, position)
    if as_json:
        print_json(found)
    else:
        print_facts(f"{found['table']} at {found['position']}", found)


@app.command()
def conflicts(
    limit: Annotated[int, typer.Option(min=0, help="Also show this many, newest first.")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Count deliveries whose id was loaded before with another time.

    They did not fail: they are loaded, the first one counts, and the published warehouse lists the
    others.
    """
    from ingestion.settings import load_settings
    from orchestration.warehouse import id_conflicts

    settings = load_settings()
    tables = id_conflicts.by_table(settings)
    rows = id_conflicts.newest(settings, limit) if limit else []
    if as_json:
        print_json({"tables": tables, "conflicts": rows})
        return
    columns = ["source_table", "event_type", "conflict_count", "first_date", "last_date"]
    total = sum(int(str(row["conflict_count"])) for row in tables)
    print_table(
        f"{total:,} id conflicts",
        columns,
        [[row[name] for name in columns] for row in tables],
        grouped=True,
    )
    if rows:
        print_table("Newest", list(rows[0]), [list(row.values()) for row in rows])


@app.command()
def replay(
    fix: Annotated[
        Path, typer.Option(help="File of rules; docs/runbooks/failed-records.md has examples.")
    ],
    table: _TableOption = None,
    reason: Annotated[
        str | None, typer.Option(help="Only records that failed for this reason.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Say what would pass, and write nothing.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Fix open records as the rules say, and land what passes now, each once.

    What fails again stays open, with why. The next `adx build` takes what was landed, as it takes
    late data. A second run changes nothing.
    """
    from ingestion.settings import load_settings
    from orchestration.warehouse.failed import replay_failed

    tally = replay_failed(load_settings(), fix, table=table, reason=reason, dry_run=dry_run)
    _print(tally, "Would be replayed" if dry_run else "Replayed", as_json=as_json)


@app.command()
def discard(
    why: Annotated[str, typer.Option("--reason", help="Why; kept beside the records, in clear.")],
    ids: Annotated[list[str] | None, typer.Argument(help="Ids, as `list --limit` shows.")] = None,
    table: _TableOption = None,
    failed_for: Annotated[
        str | None, typer.Option(help="Records that failed for this reason.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Give open records up for good, with a reason that is kept."""
    from ingestion.settings import load_settings
    from orchestration.warehouse.failed import discard_failed

    tally = discard_failed(load_settings(), why, ids=ids or (), table=table, reason=failed_for)
    _print(tally, "Discarded", as_json=as_json)


def _print(tally: "Tally", title: str, *, as_json: bool) -> None:
    if as_json:
        print_json(tally)
        return
    facts = {
        "matched": tally.matched,
        "replayed": tally.replayed,
        "failed again": sum(tally.failed_again.values()),
        "discarded": tally.discarded,
        "erased": tally.erased,
        "tried before": tally.unchanged,
    }
    print_facts(title, {name: value for name, value in facts.items() if value or name == "matched"})
    if tally.records:
        names = ["id", "table", "outcome", "reason", "message"]
        print_table(
            f"First {_SHOWN}" if len(tally.records) > _SHOWN else None,
            names,
            [[record[name] for name in names] for record in tally.records[:_SHOWN]],
        )
