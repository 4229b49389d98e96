"""Attribution of a month at size: a million conversions with twenty touches each, on two cores.

Each converting id saw seventeen impressions within a day of its conversion and clicked three times
in the weeks before; as many ids did not convert.
"""

from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.models import figures, run_models
from ingestion.settings import PROJECT_ROOT

MODELS = (
    "business_vault/bv_attribution_view_touches",
    "business_vault/bv_attribution_click_touches",
    "business_vault/bv_attribution_touches",
    "business_vault/bv_channel_touches",
    "business_vault/bv_channel_transitions",
    "business_vault/bv_channel_sets",
    "business_vault/bv_attribution_channel_weights",
    "business_vault/bv_attribution_credits",
    "marts/core/fct_attribution_touches",
    "marts/analytics/rpt_attribution_daily",
    "marts/analytics/rpt_conversion_paths_monthly",
    "marts/analytics/rpt_attribution_channels_monthly",
)

_VIEWS, _CLICKS = 17, 3
_TIME_BOUND = 1_800.0

_INPUTS = Path(__file__).with_name("attribution_inputs.sql")
_TOTALS = "select count(*), cast(sum(markov_credit) as bigint) from core.fct_attribution_touches"


def run(folder: Path, *, smoke: bool) -> list[Figure]:
    """Measure; `folder` is scratch."""
    conversions = 5_000 if smoke else 1_000_000
    variables = {
        "conversions": conversions,
        "views": _VIEWS,
        "clicks": _CLICKS,
        "weights": f"'{PROJECT_ROOT / 'seeds' / 'time_decay_weights.csv'}'",
    }
    found = run_models(folder, MODELS, _INPUTS, variables, _TOTALS)
    touches = conversions * (_VIEWS + _CLICKS)
    if found["totals"] != [touches, conversions * 1_000_000]:
        raise RuntimeError(f"wrong rows, so the speed means nothing: {found['totals']}")
    what = f"attribution: {conversions:,} conversions, {touches:,} touches"
    return figures(what, found, _TIME_BOUND, "half of an hour between builds")
