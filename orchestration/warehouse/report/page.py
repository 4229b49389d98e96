"""A report as one HTML file that needs nothing else: no network, no other file, no script."""

from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

import jinja2

from ingestion.errors import AdxError, ExitCode
from ingestion.lake import Lake
from ingestion.lake.durable import write_file
from ingestion.settings import Settings
from orchestration.warehouse.published import open_published
from orchestration.warehouse.report.charts import draw
from orchestration.warehouse.report.figures import Section, platform
from orchestration.warehouse.report.scope import Scope, choose, long_date
from orchestration.warehouse.report.topics import Topic, topics
from orchestration.warehouse.store import Manifest

_MOST_ROWS = 12
"""Rows of a table that are shown at once; the others are a click away."""


def write_page(
    settings: Settings, file: Path, *, day: date | None = None, campaign: str | None = None
) -> Scope:
    """Write the report of a day or a campaign; the file is whole or as it was.

    Raises:
        AdxError: As `choose` and `open_published`; or the file cannot be written there.
    """
    _check_file(file)
    with open_published(settings) as published:
        scope = choose(published, day=day, campaign=campaign)
        found = topics(published, scope)
        sections = platform(published, Lake.open(settings))
        manifest = published.manifest
    write_file(file.absolute(), render(scope, found, sections, manifest).encode())
    return scope


def _check_file(file: Path) -> None:
    folder = file.absolute().parent
    if not folder.is_dir():
        raise AdxError(
            f"There is no folder {folder} to write {file.name} in.",
            remedy=f"Make it (`mkdir -p {folder}`), or name a file elsewhere.",
            exit_code=ExitCode.USAGE,
        )
    if file.is_dir():
        raise AdxError(
            f"{file} is a folder.",
            remedy=f"Name a file, such as {file / 'report.html'}.",
            exit_code=ExitCode.USAGE,
        )


def render(scope: Scope, found: list[Topic], sections: list[Section], manifest: Manifest) -> str:
    """The page.

    Args:
        scope: What it is about.
        found: Its topics, key figures first.
        sections: What it says of the data themselves.
        manifest: The build that it reads.
    """
    key_figures, *others = found
    return _template().render(
        scope=scope,
        period=_period(scope),
        key_figures=key_figures,
        topics=[(topic, _chart(topic)) for topic in others],
        sections=sections,
        manifest=manifest,
        most_rows=_MOST_ROWS,
    )


def _chart(topic: Topic) -> str:
    section = topic.section
    return draw(section.name, section.title, topic.lead, section.rows, section.columns)


def _period(scope: Scope) -> str:
    if scope.since == scope.until:
        return f"{long_date(scope.since)} (UTC)"
    return f"{long_date(scope.since)} to {long_date(scope.until)} (UTC)"


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["cell"] = _cell
    return environment.get_template("page.html.j2")
