"""What is earned less what is paid in each currency, and its worth by the newest rate."""

from orchestration.warehouse.metrics.family import Family

EXPOSURE = Family(
    relation="finance.rpt_fx_exposure_monthly",
    measures={
        "fx_net_exposure": "sum(net_exposure_amount)",
        "fx_net_exposure_base": "sum(net_exposure_base_amount)",
        "fx_average_rate": "max(average_rate)",
        "fx_revalued_base": "sum(revalued_base_amount)",
        "fx_revaluation_base": "sum(revaluation_base_amount)",
    },
    dimensions={"month": "month_start_date", "currency": "currency_code"},
    grains=("month,currency",),
)

FAMILIES = (EXPOSURE,)
