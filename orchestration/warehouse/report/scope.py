"""What a report is about: one day, or one campaign over its days."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ingestion.errors import AdxError, ExitCode
from orchestration.warehouse.published import Published

TREND_DAYS = 14
"""How many days a trend up to one day shows."""


@dataclass(frozen=True)
class Campaign:
    """A campaign as it is called now.

    Attributes:
        key: Durable key: a hash, and so safe inside a statement.
        id: Its id.
        name: Its name.
        advertiser: Name of its advertiser.
    """

    key: str
    id: str
    name: str
    advertiser: str


@dataclass(frozen=True)
class Scope:
    """The rows of the marts that a report reads.

    Attributes:
        since: First date.
        until: Last date.
        campaign: Only this campaign's; None for those of all.
    """

    since: date
    until: date
    campaign: Campaign | None = None

    @property
    def title(self) -> str:
        """What the report is about, for a heading."""
        return self.campaign.name if self.campaign else long_date(self.until)

    @property
    def label(self) -> str:
        """The same in short, for the heading of a table."""
        return self.campaign.name if self.campaign else str(self.until)

    @property
    def trend_since(self) -> date:
        """First date of what is shown day by day."""
        return self.since if self.campaign else self.until - timedelta(days=TREND_DAYS - 1)

    def dates(self, column: str = "event_date") -> str:
        """Condition that a date is one of the report's; literal, so that partitions are pruned."""
        return f"{column} between date '{self.since}' and date '{self.until}'"

    def trend(self, column: str = "event_date") -> str:
        """Condition that a date is one of those shown day by day."""
        return f"{column} between date '{self.trend_since}' and date '{self.until}'"

    @property
    def of_campaign(self) -> str:
        """Condition on `campaign_key`."""
        return f"campaign_key = '{self.campaign.key}'" if self.campaign else "true"

    @property
    def of_campaign_id(self) -> str:
        """Condition on `campaign_id`."""
        if self.campaign is None:
            return "true"
        return f"campaign_id = ({self._current('campaign_id', 'dim_campaigns')})"

    @property
    def of_line_items(self) -> str:
        """Condition on `line_item_key`: the line items that are the campaign's now."""
        if self.campaign is None:
            return "true"
        return f"line_item_key in ({self._current('line_item_key', 'dim_line_items')})"

    @property
    def of_line_item_ids(self) -> str:
        """Condition on `line_item_id`, likewise."""
        if self.campaign is None:
            return "true"
        return f"line_item_id in ({self._current('line_item_id', 'dim_line_items')})"

    @property
    def of_reach(self) -> str:
        """Condition on `breakdown` and `breakdown_value`."""
        if self.campaign is None:
            return "breakdown = 'total'"
        value = self._current("campaign_id", "dim_campaigns")
        return f"breakdown = 'campaign' and breakdown_value = ({value})"

    def _current(self, column: str, dimension: str) -> str:
        return f"select {column} from core.{dimension} where {self.of_campaign} and is_current"


_DELIVERED = """
select event_date, sum(gross_impression_count) as impressions
from analytics.rpt_campaign_performance_daily
where {condition}
group by event_date
having sum(gross_impression_count) > 0
order by event_date
"""

_CAMPAIGNS = """
select campaigns.campaign_key, campaigns.campaign_id, campaigns.campaign_name,
    advertisers.advertiser_name
from core.dim_campaigns as campaigns
left join core.dim_advertisers as advertisers
    on campaigns.advertiser_key = advertisers.advertiser_key and advertisers.is_current
where campaigns.is_current
order by campaigns.campaign_id
"""


def statements() -> tuple[str, ...]:
    """What is asked to find a scope."""
    return (_DELIVERED.format(condition="true"), _CAMPAIGNS)


def choose(published: Published, *, day: date | None = None, campaign: str | None = None) -> Scope:
    """The scope of a day or of a campaign; of the newest full day where neither is named.

    A full day has at least a tenth of the impressions of the busiest one: a few that arrive early
    or late, or by a clock that is wrong, make no day.

    Raises:
        AdxError: No such campaign, or nothing was delivered then.
    """
    if campaign is not None:
        return _of_campaign(published, campaign)
    delivered = dict(published.ask(_DELIVERED.format(condition="true")))
    newest = _newest_full_day(delivered)
    if newest is None:
        raise AdxError(
            "Nothing is delivered yet: the published warehouse holds no impression.",
            remedy="Land some (`adx land`, `adx stream`), then run `adx build` and `adx publish`.",
            exit_code=ExitCode.USAGE,
        )
    day = day or newest
    if day not in delivered:
        raise AdxError(
            f"No impression was delivered on {day}.",
            remedy=f"Days with deliveries: {stretches(sorted(delivered))}.",
            exit_code=ExitCode.USAGE,
        )
    return Scope(day, day)


def newest_day(published: Published) -> Scope | None:
    """The newest full day; None where nothing is delivered."""
    day = _newest_full_day(dict(published.ask(_DELIVERED.format(condition="true"))))
    return None if day is None else Scope(day, day)


def _newest_full_day(delivered: dict[date, int]) -> date | None:
    busiest = max(delivered.values(), default=0)
    return max((day for day, count in delivered.items() if count * 10 >= busiest), default=None)


def _of_campaign(published: Published, campaign_id: str) -> Scope:
    campaigns = {row[1]: row for row in published.ask(_CAMPAIGNS)}
    if campaign_id not in campaigns:
        near = difflib.get_close_matches(campaign_id, campaigns, n=3) or list(campaigns)[:3]
        raise AdxError(
            f"No campaign has the id {campaign_id}.",
            remedy=(f"Perhaps {' or '.join(near)}? " if near else "")
            + 'All of them: `adx query "select campaign_id, campaign_name from core.dim_campaigns '
            'where is_current"`.',
            exit_code=ExitCode.USAGE,
        )
    key, name_id, name, advertiser = campaigns[campaign_id]
    found = Campaign(key, name_id, name or name_id, advertiser or "an unknown advertiser")
    days = [day for day, _ in published.ask(_DELIVERED.format(condition=f"campaign_key = '{key}'"))]
    if not days:
        raise AdxError(
            f"Campaign {campaign_id} has delivered no impression yet.",
            remedy="Choose another campaign, or a day with --date.",
            exit_code=ExitCode.USAGE,
        )
    return Scope(days[0], days[-1], found)


def stretches(days: Sequence[date]) -> str:
    """Days in words: those that follow one another as `first to last`."""
    parts: list[list[date]] = []
    for day in days:
        if parts and day - parts[-1][-1] == timedelta(days=1):
            parts[-1].append(day)
        else:
            parts.append([day])
    return ", ".join(
        str(part[0]) if len(part) == 1 else f"{part[0]} to {part[-1]}" for part in parts
    )


def long_date(day: date) -> str:
    """A date for people: 28 March 2026."""
    return f"{day.day} {day:%B %Y}"
