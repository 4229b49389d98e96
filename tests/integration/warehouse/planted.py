"""Mistakes that an analytics engineer could make, each planted into the SQL that one model runs.

A defect replaces `old` by `new` in the compiled statement; spaces and line breaks count alike. With
`column`, only in the expression of that column.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Defect:
    """A mistake in one model.

    Attributes:
        model: The model.
        what: What is wrong, in words.
        old: SQL that is replaced.
        new: What takes its place.
        column: The column in whose expression it is replaced; empty for the whole statement.
    """

    model: str
    what: str
    old: str
    new: str
    column: str = ""

    def plant(self, sql: str) -> str:
        """The statement with the mistake.

        Raises:
            AssertionError: The statement has no such place.
        """
        if not self.column:
            return _replaced(sql, self.old, self.new)
        end = re.search(rf"\s+as {self.column}\b", sql)
        assert end is not None, f"{self.model} has no column {self.column}"
        start = sql.rfind(",\n", 0, end.start())
        expression = _replaced(sql[start : end.start()], self.old, self.new)
        return f"{sql[:start]}{expression}{sql[end.start() :]}"


def _replaced(sql: str, old: str, new: str) -> str:
    pattern = r"\s+".join(re.escape(word) for word in old.split())
    changed, places = re.subn(pattern, lambda _: new, sql)
    assert places, f"{old!r} is nowhere in the statement"
    return changed


DEFECTS = (
    # What counts as one event, and once.
    Defect(
        "bv_impressions",
        "an impression of stream and file counts twice",
        "from_stream.impression_hk = from_files.impression_hk",
        "false",
    ),
    Defect(
        "bv_clicks",
        "a click of stream and file counts twice",
        "from_stream.click_hk = from_files.click_hk",
        "false",
    ),
    Defect("bv_clicks", "the window of repeats is off by one second", "<= 2000000", "<= 1000000"),
    Defect(
        "bv_clicks",
        "a click exactly at the end of the window is no repeat",
        "<= 2000000",
        "< 2000000",
    ),
    Defect(
        "bv_deliveries",
        "a resend counts as distinct",
        "when deliveries.event_at = stored.event_at then 'duplicate'",
        "when deliveries.event_at = stored.event_at then 'distinct'",
    ),
    Defect(
        "bv_user_actions",
        "actions without a product are lost",
        '__user_events"',
        '__user_events" where product_hk is not null',
    ),
    Defect(
        "bv_conversions",
        "conversions without an id are lost",
        '__adserver"',
        '__adserver" where user_hk is not null',
    ),
    # Invalid traffic.
    Defect(
        "bv_invalid_traffic",
        "the bound of impressions an hour is off by one",
        "impression_count > 40",
        "impression_count >= 40",
    ),
    Defect(
        "bv_invalid_traffic",
        "the bound of clicks an hour is off by one",
        "click_count > 20",
        "click_count >= 20",
    ),
    Defect(
        "bv_invalid_traffic",
        "a click exactly at the least delay is too fast",
        "< 200000",
        "<= 200000",
    ),
    Defect(
        "bv_invalid_traffic", "prefetched impressions are valid", "where is_prefetch", "where false"
    ),
    Defect(
        "bv_invalid_traffic",
        "a user agent that is missing is valid",
        "'givt_missing_user_agent' as reason_code from events where",
        "'givt_missing_user_agent' as reason_code from events where false and",
    ),
    Defect(
        "bv_invalid_traffic",
        "data centres are matched by no network",
        "on events.ip_prefix = networks.ip_prefix",
        "on events.ip_pseudonym = networks.ip_prefix",
    ),
    Defect(
        "bv_invalid_traffic",
        "a flood needs one click more",
        "where click_count >= 5",
        "where click_count > 5",
    ),
    Defect(
        "bv_invalid_traffic",
        "only the second place of an impossible travel is invalid",
        "previous_impression_hk as event_hk",
        "impression_hk as event_hk",
    ),
    Defect(
        "bv_impression_verdicts",
        "the last reason is the primary one",
        "min(precedence)",
        "max(precedence)",
    ),
    Defect(
        "bv_click_classes",
        "a click on an invalid impression is net",
        "or clicks_with_verdicts.is_invalid_by_impression then 'invalid'",
        "then 'invalid'",
    ),
    Defect(
        "bv_click_classes",
        "a repeat is net",
        "when clicks_with_verdicts.is_repeat then 'repeat'",
        "",
    ),
    # Viewability and video.
    Defect(
        "bv_viewability",
        "a gap of exactly the most ends a stretch",
        "gap_ms > 200",
        "gap_ms >= 200",
    ),
    Defect("bv_viewability", "a gap that is too long goes on", "gap_ms > 200", "gap_ms > 400"),
    Defect(
        "bv_viewability",
        "exactly half of the pixels is not enough",
        "intervals.in_view_fraction >= case",
        "intervals.in_view_fraction > case",
    ),
    Defect("bv_viewability", "the least large display is a small one", ">= 242500", "> 242500"),
    Defect(
        "bv_viewability",
        "a second of video is enough",
        "when 'video' then 2000",
        "when 'video' then 1000",
    ),
    Defect(
        "bv_viewability",
        "one measurable interval is enough",
        "min(case when is_measurable",
        "max(case when is_measurable",
    ),
    # Attribution.
    Defect(
        "bv_attribution_touches",
        "a click and its impression are two touches",
        "clicks.impression_hk = views.impression_hk",
        "false",
    ),
    Defect(
        "bv_attribution_view_touches", "the view window is in days", "* 3600000000", "* 86400000000"
    ),
    Defect(
        "bv_attribution_view_touches",
        "invalid impressions are touches",
        "impression_hk not in (select invalid.impression_hk from invalid)",
        "true",
    ),
    Defect(
        "bv_attribution_click_touches",
        "touches of other advertisers count",
        "conversions.advertiser_hk = versions.advertiser_hk",
        "true",
    ),
    Defect("bv_attribution_click_touches", "every click is a touch", "and click_class = 'net'", ""),
    Defect(
        "bv_attribution_credits",
        "the last touch is the last view",
        "max(case when touch_type = 'click' then touch_number end)",
        "max(case when touch_type = 'view' then touch_number end)",
    ),
    Defect(
        "bv_attribution_channel_weights",
        "paths that never convert are left out",
        "transitions.to_channel = '(null)'",
        "transitions.to_channel = '(nothing)'",
    ),
    Defect(
        "bv_channel_touches",
        "repeats and invalid clicks make paths",
        "click_class = 'net'",
        "click_class <> 'orphan'",
    ),
    Defect(
        "bv_channel_transitions",
        "a touch of a conversion makes a null path as well",
        "where accounted.touch_hk is null",
        "where true",
    ),
    Defect(
        "bv_channel_sets",
        "a set is the channels of all touches",
        "max(case when channel",
        "min(case when channel",
    ),
    Defect(
        "bv_line_item_versions",
        "every line item looks back 30 days by clicks",
        "line_items.view_window_hours,",
        "24 * 30 as view_window_hours,",
    ),
    Defect(
        "rpt_attribution_daily",
        "organic conversions are left out",
        "from organic cross join models",
        "from organic cross join models where false",
    ),
    Defect(
        "rpt_conversion_paths_monthly",
        "a step repeats",
        "case when touch_number = 1 or channel <> previous_channel then channel end",
        "channel",
    ),
    Defect(
        "fct_attribution_touches",
        "a touch stands in the month's other conversions",
        "touches.attribution_touch_hk = credits.attribution_touch_hk",
        "touches.conversion_hk = credits.conversion_hk",
    ),
    # Sessions and funnels.
    Defect(
        "bv_sessions", "a pause of exactly the most ends a session", "> 1800000000", ">= 1800000000"
    ),
    Defect(
        "fct_sessions",
        "views and clicks are mixed up",
        "sessions.purchase_count",
        "sessions.click_count as purchase_count",
    ),
    Defect(
        "rpt_sessions_daily",
        "every session has a purchase",
        "count(case when purchase_count > 0 then 1 end)",
        "count(*)",
    ),
    Defect(
        "rpt_product_funnel_daily",
        "a purchase needs no click",
        "event_name = 'purchase' and action_number > click_number",
        "event_name = 'purchase'",
    ),
    # Auctions and money.
    Defect(
        "bv_auction_imps",
        "slots of requests without an id are lost",
        "from auction_imps inner join auctions on",
        "from auction_imps inner join auctions on auctions.user_hk is not null and",
    ),
    Defect(
        "bv_bought_impressions",
        "every impression of a win is paid for",
        "case when billed.impression_hk is not null then wins.clearing_price_micros end",
        "wins.clearing_price_micros",
    ),
    Defect(
        "bv_fx_rates_by_date",
        "an inverse rate multiplies",
        "'divide' as operation",
        "'multiply' as operation",
    ),
    Defect(
        "bv_fx_rates_by_date",
        "nothing goes by way of the dollar",
        "union all select via_usd.currency_code",
        "union all select null",
    ),
    Defect(
        "fct_bids",
        "a bid has the price that it cleared at",
        "bids.bid_price_micros",
        "coalesce(bids.clearing_price_micros, bids.bid_price_micros) as bid_price_micros",
    ),
    Defect(
        "fct_billing_notices",
        "every notice that has a bid is rendered",
        "rendered.impression_hk is not null as is_rendered",
        "bids.bid_hk is not null as is_rendered",
    ),
    Defect(
        "rpt_auction_funnel_daily",
        "a notice counts once more for each that rendered",
        "case when is_rendered then 0 else 1 end",
        "case when is_rendered then 1 else 0 end",
    ),
    # Billing.
    Defect(
        "fct_delivery_billing_daily",
        "invalid impressions are billed",
        "case when is_invalid then 0 else 1 end as net_impression_count",
        "1 as net_impression_count",
    ),
    Defect(
        "fct_delivery_billing_daily",
        "every click of an impression is billed",
        "and click_class = 'net'",
        "and click_class <> 'orphan'",
    ),
    Defect(
        "fct_conversion_billing_daily",
        "every line item pays for conversions",
        "line_items.pricing_model = 'CPA'",
        "line_items.pricing_model is not null",
    ),
    Defect(
        "fct_line_item_billing_daily",
        "credit notes are charged",
        "sums.gross_media_cost_amount - sums.credit_amount",
        "sums.gross_media_cost_amount + sums.credit_amount",
    ),
    # Facts.
    Defect("fct_impressions", "hours are minutes", "extract(hour from", "extract(minute from"),
    Defect(
        "fct_impressions",
        "nothing is invalid",
        "verdicts.impression_hk is not null as is_invalid",
        "false as is_invalid",
    ),
    Defect(
        "fct_clicks",
        "the channel is the arm",
        "clicks.experiment_arm",
        "clicks.channel as experiment_arm",
    ),
    Defect(
        "fct_conversions",
        "values are rounded",
        "cast(conversions.conversion_value as numeric(38, 9))",
        "cast(round(conversions.conversion_value, 1) as numeric(38, 9))",
    ),
    Defect(
        "fct_viewability",
        "what nobody measured is measurable",
        "coalesce(viewability.is_measurable, false)",
        "coalesce(viewability.is_measurable, true)",
    ),
    Defect(
        "fct_video_events",
        "video of invalid impressions counts",
        "coalesce(impressions.is_invalid, false)",
        "false",
    ),
    Defect(
        "sal_organization_advertiser",
        "the domain comes before the permalink",
        "1 as precedence",
        "3 as precedence",
    ),
    # Reports.
    Defect(
        "rpt_campaign_performance_daily",
        "net impressions are gross ones",
        "sum(combined.impression_count - combined.invalid_impression_count)",
        "sum(combined.impression_count)",
    ),
    Defect(
        "rpt_campaign_performance_daily",
        "repeats are net",
        "click_class = 'net' then 1",
        "click_class in ('net', 'repeat') then 1",
    ),
    Defect(
        "rpt_delivery_hourly",
        "net clicks are all with an impression",
        "when click_class = 'net' then 1 else 0 end",
        "when true then 1 else 0 end",
    ),
    Defect(
        "rpt_creative_performance_daily",
        "net clicks are all with an impression",
        "when click_class = 'net' then 1 else 0 end",
        "when true then 1 else 0 end",
    ),
    Defect(
        "rpt_placement_performance_daily",
        "net impressions are gross ones",
        "case when is_invalid then 0 else 1 end",
        "1",
    ),
    Defect(
        "rpt_region_performance_daily",
        "net impressions are gross ones",
        "case when is_invalid then 0 else 1 end",
        "1",
    ),
    Defect(
        "rpt_invalid_traffic_daily",
        "each reason counts",
        "case when is_primary then impression_count else 0 end",
        "impression_count",
    ),
    Defect("rpt_viewability_daily", "invalid impressions count", "and not is_invalid", ""),
    Defect(
        "rpt_video_daily",
        "midpoints are quartiles",
        "video_event = 'midpoint'",
        "video_event = 'first_quartile'",
    ),
    Defect("fct_user_frequency_daily", "reach holds invalid impressions", "and not is_invalid", ""),
    Defect(
        "rpt_reach_daily",
        "reach is a sum of days",
        "count(*) as reach_count",
        "cast(sum(net_impression_count) as bigint) as reach_count",
    ),
    Defect(
        "rpt_frequency_distribution_daily",
        "nine is the last bucket",
        "least(net_impression_count, 10)",
        "least(net_impression_count, 9)",
    ),
    Defect(
        "rpt_frequency_cap_daily",
        "the cap itself is over the cap",
        "numbered.impression_number - line_items.frequency_cap_count",
        "numbered.impression_number - line_items.frequency_cap_count + 1",
    ),
    Defect(
        "rpt_addressable_audience",
        "an audience is counted by requests",
        "count(*) as user_count",
        "2 * count(*) as user_count",
    ),
    # People, places, dimensions, and what finance reads.
    Defect(
        "rpt_audience_conversions_daily",
        "who has no profile is nobody",
        'left join "advertisex"."business_vault"."bv_user_profiles"',
        'inner join "advertisex"."business_vault"."bv_user_profiles"',
    ),
    Defect(
        "rpt_audience_performance_daily",
        "who has no profile is nobody",
        'left join "advertisex"."business_vault"."bv_user_profiles"',
        'inner join "advertisex"."business_vault"."bv_user_profiles"',
    ),
    Defect(
        "rpt_creative_lift",
        "the control is the last arm",
        "min(experiment_arm)",
        "max(experiment_arm)",
    ),
    Defect(
        "rpt_geography_daily",
        "net impressions are gross ones",
        "case when is_invalid then 0 else 1 end",
        "1",
    ),
    Defect(
        "rpt_market_penetration_daily",
        "everybody is reached",
        "count(distinct reached_user_key) as reach_count",
        "count(distinct user_key) as reach_count",
    ),
    Defect(
        "rpt_market_penetration_lifetime",
        "everybody is reached",
        "when estimates.reach_count > audience.user_count then",
        "when true then",
    ),
    Defect(
        "fct_penetration_sketches",
        "everybody is reached",
        "inner join (",
        "left join (",
    ),
    Defect(
        "rpt_person_reach_daily",
        "people are ids",
        "coalesce(persons.person_key, frequencies.user_key)",
        "frequencies.user_key",
    ),
    Defect(
        "rpt_reach_monthly",
        "reach is a sum of days",
        "count(*) as reach_count",
        "cast(sum(net_impression_count) as bigint) as reach_count",
    ),
    Defect(
        "sal_user_person",
        "nobody shares an account",
        "on accounts.user_hk = persons_0.user_hk",
        "on false",
    ),
    Defect(
        "bv_user_profiles",
        "only who has no profile is known",
        "not is_inferred and not is_deleted",
        "is_inferred",
    ),
    Defect(
        "fct_auction_imps",
        "devices are systems",
        "auction_imps.device_type,",
        "auction_imps.os as device_type,",
    ),
    Defect(
        "fct_user_actions",
        "products are platforms",
        "user_actions.sku",
        "user_actions.platform as sku",
    ),
    Defect(
        "fct_impressions_as_of",
        "campaigns are line items",
        "campaigns.campaign_id,",
        "line_items.line_item_id as campaign_id,",
    ),
    Defect(
        "fct_clicks_as_of", "every click is net", "clicks.click_class,", "'net' as click_class,"
    ),
    Defect(
        "fct_credit_notes",
        "what is given back is charged",
        "versions.amount_micros",
        "-versions.amount_micros",
    ),
    Defect(
        "fct_line_item_spend_daily",
        "credit notes are left out",
        "billed_amount, media_cost_amount,",
        "billed_amount, gross_media_cost_amount as media_cost_amount,",
    ),
    Defect(
        "rpt_line_item_margin_daily",
        "a click a row",
        "cast(sum(net_click_count) as bigint)",
        "cast(count(*) as bigint)",
    ),
    Defect(
        "rpt_trial_balance",
        "revenue is a debit",
        "-billed_base_amount as balance_amount",
        "billed_base_amount as balance_amount",
    ),
    Defect(
        "rpt_number_chain",
        "what is in both sources counts twice",
        "cast(-distinct_count as numeric(38, 9)) as amount",
        "cast(distinct_count as numeric(38, 9)) as amount",
    ),
    Defect(
        "rpt_event_counts_daily",
        "a count is off by one",
        "cast(event_count as bigint)",
        "cast(event_count + 1 as bigint)",
    ),
    Defect(
        "rpt_source_balance",
        "what is read is loaded",
        "cast(coalesce(loads.loaded_count, 0) as bigint)",
        "cast(coalesce(loads.read_count, 0) as bigint)",
    ),
    Defect(
        "bv_id_conflicts",
        "only a later time is a conflict",
        "deliveries.event_at <> stored.event_at",
        "deliveries.event_at > stored.event_at",
    ),
    Defect(
        "fct_reach_sketches",
        "there is no sketch of all",
        "breakdown in ( 'total', 'advertiser',",
        "breakdown in ( 'advertiser',",
    ),
    Defect(
        "fct_reach_sketches_monthly",
        "a month keeps one id of each value",
        "order by sketch_value ) <= 1024",
        "order by sketch_value ) <= 1",
    ),
    Defect(
        "fct_penetration_sketches_monthly",
        "a month keeps one id of each value",
        "order by sketch_value ) <= 1024",
        "order by sketch_value ) <= 1",
    ),
    Defect("bv_audience_members", "who has no id is a person", "and user_hk is not null", ""),
    Defect(
        "fct_billing_periods",
        "a month bills its largest line",
        "cast(sum(billed_base_amount) as numeric(38, 9)) as billed_base_amount",
        "cast(max(billed_base_amount) as numeric(38, 9)) as billed_base_amount",
    ),
)

UNIT_DEFECTS = (
    Defect(
        "bv_sessions",
        "platforms share a session",
        "coalesce(platform, '') as platform_group",
        "'' as platform_group",
    ),
    Defect(
        "bv_viewability",
        "what is played twice counts twice",
        "greatest(position_ms, reached_ms)",
        "position_ms",
    ),
    Defect(
        "bv_bids",
        "a bid clears at its own price",
        "wins.clearing_price_micros,",
        "bids.bid_price_micros as clearing_price_micros,",
    ),
    Defect(
        "fct_wins",
        "every bid is compared with its price",
        "bids.currency_code as bid_currency_code",
        "wins.currency_code as bid_currency_code",
    ),
    Defect(
        "rpt_auction_prices_daily",
        "prices of two currencies are compared",
        "case when bid_currency_code = currency_code then clearing_price_micros else 0 end",
        "clearing_price_micros",
    ),
    Defect(
        "dim_users",
        "a deleted profile still describes",
        "case when not profiles.is_deleted then profiles.age_band end",
        "profiles.age_band",
    ),
    Defect("fct_acquisitions", "deleted acquisitions stay", "and not versions.is_deleted", ""),
    Defect(
        "rpt_reach_lifetime",
        "reach of all time is that of a sketch's days",
        "count(*) < {{ var('reach_sketch_size') }} as is_exact",
        "true as is_exact",
    ),
    Defect(
        "bv_attribution_credits",
        "the remainder goes to the last touches",
        "quotas.touch_number <= quotas.linear_left",
        "quotas.touch_number > quotas.touch_count - quotas.linear_left",
    ),
    Defect(
        "bv_clicks",
        "a click before its impression is no orphan",
        "and clicks_in_order.event_at >= impressions.event_at",
        "",
    ),
    # Rates.
    Defect(
        "rpt_campaign_performance_daily",
        "net clicks are divided by gross impressions",
        "rate('performance.net_click_count', 'performance.net_impression_count')",
        "rate('performance.net_click_count', 'performance.gross_impression_count')",
    ),
    Defect(
        "rpt_placement_performance_daily",
        "net clicks are divided by gross impressions",
        "rate('delivery.net_click_count', 'delivery.net_impression_count')",
        "rate('delivery.net_click_count', 'delivery.gross_impression_count')",
    ),
    Defect(
        "rpt_region_performance_daily",
        "net clicks are divided by gross impressions",
        "rate('delivery.net_click_count', 'delivery.net_impression_count')",
        "rate('delivery.net_click_count', 'delivery.gross_impression_count')",
    ),
    Defect(
        "rpt_creative_performance_daily",
        "net clicks are divided by gross impressions",
        "rate('delivery.net_click_count', 'delivery.net_impression_count')",
        "rate('delivery.net_click_count', 'delivery.gross_impression_count')",
    ),
    Defect(
        "rpt_delivery_hourly",
        "net clicks are divided by gross impressions",
        "rate('delivery.net_click_count', 'delivery.net_impression_count')",
        "rate('delivery.net_click_count', 'delivery.gross_impression_count')",
    ),
    Defect(
        "rpt_viewability_daily",
        "viewable is a share of all, not of what is measurable",
        "rate('viewability.viewable_impression_count', 'viewability.measurable_impression_count')",
        "rate('viewability.viewable_impression_count', 'viewability.net_impression_count')",
    ),
    Defect(
        "rpt_video_daily",
        "completion is a share of third quartiles",
        "rate('events.complete_count', 'events.start_count')",
        "rate('events.complete_count', 'events.third_quartile_count')",
    ),
    Defect(
        "rpt_product_funnel_daily",
        "purchasers are a share of viewers",
        "rate('funnels.purchaser_count', 'funnels.clicker_count')",
        "rate('funnels.purchaser_count', 'funnels.viewer_count')",
    ),
    Defect(
        "rpt_auction_funnel_daily",
        "rendering is a share of bids",
        "rate('funnel.bought_impression_count', 'funnel.win_count')",
        "rate('funnel.bought_impression_count', 'funnel.bid_count')",
    ),
    Defect(
        "rpt_sessions_daily",
        "sessions with a purchase are a share of actions",
        "rate('purchase_session_count', 'session_count')",
        "rate('purchase_session_count', 'action_count')",
    ),
    Defect(
        "rpt_frequency_cap_daily",
        "who is over the cap complies",
        "rate('count(*) - sum(is_over_cap)', 'count(*)')",
        "rate('sum(is_over_cap)', 'count(*)')",
    ),
    Defect(
        "rpt_conversion_paths_monthly",
        "hours are an average of rows",
        "max(case when touch_number = 1 then age_hours end)",
        "min(age_hours)",
    ),
    Defect(
        "rpt_attribution_channels_monthly",
        "halves are added",
        "weights.half_a_share_rate - weights.half_b_share_rate",
        "weights.half_a_share_rate + weights.half_b_share_rate",
    ),
    Defect(
        "fct_clicks",
        "a click that is not invalid has a reason",
        "when classes.click_class = 'invalid' then classes.primary_reason_code",
        "when true then classes.primary_reason_code",
    ),
    Defect(
        "fct_third_party_reports",
        "a report that was withdrawn counts",
        "versions.is_current and not versions.is_deleted and not versions.is_inferred",
        "versions.spend_micros is not null",
    ),
    Defect(
        "rpt_third_party_discrepancy_daily",
        "a spend that agrees hides counts that do not",
        "when 'error' in (judged.impression_status, judged.click_status, judged.spend_status)",
        "when 'error' in (judged.spend_status)",
    ),
    Defect(
        "rpt_pacing_daily",
        "a version that begins with the next date holds",
        "with_bounds.date_end_at <= line_items.valid_to",
        "with_bounds.date_end_at < line_items.valid_to",
    ),
    Defect(
        "fct_billing_lines",
        "closed months are billed again",
        "or spend.advertiser_date >= closed.closed_to_date",
        "or true",
    ),
    Defect(
        "fct_invoice_lines",
        "every currency has cents",
        "'coalesce(currencies.minor_unit_digits, 2)'",
        "'2'",
    ),
    Defect(
        "rpt_fx_exposure_monthly",
        "the first rate revalues",
        "newest_rates.valid_to_date = date '9999-12-31'",
        "newest_rates.valid_from_date = date '2026-03-01'",
    ),
    Defect("fct_funding_rounds", "deleted rounds stay", "and not versions.is_deleted", ""),
    Defect(
        "rpt_creative_rotation",
        "who is no longer assigned rotates",
        "where assignments.is_active",
        "where true",
    ),
    Defect(
        "fct_billing_adjustments",
        "open months are adjusted, too",
        "where spend.advertiser_date < closed.closed_to_date",
        "where true",
    ),
    Defect(
        "dim_products",
        "a product is there once more for each name",
        "['product_hk'], ['product_name']",
        "['product_hk', 'product_name'], []",
    ),
    Defect(
        "dim_line_items",
        "deleted ones stay",
        "versions.is_current, versions.is_deleted,",
        "versions.is_current, false as is_deleted,",
    ),
    Defect(
        "dim_campaigns",
        "every version is current",
        "versions.is_current,",
        "true as is_current,",
    ),
    Defect(
        "dim_creatives",
        "every version is current",
        "versions.is_current,",
        "true as is_current,",
    ),
    Defect(
        "dim_placements",
        "every version is current",
        "versions.is_current,",
        "true as is_current,",
    ),
    Defect(
        "dim_publishers",
        "deleted ones stay",
        "versions.is_current, versions.is_deleted,",
        "versions.is_current, false as is_deleted,",
    ),
    Defect(
        "dim_sites",
        "every version is current",
        "versions.is_current,",
        "true as is_current,",
    ),
    Defect(
        "dim_organizations",
        "every version is current",
        "versions.is_current,",
        "true as is_current,",
    ),
    Defect(
        "bv_impression_content_conflicts",
        "content may differ",
        "and deliveries.event_at = stored.event_at",
        "and false",
    ),
    Defect(
        "fct_invoices",
        "an invoice is its largest line",
        "cast(sum(line_amount) as numeric(38, 9)) as invoice_amount",
        "cast(max(line_amount) as numeric(38, 9)) as invoice_amount",
    ),
    Defect(
        "rpt_campaign_hierarchy",
        "every stretch is current",
        "stretches.valid_to = timestamp '9999-12-31 00:00:00' as is_current",
        "true as is_current",
    ),
    Defect(
        "dim_advertisers", "every version is current", "versions.is_current,", "true as is_current,"
    ),
    Defect(
        "bv_billing_periods",
        "a month ends a month late",
        "add_months('period_start_date', 1)",
        "add_months('period_start_date', 2)",
    ),
    Defect(
        "bv_frozen_lines",
        "lines of a close that never ended count",
        "on frozen.close_id = periods.close_id",
        "on true",
    ),
)
