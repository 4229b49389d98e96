"""Lake to vault: what Crunchbase sent is in its hubs and satellites, and nothing else is."""

from collections.abc import Iterator, Mapping

from orchestration.warehouse.chain.link import Link, content_of, key_text

_DELETED = "(from raw_crunchbase.deleted_entities where entity_def_id = '{kind}')"
_HUBS: Mapping[str, tuple[str, ...]] = {
    # hub: raw tables, with the struct that holds the uuid
    "organization": (
        "raw_crunchbase.organizations|",
        "raw_crunchbase.funding_rounds|funded_organization_identifier.",
        "raw_crunchbase.acquisitions|acquirer_identifier.",
        "raw_crunchbase.acquisitions|acquiree_identifier.",
        "raw_crunchbase.people|primary_organization.",
    ),
    "funding_round": ("raw_crunchbase.funding_rounds|",),
    "acquisition": ("raw_crunchbase.acquisitions|",),
    "person": ("raw_crunchbase.people|",),
}
_SATELLITES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    # entity: raw table, and the raw expression of each column by its name in the vault
    "organization": (
        "organizations",
        {
            "permalink": "identifier.permalink",
            "organization_name": "name",
            "legal_name": "legal_name",
            "short_description": "short_description",
            "website_url": "website_url",
            "company_type": "company_type",
            "operating_status": "operating_status",
            "founded_date": "founded_on.value",
            "founded_precision": "founded_on.precision",
            "closed_date": "closed_on.value",
            "employee_range": "num_employees_enum",
            "categories": "categories",
            "city": "location.city",
            "region": "location.region",
            "country": "location.country",
            "funding_total_amount": "funding_total.value",
            "funding_total_currency_code": "funding_total.currency",
            "funding_total_usd_amount": "funding_total.value_usd",
            "funding_round_count": "num_funding_rounds",
            "last_funding_type": "last_funding_type",
            "organization_rank": "rank_org",
        },
    ),
    "funding_round": (
        "funding_rounds",
        {
            "organization_id": "funded_organization_identifier.uuid",
            "funding_round_name": "identifier.value",
            "announced_date": "announced_on",
            "closed_date": "closed_on.value",
            "investment_type": "investment_type",
            "investment_stage": "investment_stage",
            "money_raised_amount": "money_raised.value",
            "currency_code": "money_raised.currency",
            "money_raised_usd_amount": "money_raised.value_usd",
            "is_equity": "is_equity",
            "investor_count": "num_investors",
            "investor_ids": "investor_identifiers",
            "lead_investor_ids": "lead_investor_identifiers",
        },
    ),
    "acquisition": (
        "acquisitions",
        {
            "acquirer_id": "acquirer_identifier.uuid",
            "acquiree_id": "acquiree_identifier.uuid",
            "announced_date": "announced_on.value",
            "completed_date": "completed_on.value",
            "acquisition_type": "acquisition_type",
            "acquisition_status": "status",
            "price_amount": "price.value",
            "currency_code": "price.currency",
            "price_usd_amount": "price.value_usd",
        },
    ),
    "person": (
        "people",
        {
            "organization_id": "primary_organization.uuid",
            "name_pseudonym": "identifier.value",
            "primary_job_title": "primary_job_title",
            "founded_organization_count": "num_founded_organizations",
            "country": "location.country",
        },
    ),
}


def organizations() -> Iterator[Link]:
    """Every hub and satellite of Crunchbase against its raw tables."""
    for hub, tables in _HUBS.items():
        places = [table.split("|") for table in (*tables, f"{_DELETED.format(kind=hub)}|")]
        keys = [
            f"select {key_text([f'{struct}uuid'])} as place from {relation}"
            for relation, struct in places
        ]
        yield Link(
            f"keys of the lake in raw_vault.hub_{hub}",
            (),
            f"select distinct place, [] as content from ({' union all '.join(keys)}) "
            "where place is not null",
            f"select {key_text([f'{hub}_bk'])} as place, [] as content from raw_vault.hub_{hub}",
        )
    for entity, (table, columns) in _SATELLITES.items():
        yield _versions(entity, table, columns)


def _versions(entity: str, table: str, columns: Mapping[str, str]) -> Link:
    """Every version of an entity and its deletion; texts without space around them."""
    raw = [f"trim(({expression})::varchar)" for expression in columns.values()]
    stored = [f"trim((satellite.{name})::varchar)" for name in columns]
    nothing = ["null" for _ in columns]
    return Link(
        f"raw_crunchbase.{table} in raw_vault.sat_{entity}__crunchbase",
        (*columns, "is_deleted"),
        f"""
        select distinct {key_text(["uuid"])} || ' from ' || updated_at::timestamp as place,
            {content_of([*raw, "false"])} as content
        from raw_crunchbase.{table}
        union
        select {key_text(["uuid"])} || ' from ' || deleted_at::timestamp || ' (deleted)' as place,
            {content_of([*nothing, "true"])} as content
        from {_DELETED.format(kind=entity)}
        """,
        f"""
        select
            {key_text([f"hub.{entity}_bk"])} || ' from ' || satellite.effective_from
            || case when satellite.is_deleted then ' (deleted)' else '' end as place,
            {content_of([*stored, "satellite.is_deleted"])} as content
        from raw_vault.sat_{entity}__crunchbase as satellite
        join raw_vault.hub_{entity} as hub using ({entity}_hk)
        """,
    )
