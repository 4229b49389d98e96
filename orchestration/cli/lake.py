"""`adx lake`: upkeep of the lake."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.output import (
    JsonFlag,
    print_facts,
    print_json,
    print_table,
    remarks,
)

if TYPE_CHECKING:
    from ingestion.lake.pointers import Pointer
    from ingestion.lake.upkeep.lake_upkeep import Progress

app = typer.Typer(
    no_args_is_help=True,
    help="Compact the lake, forget old snapshots, remove orphans; save and rebuild its catalog.",
)

CheckFlag = Annotated[bool, typer.Option("--check", help="Only show what would be done.")]
Hours = Annotated[
    float,
    typer.Option(
        "--hours", min=0, help="What is younger stays; longer than any reader or landing takes."
    ),
]


@contextmanager
def _progress() -> "Iterator[Progress]":
    """Shows which table has its turn, on a terminal."""
    console = remarks()
    with console.status("…") as line:
        yield lambda table: line.update(f"{table} …")


@app.command()
def status(as_json: JsonFlag = False) -> None:
    """Show rows, files, bytes, snapshots and pointers of each table, and what is kept."""
    from ingestion.settings import load_settings
    from orchestration import lake_upkeep

    found = lake_upkeep.status(load_settings())
    if as_json:
        print_json(found)
        return
    print_table(
        "The lake",
        ["table", "rows", "files", "bytes", "snapshots", "pointers"],
        [list(vars(table).values()) for table in found.tables],
        right=1,
        grouped=True,
    )
    pins = ", ".join(map(str, found.kept_pins)) or "none"
    backup = found.backup
    print_facts(
        "Kept",
        {
            "pins": pins,
            "backup": f"{backup.location}, {backup.taken_at:%Y-%m-%d %H:%M} UTC"
            if backup is not None
            else None,
        },
    )


@app.command()
def compact(
    check: CheckFlag = False,
    target_mb: Annotated[
        int, typer.Option("--target-mb", min=1, help="What a file grows to, in MiB.")
    ] = 64,
    min_files: Annotated[
        int, typer.Option("--min-files", min=2, help="The fewest files worth a rewrite.")
    ] = 5,
    as_json: JsonFlag = False,
) -> None:
    """Rewrite small files of each date as one; rows, commits and readers stay as they are.

    Commits that have not been published yet are left alone.
    """
    from ingestion.settings import load_settings
    from orchestration import lake_upkeep

    with _progress() as progress:
        done = lake_upkeep.compact(
            load_settings(),
            target_bytes=target_mb * 1024**2,
            min_files=min_files,
            check=check,
            progress=progress,
        )
    if as_json:
        print_json(done)
        return
    some = [item for item in done if item.files_after < item.files_before]
    if some:
        print_table(
            "To compact" if check else "Compacted",
            ["table", "files before", "after", "bytes before", "after", "rows rewritten"],
            [
                [
                    item.table,
                    item.files_before,
                    item.files_after,
                    item.bytes_before,
                    item.bytes_after,
                    item.rows,
                ]
                for item in some
            ],
            right=1,
            grouped=True,
        )
    typer.echo(f"{len(some)} of {len(done)} tables {'to compact' if check else 'compacted'}")


@app.command()
def expire(
    check: CheckFlag = False,
    keep: Annotated[
        int, typer.Option("--keep", min=1, help="So many of the newest snapshots stay.")
    ] = 10,
    hours: Hours = 72,
    as_json: JsonFlag = False,
) -> None:
    """Forget old snapshots that no pin names; pinned states stay readable."""
    from ingestion.settings import load_settings
    from orchestration import lake_upkeep

    with _progress() as progress:
        done = lake_upkeep.expire(
            load_settings(), keep=keep, hours=hours, check=check, progress=progress
        )
    if as_json:
        print_json(done)
        return
    some = [item for item in done if item.removed or item.pointers]
    if some:
        print_table(
            "To forget" if check else "Forgotten",
            ["table", "snapshots", "forgotten", "pinned", "pointers removed"],
            [[item.table, item.before, item.removed, item.pinned, item.pointers] for item in some],
            right=1,
            grouped=True,
        )
    removed = sum(item.removed for item in done)
    typer.echo(f"{removed} snapshots {'to forget' if check else 'forgotten'}")


@app.command()
def orphans(
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove them; refused while a writer lives.")
    ] = False,
    hours: Hours = 72,
    as_json: JsonFlag = False,
) -> None:
    """Show files that nothing reaches: no snapshot, no pin, no kept build, no pointer."""
    from ingestion.settings import load_settings
    from orchestration import lake_upkeep

    with _progress() as progress:
        found = lake_upkeep.orphans(load_settings(), hours=hours, delete=delete, progress=progress)
    if as_json:
        print_json(found)
        return
    some = [item for item in found if item.files or item.young]
    if some:
        print_table(
            "Orphans",
            ["table", "files", "bytes", "too young", "of files"],
            [[item.table, len(item.files), item.bytes, item.young, item.checked] for item in some],
            right=1,
            grouped=True,
        )
    count, size = sum(len(item.files) for item in found), sum(item.bytes for item in found)
    removed = "removed" if delete else "found; `--delete` removes them"
    typer.echo(f"{count} orphans of {size:,} bytes {removed}")


@app.command()
def backup(
    to: Annotated[
        str | None, typer.Option("--to", help="Folder, or s3://<bucket>/<prefix>.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write what the catalog knows to a file of some kilobytes; the lake's files are not copied."""
    from ingestion.settings import load_settings
    from orchestration import lake_upkeep

    taken = lake_upkeep.back_up(load_settings(), to)
    if as_json:
        print_json(taken)
    else:
        state = "written" if taken.is_new else "the newest says the same"
        typer.echo(f"{taken.location}: {len(taken.tables)} tables, {state}")


@app.command()
def restore(
    location: Annotated[
        str | None, typer.Option("--from", help="The backup; by default the newest of this home.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Bring a lost catalog back from a backup; where the pointers know more, from them."""
    from ingestion.settings import load_settings
    from orchestration import lake_upkeep

    _print_taken(lake_upkeep.restore(load_settings(), location), as_json=as_json)


@app.command()
def rebuild(as_json: JsonFlag = False) -> None:
    """Bring a lost catalog back from the pointers that each commit left beside the lake."""
    from ingestion.settings import load_settings
    from orchestration import lake_upkeep

    _print_taken(lake_upkeep.rebuild(load_settings()), as_json=as_json)


def _print_taken(taken: "list[Pointer]", *, as_json: bool) -> None:
    if as_json:
        print_json(taken)
        return
    print_table(
        "The catalog knows again",
        ["table", "commit", "seq"],
        [[pointer.table, pointer.sequence_number, pointer.ingest_seq] for pointer in taken],
        right=1,
    )
