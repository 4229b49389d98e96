"""Vault to marts: every event is in its fact, once; and sums agree from grain to grain."""

from collections.abc import Iterator, Mapping

from orchestration.warehouse.chain.link import Link, content_of

BILLING_DELAY_DAYS = 7
"""How far a billing notice may lie behind its impression, and the impression behind its win."""

_FAR = "(abs(date_diff('day', other.event_date, own.event_date)) > 1)"


def _fact(
    fact: str, key: str, stream: str | None, files: str | None, columns: Mapping[str, str]
) -> Link:
    """Every event of the vault is in its fact, once.

    Where both sources have it, the stream's; if they lie more than a day apart, the one that was
    loaded first: in an earlier pin, or in the same one by the stream, which ranks before files.
    """
    content = content_of(list(columns.values()))
    parts = []
    if stream:
        unless = _unless(key, files, f"{_FAR} and other.load_pin < own.load_pin") if files else ""
        parts.append(
            f"select {key} as place, {content} as content from raw_vault.{stream} as own{unless}"
        )
    if files:
        unless = (
            _unless(key, stream, f"not {_FAR} or other.load_pin <= own.load_pin") if stream else ""
        )
        parts.append(
            f"select {key} as place, {content} as content from raw_vault.{files} as own{unless}"
        )
    sources = " and ".join(name for name in (stream, files) if name)
    return Link(
        f"raw_vault.{sources} in core.{fact}",
        tuple(columns),
        " union all ".join(parts),
        f"select {key} as place, {content_of(list(columns))} as content from core.{fact}",
    )


def _unless(key: str, other: str, beaten: str) -> str:
    return (
        f" where not exists (select 1 from raw_vault.{other} as other "
        f"where other.{key} = own.{key} and ({beaten}))"
    )


def facts() -> Iterator[Link]:
    """Every fact table against the event links it is made of."""
    same = {name: name for name in ("event_at", "event_date")}
    yield _fact(
        "fct_impressions",
        "impression_id",
        "nhl_impression__ad_events",
        "nhl_impression__adserver",
        same
        | {
            name: name
            for name in (
                "channel",
                "country_code",
                "region",
                "device_type",
                "ad_format",
                "exchange",
                "experiment_arm",
                "has_personal_consent",
                "clearing_price_micros",
                "currency_code",
            )
        },
    )
    yield _fact("fct_clicks", "click_id", "nhl_click__ad_events", "nhl_click__adserver", same)
    yield _fact(
        "fct_conversions",
        "conversion_id",
        None,
        "nhl_conversion__adserver",
        same
        | {
            "advertiser_id": "advertiser_id",
            "conversion_type": "conversion_type",
            "conversion_value_amount": "conversion_value",
            "currency_code": "currency_code",
            "order_id": "order_id",
        },
    )
    names = ("event_at", "event_date", "event_name", "platform", "sku")
    yield Link(
        "raw_vault.nhl_user_action__user_events in core.fct_user_actions",
        names,
        f"select user_action_hk::varchar as place, {content_of(names)} as content "
        "from raw_vault.nhl_user_action__user_events",
        "select user_action_key[1:8] || '-' || user_action_key[9:12] || '-' || "
        "user_action_key[13:16] || '-' || user_action_key[17:20] || '-' || user_action_key[21:32] "
        f"as place, {content_of(names)} as content from core.fct_user_actions",
    )


def sums() -> Iterator[Link]:
    """A finer grain's sums are the coarser grain's, and every balance closes."""
    yield Link(
        "core facts in analytics.rpt_campaign_performance_daily",
        (
            "invalid_impressions",
            "net_impressions",
            "orphan_clicks",
            "invalid_clicks",
            "repeat_clicks",
            "net_clicks",
            "conversions",
        ),
        """
        select event_date::varchar as place,
            [count(*) filter (kind = 'invalid impression')::varchar,
             count(*) filter (kind = 'net impression')::varchar,
             count(*) filter (kind = 'orphan')::varchar,
             count(*) filter (kind = 'invalid')::varchar,
             count(*) filter (kind = 'repeat')::varchar,
             count(*) filter (kind = 'net')::varchar,
             count(*) filter (kind = 'conversion')::varchar] as content
        from (
            select event_date,
                if(is_invalid, 'invalid impression', 'net impression') as kind
            from core.fct_impressions
            union all select event_date, click_class from core.fct_clicks
            union all select event_date, 'conversion' from core.fct_conversions
        ) group by 1
        """,
        """
        select event_date::varchar as place,
            [sum(invalid_impression_count)::varchar, sum(net_impression_count)::varchar,
             sum(orphan_click_count)::varchar, sum(invalid_click_count)::varchar,
             sum(repeat_click_count)::varchar, sum(net_click_count)::varchar,
             sum(conversion_count)::varchar] as content
        from analytics.rpt_campaign_performance_daily group by 1
        """,
    )
    yield Link(
        "core facts in finance.fct_delivery_billing_daily",
        ("gross_impressions", "net_impressions", "net_clicks"),
        """
        select line_item_key as place,
            [count(*) filter (kind <> 'click')::varchar,
             count(*) filter (kind = 'valid impression')::varchar,
             count(*) filter (kind = 'click')::varchar] as content
        from (
            select line_item_key, if(is_invalid, 'invalid impression', 'valid impression') as kind
            from core.fct_impressions
            union all
            select line_item_key, 'click' from core.fct_clicks where click_class = 'net'
        ) where line_item_key is not null group by 1
        """,
        """
        select line_item_key as place,
            [sum(gross_impression_count)::varchar, sum(net_impression_count)::varchar,
             sum(net_click_count)::varchar] as content
        from finance.fct_delivery_billing_daily group by 1
        """,
    )
    yield Link(
        "billed impressions of core.fct_impressions in finance.fct_delivery_billing_daily",
        ("gross_media_cost",),
        f"""
        select bought.line_item_key || ' ' || wins.currency_code as place,
            [(sum(wins.clearing_price_micros)::decimal(38, 0) / 1000000000)
                ::decimal(38, 9)::varchar] as content
        from (
            select impressions.line_item_key, impressions.event_date, claims.bid_id
            from core.fct_impressions as impressions
            join (
                select impression_id, bid_id from raw_vault.nhl_impression__ad_events
                union
                select impression_id, bid_id from raw_vault.nhl_impression__adserver
                where impression_id not in (
                    select impression_id from raw_vault.nhl_impression__ad_events
                )
            ) as claims using (impression_id)
            join raw_vault.nhl_billing_notice__exchange as notices using (bid_id)
            where date_diff('day', impressions.event_date, notices.event_date)
                between -1 and {BILLING_DELAY_DAYS}
            qualify row_number() over (
                partition by claims.bid_id order by impressions.event_at, impression_id
            ) = 1
        ) as bought
        join raw_vault.nhl_win__exchange as wins using (bid_id)
        where wins.clearing_price_micros > 0
            and date_diff('day', wins.event_date, bought.event_date)
                between -1 and {BILLING_DELAY_DAYS}
        group by 1
        """,
        """
        select line_item_key || ' ' || currency_code as place,
            [sum(gross_media_cost_amount)::decimal(38, 9)::varchar] as content
        from finance.fct_delivery_billing_daily where gross_media_cost_amount > 0 group by 1
        """,
    )
    yield Link(
        "ops.source_loads in utilities.rpt_source_balance",
        ("read", "loaded", "failed"),
        """
        select source || '.' || table_name as place,
            [sum(read_count)::varchar, sum(loaded_count)::varchar, sum(failed_count)::varchar]
                as content
        from ops.source_loads group by 1
        """,
        """
        select source_table as place,
            [read_count::varchar, loaded_count::varchar, failed_count::varchar] as content
        from utilities.rpt_source_balance where read_count > 0
        """,
    )
    yield Link(
        "loaded = distinct + duplicates + id conflicts + keyless in utilities.rpt_source_balance",
        ("loaded",),
        "select source_table as place, [loaded_count::varchar] as content "
        "from utilities.rpt_source_balance",
        "select source_table as place, [(distinct_count + duplicate_count + id_conflict_count "
        "+ rejected_count)::varchar] as content from utilities.rpt_source_balance",
    )
