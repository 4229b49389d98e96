"""The registry of verified metrics: which SQL over the published marts gives which metric.

A family is a relation with dimensions and measures; at a grain, its measures are summed by the
dimensions of the grain, and metrics are computed from the sums (so a rate is a rate of sums). A row
without a value in a dimension is left out of the grains with it. Nothing here is shared with the
models or with the answer key.
"""

from orchestration.warehouse.metrics import (
    attribution,
    auctions,
    delivery,
    discrepancy,
    exposure,
    invalid,
    lift,
    money,
    organizations,
    pacing,
    penetration,
    performance,
    platform,
    reach,
    sessions,
    viewability,
)
from orchestration.warehouse.metrics.family import Family

__all__ = ["FAMILIES", "Family"]

FAMILIES: tuple[Family, ...] = (
    *delivery.FAMILIES,
    *invalid.FAMILIES,
    *auctions.FAMILIES,
    *money.FAMILIES,
    *discrepancy.FAMILIES,
    *pacing.FAMILIES,
    *exposure.FAMILIES,
    *organizations.FAMILIES,
    *platform.FAMILIES,
    *viewability.FAMILIES,
    *attribution.FAMILIES,
    *reach.FAMILIES,
    *penetration.FAMILIES,
    *performance.FAMILIES,
    *lift.FAMILIES,
    *sessions.FAMILIES,
)
"""Every family; each metric at each grain comes from one of them."""
