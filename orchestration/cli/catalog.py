"""`adx catalog`: dropped files that no contract declares, and the way to declare them."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.files import Source
from orchestration.cli.output import JsonFlag, print_facts, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingestion.drafts import Draft

app = typer.Typer(
    help="Dropped files that no contract declares: infer their schema, list them, adopt them.",
    no_args_is_help=True,
)

_Name = Annotated[str, typer.Argument(metavar="SOURCE.KIND", help="A draft, as `list` names it.")]


@app.command()
def crawl(
    source: Annotated[Source | None, typer.Argument(help="Only files of this source.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Infer the schema of undeclared files and register what is new as a draft.

    Every landing does this for the files that it could not place; the files stay encrypted.
    """
    from ingestion.settings import load_settings
    from orchestration.batch import crawl_files, file_sources

    settings = load_settings()
    found = [
        item
        for name in ([source.value] if source else file_sources())
        for item in crawl_files(settings, name)
    ]
    if as_json:
        print_json([{**item.draft.as_json(), "is_new": item.is_new} for item in found])
        return
    news = sum(item.is_new for item in found)
    _print_drafts(f"{len(found):,} kinds, {news:,} new", [item.draft for item in found])


@app.command("list")
def list_drafts(
    name: Annotated[
        str | None, typer.Argument(metavar="[SOURCE.KIND]", help="Show the columns of this draft.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the drafts, or the columns of one.

    Ad-hoc SQL reads them where they are: adx query "select * from draft_adserver.orders"
    """
    from ingestion.drafts import drafts, find_draft
    from ingestion.lake import Lake
    from ingestion.settings import load_settings

    lake = Lake.open(load_settings())
    lake.ensure_tables()
    found = drafts(lake) if name is None else [find_draft(lake, name)]
    if as_json:
        print_json([{**draft.as_json(), "adopted_as": _adopted_as(draft)} for draft in found])
    elif name is None:
        _print_drafts(f"{len(found):,} drafts", found)
    else:
        (draft,) = found
        print_table(
            f"{draft.name}: {draft.rows:,} records in {draft.files:,} files of {draft.format}",
            ["column", "type", "filled"],
            [[column.name, column.type, column.filled] for column in draft.columns],
            right=2,
            grouped=True,
        )


@app.command()
def adopt(
    *,
    name: _Name,
    table: Annotated[
        str | None, typer.Option(help="Name of the table; by default the kind.")
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="A field that identifies a record; may be repeated.")
    ] = None,
    event_time: Annotated[
        str | None, typer.Option(help="The field whose UTC date is the event date.")
    ] = None,
    clear: Annotated[
        list[str] | None,
        typer.Option(help="A text field that holds nothing personal; may be repeated."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the contract, and write nothing.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write the contract of a draft, so that its files are landed.

    Texts that --clear does not name become pseudonyms. Read the file before you commit it.
    """
    from ingestion.drafts import adopt as write
    from ingestion.drafts import draft_contract, find_draft
    from ingestion.drafts.contract import undeclared
    from ingestion.lake import Lake
    from ingestion.settings import load_settings
    from orchestration.batch import attempts_of

    settings = load_settings()
    lake = Lake.open(settings)
    lake.ensure_tables()
    draft = find_draft(lake, name)
    node = draft_contract(
        draft, table=table, key=key or (), event_time=event_time, clear=clear or ()
    )
    if dry_run:
        print_json(node)
        return
    adoption = write(draft, node, attempts_of(settings, draft))
    if as_json:
        print_json(adoption)
        return
    print_facts(
        f"{adoption.contract} is declared",
        {
            "contract": adoption.path,
            "left out": "; ".join(f"{field}: {why}" for field, why in undeclared(draft).items())
            or None,
            "next": "read it, add its source to dbt (docs/runbooks/file-sources.md), then "
            + " and ".join(adoption.retry),
        },
    )


def _adopted_as(draft: "Draft") -> str | None:
    from ingestion.contracts import all_contracts

    return next(
        (
            contract.name
            for contract in all_contracts()
            if contract.source == draft.source and set(draft.names) <= set(contract.files)
        ),
        None,
    )


def _print_drafts(title: str, found: "Sequence[Draft]") -> None:
    print_table(
        title,
        ["draft", "names", "format", "adopted as", "form", "files", "records", "columns"],
        [
            [
                draft.name,
                ", ".join(draft.names),
                draft.format,
                _adopted_as(draft),
                draft.number,
                draft.files,
                draft.rows,
                len(draft.columns),
            ]
            for draft in found
        ],
        right=4,
        grouped=True,
    )
