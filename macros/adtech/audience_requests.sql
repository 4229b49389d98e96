{#
    What the bid requests of the model's affected dates say of each id: once per event_date, user_key,
    country_code, region, age_band, gender and device_type; with `reached_user_key`, the same id where a
    net impression reached it on that date, else null. With `reached_only`, no others.

        requests as ({{ audience_requests(ref('bv_auction_imps'), ref('fct_user_frequency_daily')) }})
#}
{% macro audience_requests(auction_imps, user_frequencies, reached_only=false) -%}
    select
        requests.event_date,
        requests.user_key,
        reached.user_key as reached_user_key,
        requests.country_code,
        requests.region,
        requests.age_band,
        requests.gender,
        requests.device_type
    from (
        select distinct
            event_date,
            {{ hash_to_text('user_hk') }} as user_key,
            country_code,
            {{ trim_space('region') }} as region,
            {{ trim_space('age_band') }} as age_band,
            {{ trim_space('gender') }} as gender,
            device_type
        from {{ auction_imps }}
        where
            {{ affected_dates('event_date') }}
            and user_hk is not null
    ) as requests
    {{ 'inner' if reached_only else 'left' }} join (
        select
            event_date,
            user_key
        from {{ user_frequencies }}
        where
            {{ affected_dates('event_date') }}
            and breakdown = 'total'
    ) as reached
        on
            requests.event_date = reached.event_date
            and requests.user_key = reached.user_key
{%- endmacro %}
