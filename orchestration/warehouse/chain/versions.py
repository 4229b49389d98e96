"""Lake to vault: the satellites hold every version that the lake has, and no other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestration.warehouse.chain.keys import COMPOSITE_KEYS
from orchestration.warehouse.chain.link import Link, content_of, key_text


@dataclass(frozen=True)
class _Satellite:
    """A satellite of the campaigns database and its raw table.

    Attributes:
        parent: Hub or link that it describes.
        raw: Table in `raw_campaigns`.
        key: Key columns of the raw table.
        columns: Raw name of each column by its name in the vault; "" for the same name.
        hubs: Hubs that a link joins, with their key columns; for a satellite on a link.
        multi_active: Whether the satellite itself has the keys of the hubs, several rows at a time
            of the parent, the first of them.
    """

    parent: str
    raw: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    hubs: tuple[str, ...] = ()
    multi_active: bool = False

    def compared(self) -> Link:
        """Every version that the lake has, and no other."""
        names = tuple(self.columns)
        raw = [_as_text(old or new) for new, old in self.columns.items()]
        table = f"sat_{self.parent}__campaigns"
        if self.multi_active:
            table = f"ma{table}"
        if self.hubs:
            joins = " ".join(
                f"join raw_vault.hub_{hub} as hub_{hub} using ({hub}_hk)" for hub in self.hubs
            )
            link = f"join raw_vault.link_{self.parent} using ({self.parent}_hk) "
            source = f"raw_vault.{table} as satellite {'' if self.multi_active else link}{joins}"
            key = key_text([f"hub_{hub}.{hub}_bk" for hub in self.hubs])
        else:
            stored = COMPOSITE_KEYS.get(self.parent, (f"{self.parent}_bk",))
            source = (
                f"raw_vault.{table} as satellite "
                f"join raw_vault.hub_{self.parent} as hub using ({self.parent}_hk)"
            )
            key = key_text([f"hub.{column}" for column in stored])
        stored_columns = [_as_text(f"satellite.{name}") for name in names]
        return Link(
            f"raw_campaigns.{self.raw} in raw_vault.{table}",
            (*names, "is_deleted"),
            f"""
            select distinct
                {key_text(self.key)} || ' from ' || coalesce(updated_at, _loaded_at)::timestamp
                || case when _is_deleted then ' (deleted)' else '' end as place,
                {content_of([*raw, "_is_deleted"])} as content
            from raw_campaigns.{self.raw}
            where place is not null
            """,
            f"""
            select
                {key} || ' from ' || satellite.effective_from
                || case when satellite.is_deleted then ' (deleted)' else '' end as place,
                {content_of([*stored_columns, "satellite.is_deleted"])} as content
            from {source}
            """,
        )


def _as_text(expression: str) -> str:
    """A descriptive column as the vault tells versions apart: texts without space around them."""
    name = expression.rpartition(".")[2]
    return f"{expression}::timestamp" if name.endswith("_at") else f"trim(({expression})::varchar)"


_SATELLITES = (
    _Satellite(
        "advertiser",
        "advertisers",
        ("advertiser_id",),
        {
            "advertiser_name": "name",
            "time_zone": "",
            "currency_code": "currency",
            "industry": "",
            "website_domain": "",
            "crunchbase_permalink": "",
        },
    ),
    _Satellite(
        "campaign",
        "campaigns",
        ("campaign_id",),
        {
            "advertiser_id": "",
            "campaign_name": "name",
            "objective": "",
            "budget_micros": "",
            "currency_code": "currency",
            "start_at": "",
            "end_at": "",
            "status": "",
        },
    ),
    _Satellite(
        "line_item",
        "line_items",
        ("line_item_id",),
        {
            "campaign_id": "",
            "line_item_name": "name",
            "pricing_model": "",
            "rate_micros": "",
            "currency_code": "currency",
            "budget_micros": "",
            "flight_start_at": "",
            "flight_end_at": "",
            "pacing": "",
            "frequency_cap_count": "",
            "frequency_cap_hours": "",
            "channel": "",
            "conversion_types": "",
            "attribution_model": "",
            "view_window_hours": "",
            "click_window_days": "",
            "status": "",
        },
    ),
    _Satellite(
        "creative",
        "creatives",
        ("creative_id",),
        {
            "advertiser_id": "",
            "creative_name": "name",
            "ad_format": "",
            "width": "",
            "height": "",
            "duration_ms": "",
            "landing_domain": "",
        },
    ),
    _Satellite(
        "line_item_creative",
        "line_item_creatives",
        ("line_item_id", "creative_id"),
        {"experiment_arm": "", "weight": "", "start_at": "", "end_at": ""},
        hubs=("line_item", "creative"),
    ),
    _Satellite(
        "publisher",
        "publishers",
        ("publisher_id",),
        {"publisher_name": "name", "domain": ""},
    ),
    _Satellite(
        "site",
        "sites",
        ("site_id",),
        {"publisher_id": "", "site_kind": "kind", "domain_or_bundle": "", "iab_category": ""},
    ),
    _Satellite(
        "placement",
        "placements",
        ("placement_id",),
        {
            "site_id": "",
            "placement_name": "name",
            "ad_format": "",
            "width": "",
            "height": "",
            "floor_micros": "",
            "currency_code": "currency",
        },
    ),
    _Satellite(
        "user",
        "user_profiles",
        ("user_id",),
        {"email_pseudonym": "email", "age_band": "", "gender": "", "country_code": "country"},
    ),
    _Satellite(
        "user",
        "user_identities",
        ("user_id", "account_id"),
        {"first_seen_at": ""},
        hubs=("user", "account"),
        multi_active=True,
    ),
    _Satellite(
        "third_party_report",
        "third_party_reports",
        ("report_date", "line_item_id", "reporter"),
        {
            "impression_count": "impressions",
            "click_count": "clicks",
            "spend_micros": "",
            "currency_code": "currency",
        },
    ),
    _Satellite(
        "credit_note",
        "credit_notes",
        ("credit_id",),
        {
            "exchange": "",
            "line_item_id": "",
            "for_month": "",
            "amount_micros": "",
            "currency_code": "currency",
            "reason": "",
        },
    ),
)


def _rates() -> Link:
    return Link(
        "raw_fx.rates in raw_vault.sat_fx_rate__fx",
        ("rate",),
        f"select distinct {key_text(['rate_date', 'base', 'quote', 'rate'])} as place, "
        "[rate::varchar] as content from raw_fx.rates",
        f"select distinct {key_text([*COMPOSITE_KEYS['fx_rate'], 'satellite.rate'])} as place, "
        "[satellite.rate::varchar] as content from raw_vault.sat_fx_rate__fx as satellite "
        "join raw_vault.hub_fx_rate using (fx_rate_hk)",
    )


def satellites() -> Iterator[Link]:
    """Every satellite of the vault against its raw table."""
    for satellite in _SATELLITES:
        yield satellite.compared()
    yield _rates()
