"""The report for a terminal: the whole warehouse, or one day or campaign of it."""

from dataclasses import replace
from datetime import date

from ingestion.lake import Lake
from ingestion.settings import Settings
from orchestration.warehouse.published import open_published
from orchestration.warehouse.report.figures import Section, overview, platform
from orchestration.warehouse.report.scope import choose, newest_day
from orchestration.warehouse.report.topics import topics

_IN_OVERVIEW = ("viewability", "invalid_traffic", "attribution", "reach")
"""Topics of the newest day that stand beside the figures of the whole warehouse."""


def summary(
    settings: Settings, *, day: date | None = None, campaign: str | None = None
) -> list[Section]:
    """Everything that a page says of a day or a campaign; without one, of the whole warehouse.

    Raises:
        AdxError: As `choose` and `open_published`.
    """
    with open_published(settings) as published:
        about_all = day is None and campaign is None
        scope = (
            newest_day(published) if about_all else choose(published, day=day, campaign=campaign)
        )
        sections = overview(published) if about_all else []
        if scope is not None:
            sections += [
                replace(topic.section, title=f"{topic.section.title}: {scope.label}")
                for topic in topics(published, scope)
                if not about_all or topic.name in _IN_OVERVIEW
            ]
        return [*sections, *platform(published, Lake.open(settings))]
