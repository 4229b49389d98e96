"""The families of verified metrics about organisations; see `metrics`."""

from orchestration.warehouse.metrics.family import Family

_PRESENT = "is_current and not is_deleted and not is_inferred"

ORGANIZATIONS = Family(
    relation=f"(select * from core.dim_organizations where {_PRESENT})",
    measures={"organizations": "count(*)"},
    dimensions={name: name for name in ("country", "employee_range", "operating_status")},
    grains=("total", "country", "employee_range", "operating_status"),
)

FUNDING = Family(
    relation="core.fct_funding_rounds",
    measures={"funding_rounds": "count(*)"},
    dimensions={"investment_type": "investment_type"},
    grains=("total", "investment_type"),
)

FUNDING_RAISED = Family(
    relation="core.fct_funding_rounds",
    measures={"funding_raised": "sum(money_raised_amount)"},
    dimensions={"currency": "currency_code", "organization_id": "organization_id"},
    grains=("currency", "organization_id,currency"),
)

ACQUISITIONS = Family(
    relation="core.fct_acquisitions",
    measures={"acquisitions": "count(*)"},
    dimensions={"acquisition_status": "acquisition_status"},
    grains=("total", "acquisition_status"),
)

ACQUISITION_PRICES = Family(
    relation="core.fct_acquisitions",
    measures={"acquisition_price": "sum(price_amount)"},
    dimensions={"currency": "currency_code"},
    grains=("currency",),
)

MATCHED_ADVERTISERS = Family(
    relation="""(
    select advertisers.organization_matched_by, organizations.organization_id
    from core.dim_advertisers as advertisers
    join core.dim_organizations as organizations using (organization_key)
    where advertisers.is_current and organizations.is_current
)""",
    measures={"matched_advertisers": "count(*)"},
    dimensions={"matched_by": "organization_matched_by", "organization_id": "organization_id"},
    grains=("total", "matched_by", "organization_id"),
)

FAMILIES = (
    ORGANIZATIONS,
    FUNDING,
    FUNDING_RAISED,
    ACQUISITIONS,
    ACQUISITION_PRICES,
    MATCHED_ADVERTISERS,
)
