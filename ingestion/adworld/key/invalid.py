"""Invalid traffic: which impressions and clicks people cannot have made, and why.

Lists (GIVT), of the event's own client:

- prefetch: the page was fetched before anybody asked for it.
- bot user agent, missing user agent, impossible user agent: what the client says of itself.
- data centre: the address is in one.

An impression is invalid if it has any reason; a click if it has any, or if its impression is
invalid. All reasons are kept; the first of `REASONS` is the primary one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ingestion.adworld.frames import Flags, Ints
from ingestion.adworld.ledger import Rows

DECLARED_BOTS, HIDDEN_BOTS, TOOLS, SILENT, IMPOSSIBLE = 1, 2, 3, 4, 5
"""Kinds of agents: one says it is a bot, one hides in a data centre, one is a tool there, one says
nothing, and one names a system that does not exist."""

REASONS = (
    "givt_prefetch",
    "givt_bot_user_agent",
    "givt_data_centre",
    "givt_missing_user_agent",
    "givt_impossible_user_agent",
)
"""Why an event is invalid, in the order of precedence."""

INVALID_IMPRESSION = "invalid_impression"
"""Why a click without a reason of its own is invalid: its impression is."""


@dataclass(frozen=True)
class Verdicts:
    """The reasons of some events.

    Attributes:
        reasons: Which events each reason holds for, in the order of precedence.
    """

    reasons: Mapping[str, Flags]

    @property
    def invalid(self) -> Flags:
        """Events with any reason."""
        return np.logical_or.reduce(list(self.reasons.values()))

    @property
    def primary(self) -> Ints:
        """Position of the first reason of each event; -1 for valid ones."""
        held = np.stack(list(self.reasons.values()))
        return np.where(held.any(axis=0), held.argmax(axis=0), -1)


def impression_verdicts(impressions: Rows) -> Verdicts:
    """The reasons of impressions."""
    return Verdicts({"givt_prefetch": impressions["prefetch"] > 0, **_of_client(impressions)})


def click_verdicts(clicks: Rows) -> Verdicts:
    """The reasons of clicks, those of their impressions left out."""
    return Verdicts(
        {"givt_prefetch": np.zeros(len(clicks["number"]), np.bool_), **_of_client(clicks)}
    )


def _of_client(rows: Rows) -> dict[str, Flags]:
    agent = rows["agent"]
    return {
        "givt_bot_user_agent": np.isin(agent, (DECLARED_BOTS, TOOLS)),
        "givt_data_centre": np.isin(agent, (HIDDEN_BOTS, TOOLS)),
        "givt_missing_user_agent": agent == SILENT,
        "givt_impossible_user_agent": agent == IMPOSSIBLE,
    }
