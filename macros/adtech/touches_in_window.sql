{#
    The touches of conversions: events of the same user id and advertiser, strictly before a conversion
    and inside the window that the event's line item had at the event's own moment, for a conversion
    type that the line item counts.

    `conversions`: relation of conversions. `events`: relation of `event`s ('click' or 'impression'), with
    `<event>_hk` and `<event>_id`. `versions`: bv_line_item_versions. `touch_type`: 'click' or 'view'.
    `window_micros`: expression of the window's length in microseconds.
#}
{% macro touches_in_window(conversions, events, event, versions, touch_type, window_micros) %}
    select
        {{ hash_key([
            'conversions.conversion_id', "'" ~ touch_type ~ "'", 'events.' ~ event ~ '_id'
        ]) }} as attribution_touch_hk,
        conversions.conversion_hk,
        conversions.conversion_id,
        conversions.event_at as conversion_at,
        conversions.event_date,
        conversions.advertiser_hk,
        conversions.user_hk,
        conversions.conversion_type,
        cast(round(conversions.conversion_value * 1000000) as bigint) as conversion_value_micros,
        conversions.currency_code,
        events.{{ event }}_hk,
        events.{{ event }}_id,
        {%- if event == 'click' %}
        events.impression_hk,
        {%- endif %}
        events.event_at as touch_at,
        events.line_item_hk,
        versions.campaign_hk,
        events.creative_hk,
        events.placement_hk,
        events.channel,
        versions.attribution_model
    from {{ conversions }} as conversions
    inner join {{ events }} as events
        on
            conversions.user_hk = events.user_hk
            and conversions.event_at > events.event_at
    inner join {{ versions }} as versions
        on
            conversions.advertiser_hk = versions.advertiser_hk
            and events.line_item_hk = versions.line_item_hk
            and events.event_at >= versions.as_of_from
            and events.event_at < versions.valid_to
    where
        {{ micros_between('events.event_at', 'conversions.event_at') }} <= {{ window_micros }}
        and (
            versions.conversion_types is null
            or {{ list_has(
                split_text('versions.conversion_types', '|'), 'conversions.conversion_type'
            ) }}
        )
{% endmacro %}
