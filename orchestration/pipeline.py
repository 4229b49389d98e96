"""One run of the platform: land what is new, pin, build, publish.

The same callable serves a day of the demo and the orchestrator's job: land streams, land files, SQL
and REST, pin, build with dbt and its tests, publish. Run again with nothing new it changes nothing.
"""

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.settings import Settings

if TYPE_CHECKING:
    from ingestion.sources.report import LandingReport
    from orchestration.warehouse.build import Result
    from orchestration.warehouse.publish import Publication

BATCH_SOURCES = ("adserver", "campaigns", "fx")


@dataclass(frozen=True)
class Run:
    """What one run did.

    Attributes:
        landed: Reports of the batch sources.
        build: The build.
        publication: The publish.
    """

    landed: list["LandingReport"]
    build: "Result"
    publication: "Publication"


def land_source(settings: Settings, name: str) -> "LandingReport":
    """Land one batch source, such as `adserver`."""
    module = importlib.import_module(f"ingestion.sources.{name}")
    return module.land(settings)


def land_streams(settings: Settings) -> object:
    """Land what the topics hold now, and end."""
    from ingestion.streaming import run_stream

    return run_stream(settings, once=True)


def run_platform(settings: Settings) -> Run:
    """Land everything that is new, build it, publish it.

    Raises:
        AdxError: The first problem; what was landed before it stays landed.
    """
    from orchestration.warehouse.build import build
    from orchestration.warehouse.publish import publish

    land_streams(settings)
    landed = [land_source(settings, name) for name in BATCH_SOURCES]
    for report in landed:
        if report.problems:
            raise report.problems[0]
    built = build(settings)
    return Run(landed, built, publish(settings))
