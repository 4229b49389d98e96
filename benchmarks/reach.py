"""Reach at size: fifty million impressions of a month by two million ids, on two cores.

Frequencies by id and day at every grain, exact reach by day, its distribution, and the sketches
that reach of all time is estimated from. What the models say of it is compared with how the
impressions were made.
"""

from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.models import figures, run_models

MODELS = (
    "marts/analytics/fct_user_frequency_daily",
    "marts/analytics/rpt_reach_daily",
    "marts/analytics/rpt_frequency_distribution_daily",
    "marts/analytics/fct_reach_sketches",
    "marts/analytics/fct_reach_sketches_monthly",
    "marts/analytics/rpt_reach_lifetime",
)

_TIME_BOUND = 3_600.0

_INPUTS = Path(__file__).with_name("reach_inputs.sql")
_TOTALS = """
select
    (
        select sum(identified_net_impression_count)
        from analytics.rpt_reach_daily
        where breakdown = 'total'
    ),
    (
        select sum(frequency_bucket * user_count) >= 0
        from analytics.rpt_frequency_distribution_daily
    ),
    (
        select abs(reach_count - getvariable('ids')) <= 5 * relative_error * getvariable('ids')
        from analytics.rpt_reach_lifetime
        where breakdown = 'total'
    )
"""


def run(folder: Path, *, smoke: bool) -> list[Figure]:
    """Measure; `folder` is scratch."""
    impressions = 100_000 if smoke else 50_000_000
    ids = impressions // 25
    totals = _TOTALS.replace("getvariable('ids')", str(ids))
    found = run_models(folder, MODELS, _INPUTS, {"impressions": impressions, "ids": ids}, totals)
    if found["totals"] != [impressions, True, True]:
        raise RuntimeError(f"wrong rows, so the speed means nothing: {found['totals']}")
    what = f"reach: {impressions:,} impressions, {ids:,} ids"
    return figures(what, found, _TIME_BOUND, "an hour between builds")
