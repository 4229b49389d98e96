"""Commands of the warehouse: pin, build, publish, rollback, verify, reconcile, query and so on."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.output import (
    Format,
    JsonFlag,
    form_of,
    print_answer,
    print_facts,
    print_json,
    print_table,
    remarks,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from ingestion.settings import Settings
    from orchestration.warehouse.store import Manifest
    from orchestration.warehouse.verdict import Verdict
    from orchestration.warehouse.versions import Versions

PANEL = "Warehouse"

Pin = Annotated[int | None, typer.Option("--pin", help="A logged pin; by default pin now.")]
FullRefresh = Annotated[bool, typer.Option("--full-refresh", help="Build everything from nothing.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (pin, build, publish, rollback, verify, reconcile, query, report):
        app.command(rich_help_panel=PANEL)(command)
    app.command(
        "dbt",
        rich_help_panel=PANEL,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(run_dbt)


def pin(as_json: JsonFlag = False) -> None:
    """Pin the lake: choose one exact state of every raw table, and show what is new in it.

    The pin is logged in the lake; with nothing new since the last pin, that one is shown again.
    """
    from dataclasses import asdict

    from ingestion.lake import Lake
    from ingestion.settings import load_settings
    from orchestration.warehouse.pin import find_pin, pin_lake
    from orchestration.warehouse.publish import published_manifest

    settings = load_settings()
    lake = Lake.open(settings)
    current = published_manifest(settings)
    pinned = pin_lake(lake)
    previous = find_pin(lake, current.pin) if current else None
    window = lake.window(previous, pinned)
    if as_json:
        tables = [
            {
                "table": name,
                **asdict(table),
                "metadata_location": pinned.tables[name].metadata_location,
            }
            for name, table in window.tables.items()
        ]
        print_json({"pin": pinned.number, "previous_pin": window.previous_pin, "tables": tables})
        return
    since = f"since published pin {previous.number}" if previous else "nothing is published yet"
    print_table(
        f"Pin {pinned.number} ({since})",
        ["table", "head", "new commits", "touched dates", "in force from"],
        [
            [
                name,
                table.to_seq,
                f"{table.from_seq + 1} to {table.to_seq}"
                if table.to_seq > table.from_seq
                else None,
                _dates(table.touched_dates),
                table.min_effective_date,
            ]
            for name, table in window.tables.items()
        ],
    )


def _dates(days: "Sequence[date]") -> str | None:
    if not days:
        return None
    return str(days[0]) if len(days) == 1 else f"{len(days)}: {days[0]} to {days[-1]}"


def build(
    *,
    pin: Pin = None,
    full_refresh: FullRefresh = False,
    keep_rows: Annotated[
        bool,
        typer.Option(
            "--keep-rows",
            help="The dbt code has changed, but not the rows it makes: build an increment.",
        ),
    ] = False,
    dates: Annotated[
        str | None,
        typer.Option(
            help="Build these event dates again, though nothing of them is new: "
            "2026-03-28, or 2026-03-01..2026-03-28."
        ),
    ] = None,
    select: Annotated[
        str | None,
        typer.Option(help="dbt selection; the result stays in the scratch build, unpublished."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Pin the lake, build what is new with dbt where no reader sees it, and test it.

    With nothing new and unchanged code nothing is done, unless --dates asks for it. Changed
    code builds everything from nothing (see --keep-rows). A build that fails a test is kept aside
    and never published; `adx publish` makes one that passed the current one.
    """
    from ingestion.settings import load_settings
    from orchestration.warehouse.build import build as run_build
    from orchestration.warehouse.dates import parse_dates

    settings = load_settings()
    with _progress() as on_node:
        result = run_build(
            settings,
            pin=pin,
            full_refresh=full_refresh,
            keep_rows=keep_rows,
            dates=parse_dates(dates) if dates else None,
            selection=select,
            on_node=on_node,
        )
    if as_json:
        print_json(result)
        return
    facts: dict[str, object] = {
        "status": result.status,
        "build": result.build_id,
        "pin": result.pin,
        "why": result.reason,
    }
    if result.status != "nothing to do":
        facts |= {
            "kind": "full refresh" if result.full_refresh else "increment",
            "models": result.models,
            "tests passed": result.tests,
            "seconds": result.seconds,
        }
    changed = sum(abs(count) for count in result.changed.values())
    facts |= {"rows": f"{result.rows:,}", "rows changed": f"{changed:,}"}
    if result.status == "partial":
        facts |= {"look at it": f'adx query --build scratch "select …" ({result.folder})'}
    print_facts("Build", facts)


class _progress:  # noqa: N801 - used as a function
    """A line on standard error that says which models and tests are done."""

    def __enter__(self) -> "_progress":
        self._status = remarks().status("dbt starts")
        self._done = 0
        self._status.start()
        return self

    def __call__(self, name: str, status: str) -> None:
        self._done += 1
        self._status.update(f"{self._done} models and tests done; {name}: {status}")

    def __exit__(self, *_: object) -> None:
        self._status.stop()


def publish(
    build: Annotated[
        str | None,
        typer.Option(help="Id of a kept build; by default the newest that was not withdrawn."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make the newest build that passed the one that readers see, in one step.

    Readers never wait and never see half a build; the last builds are kept (ADX_KEPT_BUILDS), and
    `adx rollback` goes back to one of them.
    """
    from ingestion.settings import load_settings
    from orchestration.warehouse.publish import publish as run_publish

    publication = run_publish(load_settings(), build)
    if as_json:
        print_json(publication)
        return
    print_facts(
        "Publish",
        {
            "status": publication.status,
            "build": publication.build_id,
            "pin": publication.pin,
            "replaced": publication.replaced,
            "removed": ", ".join(publication.removed) or None,
        },
    )


def rollback(
    *,
    to: Annotated[
        str | None,
        typer.Option(help="Id of a kept build; by default the one that readers saw before."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="Why; it stands in the run ledger, and with the builds.")
    ] = None,
    show: Annotated[
        bool, typer.Option("--list", help="Show the builds that are kept, and change nothing.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Let readers go back to a build that they saw before, in one step.

    What they shall not see any more is withdrawn: nothing publishes it again unless `adx publish
    --build` names it. Dagster publishes nothing by itself until somebody publishes a newer build
    with `adx publish`. Run again without --to, it does not go back further.
    """
    from ingestion.errors import AdxError, ExitCode
    from ingestion.settings import load_settings
    from orchestration.warehouse.publish import kept_versions
    from orchestration.warehouse.publish import rollback as run_rollback

    settings = load_settings()
    if show:
        versions = kept_versions(settings)
        rows = [_version(versions, manifest) for manifest in reversed(versions.kept)]
        if as_json:
            print_json(rows)
        else:
            print_table(
                "Builds that are kept",
                ["build", "pin", "finished at", "rows", "state", "why"],
                [list(row.values()) for row in rows],
            )
        return
    if not (reason or "").strip():
        raise AdxError(
            "A rollback needs a reason.",
            remedy="Say why with --reason; `adx rollback --list` shows what is kept.",
            exit_code=ExitCode.USAGE,
        )
    done = run_rollback(settings, to, reason=str(reason).strip())
    if as_json:
        print_json(done)
        return
    print_facts(
        "Rollback",
        {
            "status": done.status,
            "build": done.build_id,
            "pin": done.pin,
            "withdrawn": ", ".join(done.withdrawn) or None,
            "why": done.reason or None,
        },
    )


def _version(versions: "Versions", manifest: "Manifest") -> dict[str, object]:
    """A kept build as a row."""
    withdrawal = versions.withdrawn.get(manifest.build_id)
    if manifest == versions.current:
        state = "current"
    elif withdrawal is not None:
        state = "withdrawn"
    else:
        state = "published before" if manifest.build_id in versions.published else "passed"
    return {
        "build": manifest.build_id,
        "pin": manifest.pin,
        "finished_at": manifest.finished_at[:19],
        "rows": manifest.rows,
        "state": state,
        "why": withdrawal.reason if withdrawal is not None else None,
    }


def verify(as_json: JsonFlag = False) -> None:
    """Compare the published marts with the ad world's answer key, number by number, exactly.

    A pair is a metric at a grain; those whose true value is zero everywhere do not count.
    """
    from ingestion.settings import load_settings
    from orchestration.warehouse.verify import verify as run_verify

    judge(run_verify(load_settings()), as_json=as_json)


def reconcile(as_json: JsonFlag = False) -> None:
    """Check the chain from producers' journals to marts: nothing lost, doubled or changed.

    One line a balance. Reads every data file of the lake and every row of the vault and the marts.
    """
    from ingestion.settings import load_settings
    from orchestration.warehouse.reconcile import reconcile as run_reconcile

    judge(run_reconcile(load_settings()), as_json=as_json)


def judge(verdict: "Verdict", *, as_json: bool = False) -> None:
    """Print what failed, and the last line that scripts read."""
    from ingestion.errors import ExitCode

    if as_json:
        print_json(
            {
                "passed": verdict.passed,
                "failed": verdict.failed,
                "failures": [str(failure) for failure in verdict.failures],
                "checks": verdict.names,
            }
        )
    else:
        for name in verdict.names:
            typer.echo(f"ok {name}")
        for failure in verdict.failures:
            typer.echo(f"FAILED {failure}")
        typer.echo(verdict.last_line)
    if verdict.failed:
        raise typer.Exit(ExitCode.FAILED)


def query(
    *,
    sql: Annotated[
        str | None, typer.Argument(help="One SELECT; `-` or nothing reads standard input.")
    ] = None,
    file: Annotated[
        typer.FileText | None, typer.Option(help="Read the SELECT from a file.")
    ] = None,
    output: Annotated[Format, typer.Option("--output", "-o", help="How to print it.")] = (
        Format.TABLE
    ),
    limit: Annotated[
        int | None, typer.Option(help="Most rows; by default 100 in a table, otherwise all.")
    ] = None,
    build: Annotated[
        str | None, typer.Option(help="Read this build (an id, or scratch), not the published one.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask the warehouse, read-only: raw views, vault, marts, ops.

    Example: adx query "select * from finance.fct_line_item_billing_daily limit 5"
    """
    from ingestion.settings import load_settings
    from orchestration.warehouse.query import query as run_query

    if file is not None:
        text = file.read()
    elif sql is None or sql == "-":
        text = sys.stdin.read()
    else:
        text = sql
    kind, most = form_of(output, limit, as_json=as_json)
    print_answer(run_query(load_settings(), text, limit=most, build=build), kind)


def report(
    *,
    html: Annotated[
        Path | None,
        typer.Option(help="Write one page with charts to this file; it needs nothing else."),
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option(
            "--date",
            formats=["%Y-%m-%d"],
            help="Report this day (UTC); by default the newest one with a day's deliveries.",
        ),
    ] = None,
    campaign: Annotated[
        str | None, typer.Option(help="Report the campaign of this id, over all its days.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the key figures of the published warehouse, and how fresh it is.

    Example: adx report --html report.html --date 2026-03-28
    """
    from ingestion.errors import AdxError, ExitCode
    from ingestion.settings import load_settings

    if day is not None and campaign is not None:
        raise AdxError(
            "--date and --campaign exclude each other: a report is about one day or one campaign.",
            remedy="Leave one of them out; a campaign is reported over all its days.",
            exit_code=ExitCode.USAGE,
        )
    if html is not None and as_json:
        raise AdxError(
            "--html and --json exclude each other.",
            remedy="Leave one of them out.",
            exit_code=ExitCode.USAGE,
        )
    settings = load_settings()
    date_of_day = None if day is None else day.date()
    if html is not None:
        from orchestration.warehouse.report.page import write_page

        scope = write_page(settings, html, day=date_of_day, campaign=campaign)
        print_facts("Report", {"about": scope.title, "file": html.absolute()})
    elif as_json:
        from orchestration.warehouse.report import summary

        sections = summary(settings, day=date_of_day, campaign=campaign)
        print_json({section.name: section.as_records() for section in sections})
    else:
        print_report(settings, day=date_of_day, campaign=campaign)


def print_report(
    settings: "Settings", *, day: "date | None" = None, campaign: str | None = None
) -> None:
    """Print the key figures as tables."""
    from orchestration.warehouse.report import summary

    for section in summary(settings, day=day, campaign=campaign):
        print_table(
            section.title, section.columns, section.rows, right=section.first_number, grouped=True
        )


def run_dbt(
    context: typer.Context,
    pin: Pin = None,
) -> None:
    """Run dbt with the pin's window, on a scratch copy of the published warehouse.

    Everything after `dbt` goes to dbt: `adx dbt build --select +my_model`. The published warehouse
    is never written; look at the result with `adx query --build scratch "select …"`.
    """
    from ingestion.settings import load_settings
    from orchestration.warehouse.scratch import run

    run(load_settings(), context.args, pin=pin)
