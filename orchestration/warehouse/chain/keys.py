"""Lake to vault: every key of the lake is in its hub, once, and no other key is."""

from collections.abc import Iterator, Mapping, Sequence

from orchestration.warehouse.chain.link import Link, key_text

_IMPRESSIONS = ("raw_ad_events.events|impression.", "raw_adserver.impressions|")
_CLICKS = ("raw_ad_events.events|click.", "raw_adserver.clicks|")

_HUBS: Mapping[str, Mapping[str, Sequence[str]]] = {
    # hub: {key columns in the raw tables: raw tables, with the struct that holds the columns}
    "advertiser": {
        "advertiser_id": (
            "raw_campaigns.advertisers|",
            "raw_campaigns.campaigns|",
            "raw_campaigns.creatives|",
            "raw_adserver.conversions|",
        )
    },
    "campaign": {"campaign_id": ("raw_campaigns.campaigns|", "raw_campaigns.line_items|")},
    "line_item": {
        "line_item_id": (
            "raw_campaigns.line_items|",
            "raw_campaigns.line_item_creatives|",
            "raw_campaigns.third_party_reports|",
            "raw_campaigns.credit_notes|",
            *_IMPRESSIONS,
            "raw_exchange.bids|",
        )
    },
    "creative": {
        "creative_id": (
            "raw_campaigns.creatives|",
            "raw_campaigns.line_item_creatives|",
            *_IMPRESSIONS,
            "raw_exchange.bids|",
        )
    },
    "placement": {"placement_id": ("raw_campaigns.placements|", *_IMPRESSIONS)},
    "site": {"site_id": ("raw_campaigns.sites|", "raw_campaigns.placements|")},
    "publisher": {"publisher_id": ("raw_campaigns.publishers|", "raw_campaigns.sites|")},
    "account": {"account_id": ("raw_campaigns.user_identities|", "raw_adserver.conversions|")},
    "product": {"sku": ("raw_user_events.events|",)},
    "credit_note": {"credit_id": ("raw_campaigns.credit_notes|",)},
    "third_party_report": {
        "report_date, line_item_id, reporter": ("raw_campaigns.third_party_reports|",)
    },
    "fx_rate": {"rate_date, base, quote": ("raw_fx.rates|",)},
    "user": {
        "user_id": (
            "raw_campaigns.user_profiles|",
            "raw_campaigns.user_identities|",
            *_IMPRESSIONS,
            *_CLICKS,
            "raw_adserver.conversions|",
        ),
        "user_pseudonym": ("raw_user_events.events|",),
        "id": ("raw_exchange.bid_requests|user.",),
    },
}
COMPOSITE_KEYS: Mapping[str, tuple[str, ...]] = {
    "third_party_report": ("report_date", "line_item_id", "reporter"),
    "fx_rate": ("rate_date", "base_currency_code", "quote_currency_code"),
}


def hubs() -> Iterator[Link]:
    """Every key of the lake is in its hub, once, and no other key is."""
    for hub, places in _HUBS.items():
        selects = []
        for columns, tables in places.items():
            for table in tables:
                relation, struct = table.split("|")
                key = key_text([f"{struct}{column}" for column in columns.split(", ")])
                selects.append(f"select {key} as place from {relation}")
        stored = key_text(COMPOSITE_KEYS.get(hub, (f"{hub}_bk",)))
        yield Link(
            f"keys of the lake in raw_vault.hub_{hub}",
            (),
            f"select distinct place, [] as content from ({' union all '.join(selects)}) "
            "where place is not null",
            f"select {stored} as place, [] as content from raw_vault.hub_{hub}",
        )
