"""One run of the platform: land what is new, pin, build, publish.

The same callable serves a day of the demo and the orchestrator's job: land streams, land files, SQL
and REST, pin, build with dbt and its tests, publish. Run again with nothing new it changes nothing.
"""

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings

if TYPE_CHECKING:
    from ingestion.sources.report import LandingReport
    from ingestion.streaming import TopicReport
    from orchestration.warehouse.build import Result
    from orchestration.warehouse.publish import Publication

BATCH_SOURCES = ("campaigns", "fx", "adserver")
"""Dimensions and rates first: what events refer to is then there when they are built."""


@dataclass(frozen=True)
class Run:
    """What one run did.

    Attributes:
        streamed: Reports of the topics.
        landed: Reports of the batch sources.
        build: The build.
        publication: The publish.
    """

    streamed: list["TopicReport"]
    landed: list["LandingReport"]
    build: "Result"
    publication: "Publication"


def land_source(settings: Settings, name: str) -> "LandingReport":
    """Land one batch source, such as `adserver`."""
    module = importlib.import_module(f"ingestion.sources.{name}")
    return module.land(settings)


def broken_files(reports: list["LandingReport"]) -> list[AdxError]:
    """Files that broke their contract as a whole: archived, and no reason to stop.

    Raises:
        AdxError: A problem of another kind, such as a database that cannot be reached.
    """
    problems = [problem for report in reports for problem in report.problems]
    for problem in problems:
        if problem.exit_code is not ExitCode.DATA:
            raise problem
    return problems


def run_platform(settings: Settings, console: Console) -> Run:
    """Land everything that is new, build it, publish it.

    Args:
        settings: The environment.
        console: Where progress goes.

    Raises:
        AdxError: The first problem; what was landed before it stays landed.
    """
    from ingestion.streaming import run_stream
    from orchestration.warehouse.build import build
    from orchestration.warehouse.publish import publish

    streamed = run_stream(settings, once=True, keep_spark=True)
    landed = [land_source(settings, name) for name in BATCH_SOURCES]
    tables = [table for report in landed for table in report.tables]
    loaded = sum(one.loaded for one in streamed) + sum(one.loaded for one in tables)
    failed = sum(one.failed for one in streamed) + sum(one.failed for one in tables)
    console.print(f"landed: {loaded:,} good rows, {failed:,} failed")
    for problem in broken_files(landed):
        console.print(f"  to the error archive: {problem.message}", markup=False)

    with console.status("building") as status:
        built = build(
            settings, on_node=lambda name, result: status.update(f"building: {name} {result}")
        )
    publication = publish(settings)
    if built.status == "built":
        kind = "full refresh" if built.full_refresh else "increment"
        changed = sum(abs(count) for count in built.changed.values())
        console.print(
            f"built pin {built.pin} ({kind}): {built.models} models, {built.tests} tests passed, "
            f"{changed:,} of {built.rows:,} rows new, {built.seconds} s; {publication.status}"
        )
    else:
        console.print(f"{built.status}: {built.reason}; 0 rows changed")
    return Run(streamed, landed, built, publication)
