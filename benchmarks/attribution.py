"""Attribution of a month at size: a million conversions with twenty touches each, on two cores.

The models are those of the project, as dbt compiles them for a first build. What they read is made
by DuckDB in the shapes of the business vault: each converting id saw seventeen impressions within a
day of its conversion and clicked three times in the weeks before; as many ids did not convert.
"""

from pathlib import Path

import duckdb

from benchmarks.contender import run_contender
from benchmarks.figures import Figure
from ingestion.settings import PROJECT_ROOT, Settings
from orchestration.warehouse import dbt
from orchestration.warehouse.store import FILE_NAME

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
"""In the order of their references, each with the folder of its schema."""

_VIEWS, _CLICKS = 17, 3
_GIB = 1 << 30
_MEMORY_BOUND_GIB = 24.0
_TIME_BOUND = 1_800.0

_INPUTS = Path(__file__).with_name("attribution_inputs.sql")


def run(folder: Path, *, smoke: bool) -> list[Figure]:
    """Measure; `folder` is scratch."""
    conversions = 5_000 if smoke else 1_000_000
    file = folder / FILE_NAME
    _make_inputs(file, conversions)
    statements = _compiled(Settings(home=folder / "home"), file)
    found = run_contender(
        "attribution_models",
        {"file": str(file), "scratch": str(folder / "spill"), "statements": statements},
    )
    touches = conversions * (_VIEWS + _CLICKS)
    expected = {"touches": touches, "credits": conversions * 1_000_000}
    if found["totals"] != expected:
        raise RuntimeError(f"wrong rows, so the speed means nothing: {found['totals']}")
    what = f"attribution: {conversions:,} conversions, {touches:,} touches"
    return [
        Figure.of(
            f"{what}, memory",
            found["peak_bytes"] / _GIB,
            _MEMORY_BOUND_GIB,
            "GiB at most",
            peer_name="the memory that is allowed",
            at_most=1.0,
        ),
        Figure.of(
            f"{what}, time",
            found["wall"],
            _TIME_BOUND,
            "seconds on two cores",
            peer_name="half of an hour between builds",
            at_most=1.0,
        ),
    ]


def _compiled(settings: Settings, file: Path) -> list[tuple[str, str]]:
    """Relation and SELECT of every model, as a first build has them."""
    names = [model.rpartition("/")[2] for model in MODELS]
    outcome = dbt.run(
        settings, ["compile", "--select", *names], database=file, window=None, artifacts=True
    )
    if outcome.failures:
        raise RuntimeError(f"dbt compile failed: {outcome.failures[0]}")
    compiled = dbt.target_folder(settings) / "compiled" / "advertisex" / "models"
    return [
        (
            f"{model.split('/')[-2]}.{model.rpartition('/')[2]}",
            (compiled / f"{model}.sql").read_text("utf-8"),
        )
        for model in MODELS
    ]


def _make_inputs(file: Path, conversions: int) -> None:
    """The tables that the models read, for one month."""
    variables = {
        "conversions": conversions,
        "views": _VIEWS,
        "clicks": _CLICKS,
        "weights": f"'{PROJECT_ROOT / 'seeds' / 'time_decay_weights.csv'}'",
    }
    with duckdb.connect(str(file), config={"threads": 2, "memory_limit": "8GB"}) as connection:
        for name, value in variables.items():
            connection.execute(f"set variable {name} = {value}")
        connection.execute(_INPUTS.read_text("utf-8"))
