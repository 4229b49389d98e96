"""Lake to vault to marts, for auctions: slots, bids, wins and billing notices."""

from collections.abc import Iterator, Mapping

from orchestration.warehouse.chain.link import Link, content_of, key_text

_ORDER = "_ingest_seq, _source_file, _source_line"

_REQUEST = {
    "inventory_id": "coalesce(app.id, site.id)",
    "domain_or_bundle": "coalesce(app.bundle, site.domain)",
    "exchange_publisher_id": "coalesce(app.publisher_id, site.publisher_id)",
    "user_agent": "device.ua",
    "ip_pseudonym": "device.ip",
    "ip_prefix": "device.ip_prefix",
    "device_type": "device.device_type",
    "os": "device.os",
    "country_code": "device.geo.country",
    "region": "device.geo.region",
    "latitude": "device.geo.lat",
    "longitude": "device.geo.lon",
    "user_pseudonym": '"user".id',
    "age_band": '"user".age_band',
    "gender": '"user".gender',
    "is_gdpr_applicable": "regs.gdpr",
    "is_coppa_applicable": "regs.coppa",
    "consent_gpp": "regs.gpp",
    "imp_count": "len(imp)",
    "seller_count": "len(schain)",
    "auction_type": '"at"',
    "bid_currency_codes": "list_aggregate(cur, 'string_agg', ', ')",
    "max_response_ms": "tmax",
    "ext_json": "ext",
}
_BID = {
    name: name
    for name in (
        "bid_id",
        "exchange",
        "auction_id",
        "imp_id",
        "line_item_id",
        "creative_id",
        "bid_price_micros",
    )
}
_PRICE = {"clearing_price_micros": "clearing_price_micros", "currency_code": "currency"}


def _event(
    raw: str, link: str, key: Mapping[str, str], time: str, columns: Mapping[str, str]
) -> Link:
    """The first delivery of each key, against the rows of an event link."""
    expressions = {**columns, "event_at": f"{time}::timestamp", "event_date": "event_date"}
    stored = [f"nullif({name}::varchar, '')" for name in expressions]
    sent = [f"nullif(({expression})::varchar, '')" for expression in expressions.values()]
    return Link(
        f"{raw} in raw_vault.{link}",
        tuple(expressions),
        f"""
        select {key_text(list(key.values()))} as place, {content_of(sent)} as content
        from {raw}
        where place is not null
        qualify row_number() over (partition by place order by {_ORDER}) = 1
        """,
        f"select {key_text(list(key))} as place, {content_of(stored)} as content "
        f"from raw_vault.{link}",
    )


def _slots() -> Link:
    """The slots of each request as it was first delivered, against the fact."""
    slot = {
        "ad_format": "slot.ad_format",
        "tag_id": "slot.tagid",
        "width": "slot.w",
        "height": "slot.h",
        "floor_cpm_amount": "slot.bidfloor",
        "floor_currency_code": "slot.bidfloorcur",
        "deal_count": "len(slot.deals)",
        **{
            name: _REQUEST[name]
            for name in ("device_type", "os", "country_code", "region", "age_band", "gender")
        },
    }
    raw = {**slot, "event_at": "received_ts::timestamp", "event_date": "event_date"}
    return Link(
        "slots of raw_exchange.bid_requests in core.fct_auction_imps",
        tuple(raw),
        f"""
        select {key_text(["exchange", "auction_id", "slot.id"])} as place,
            {content_of(list(raw.values()))} as content
        from (
            select *, unnest(imp) as slot, generate_subscripts(imp, 1) as number
            from (
                select * rename (id as auction_id)
                from raw_exchange.bid_requests
                where {key_text(["exchange", "id"])} is not null
                qualify row_number() over (
                    partition by {key_text(["exchange", "id"])} order by {_ORDER}
                ) = 1
            )
        )
        where place is not null
        qualify row_number() over (partition by place order by number) = 1
        """,
        f"select {key_text(['exchange', 'auction_id', 'imp_id'])} as place, "
        f"{content_of(list(raw))} as content from core.fct_auction_imps",
    )


def _fact(link: str, fact: str, columns: tuple[str, ...]) -> Link:
    """Every event of the vault is in its fact, once, unchanged."""
    names = (*columns, "event_at", "event_date")
    return Link(
        f"raw_vault.{link} in core.{fact}",
        names,
        f"select bid_id as place, {content_of(names)} as content from raw_vault.{link}",
        f"select bid_id as place, {content_of(names)} as content from core.{fact}",
    )


def _funnel() -> Link:
    steps = {
        "imp_count": "core.fct_auction_imps",
        "bid_count": "core.fct_bids",
        "win_count": "core.fct_wins",
        "billed_bid_count": "core.fct_billing_notices",
    }
    union = " union all ".join(
        f"select event_date, '{name}' as step from {fact}" for name, fact in steps.items()
    )
    expected = ", ".join(f"(count(*) filter (step = '{name}'))::varchar" for name in steps)
    found = ", ".join(f"sum({name})::varchar" for name in steps)
    any_found = " + ".join(f"sum({name})" for name in steps)
    return Link(
        "auction facts in analytics.rpt_auction_funnel_daily",
        tuple(steps),
        f"select event_date::varchar as place, [{expected}] as content from ({union}) group by 1",
        f"select event_date::varchar as place, [{found}] as content "
        f"from analytics.rpt_auction_funnel_daily group by 1 having {any_found} > 0",
    )


def _audience() -> Link:
    """The whole audience is the people of all slots."""
    return Link(
        "people of core.fct_auction_imps in analytics.rpt_addressable_audience",
        ("user_count",),
        "select 'all' as place, [count(distinct user_key)::varchar] as content "
        "from core.fct_auction_imps",
        "select 'all' as place, [user_count::varchar] as content "
        "from analytics.rpt_addressable_audience where breakdown = 'total'",
    )


def auctions() -> Iterator[Link]:
    """Every link of the auctions' chain."""
    auction = {"exchange": "exchange", "auction_id": "id"}
    bid = {"bid_id": "bid_id"}
    yield _event(
        "raw_exchange.bid_requests",
        "nhl_auction__exchange",
        auction,
        "received_ts",
        {**auction, **_REQUEST},
    )
    yield _event(
        "raw_exchange.bids",
        "nhl_bid__exchange",
        bid,
        "bid_ts",
        {**_BID, "currency_code": "currency"},
    )
    yield _event("raw_exchange.wins", "nhl_win__exchange", bid, "win_ts", {**bid, **_PRICE})
    yield _event(
        "raw_exchange.billing_notices", "nhl_billing_notice__exchange", bid, "billed_ts", bid
    )
    yield _slots()
    yield _fact("nhl_bid__exchange", "fct_bids", ("exchange", "bid_price_micros", "currency_code"))
    yield _fact("nhl_win__exchange", "fct_wins", ("clearing_price_micros", "currency_code"))
    yield _fact("nhl_billing_notice__exchange", "fct_billing_notices", ())
    yield _funnel()
    yield _audience()
