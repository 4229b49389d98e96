"""`adx doctor`: whether this machine and this configuration have all that is needed."""

import typer

from orchestration.cli.output import JsonFlag, print_json, results


def register(app: typer.Typer) -> None:
    """Add `adx doctor`."""
    app.command(rich_help_panel="Start here")(doctor)


def doctor(as_json: JsonFlag = False) -> None:
    """Check Python, Java, Maven, disk, ports, extensions, settings; say how to mend what is wrong.

    Exit code 3 if something that is needed is missing.
    """
    from dataclasses import asdict

    from ingestion.errors import ExitCode
    from orchestration.checkup import checkup

    findings = checkup()
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        console = results()
        for finding in findings:
            mark = "[green]ok[/]     " if finding.ok else "[red]problem[/]"
            console.print(f"{mark} {finding.subject}: {finding.found}")
            if not finding.ok:
                console.print(f"        remedy: {finding.remedy}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(ExitCode.CONFIGURATION)
