-- On the dates that this build touches: every key in the lake is in the vault (there or one day
-- either side, where another delivery came first; or days away, as an id conflict), and every key
-- in the vault is in the lake.
{%- set events = [
    {'source': ['ad_events', 'events'], 'link': 'nhl_impression__ad_events', 'hash': 'impression_hk',
     'type': 'impression', 'key': ['raw_rows.impression.impression_id']},
    {'source': ['ad_events', 'events'], 'link': 'nhl_click__ad_events', 'hash': 'click_hk',
     'type': 'click', 'key': ['raw_rows.click.click_id']},
    {'source': ['ad_events', 'events'], 'link': 'nhl_viewability__ad_events', 'hash': 'viewability_hk',
     'type': 'viewability',
     'key': ['raw_rows.viewability.impression_id', 'raw_rows.viewability.sequence:integer']},
    {'source': ['ad_events', 'events'], 'link': 'nhl_video_event__ad_events', 'hash': 'video_event_hk',
     'type': 'video', 'key': ['raw_rows.video.impression_id', 'raw_rows.video.video_event']},
    {'source': ['adserver', 'impressions'], 'link': 'nhl_impression__adserver', 'hash': 'impression_hk',
     'key': ['raw_rows.impression_id']},
    {'source': ['adserver', 'clicks'], 'link': 'nhl_click__adserver', 'hash': 'click_hk',
     'key': ['raw_rows.click_id']},
    {'source': ['adserver', 'conversions'], 'link': 'nhl_conversion__adserver', 'hash': 'conversion_hk',
     'key': ['raw_rows.conversion_id']},
    {'source': ['user_events', 'events'], 'link': 'nhl_user_action__user_events',
     'hash': 'user_action_hk', 'key': [
         {'column': "(coalesce(trim(raw_rows._event_id), '') <> '')", 'type': 'boolean'},
         {'column': "coalesce(nullif(trim(raw_rows._event_id), ''), concat(
             raw_rows._kafka_topic_id, '/', cast(raw_rows._kafka_partition as string), '/',
             cast(raw_rows._kafka_offset as string)))"},
     ]},
    {'source': ['exchange', 'bid_requests'], 'link': 'nhl_auction__exchange', 'hash': 'auction_hk',
     'key': ['raw_rows.exchange', 'raw_rows.id']},
    {'source': ['exchange', 'bids'], 'link': 'nhl_bid__exchange', 'hash': 'bid_hk',
     'key': ['raw_rows.bid_id']},
    {'source': ['exchange', 'wins'], 'link': 'nhl_win__exchange', 'hash': 'win_hk',
     'key': ['raw_rows.bid_id']},
    {'source': ['exchange', 'billing_notices'], 'link': 'nhl_billing_notice__exchange',
     'hash': 'billing_notice_hk', 'key': ['raw_rows.bid_id']},
] %}

{%- for event in events %}
{%- set input = event['source'] | join('.') %}
{{ 'union all' if not loop.first }}
select
    '{{ event['link'] }}' as event_link,
    missing.missing_from,
    count(*) as key_count
from (
    select
        coalesce(lake.key_hash, vault.{{ event['hash'] }}) as key_hash,
        case when vault.{{ event['hash'] }} is null then 'vault' else 'lake' end as missing_from,
        vault.event_date as vault_date
    from (
        select distinct {{ hash_key(event['key']) }} as key_hash
        from {{ source('raw_' ~ event['source'][0], event['source'][1]) }} as raw_rows
        where
            {{ touched_dates(input, 'raw_rows.event_date') }}
            {%- if event['type'] %}
            and raw_rows.event_type = '{{ event['type'] }}'
            {%- endif %}
    ) as lake
    full outer join (
        select
            {{ event['hash'] }},
            event_date
        from {{ ref(event['link']) }}
        where {{ touched_dates(input, days_before=1, days_after=1) }}
    ) as vault
        on lake.key_hash = vault.{{ event['hash'] }}
    where lake.key_hash is null or vault.{{ event['hash'] }} is null
) as missing
where
    missing.key_hash is not null
    and (
        missing.missing_from = 'lake'
        or missing.key_hash not in (
            select conflicts.event_hk
            from {{ ref('bv_id_conflicts') }} as conflicts
            where
                conflicts.source_table = '{{ input }}'
                and {{ touched_dates(input, 'conflicts.event_date') }}
                and conflicts.first_source_table = conflicts.source_table
        )
    )
    and (missing.missing_from = 'vault' or {{ touched_dates(input, 'missing.vault_date') }})
group by missing.missing_from
{%- endfor %}
