with impressions as (
    select
        landed.impression.impression_id,
        landed.event_id,
        cast(landed.event_ts as timestamp) as event_at,
        landed.event_date,
        landed.impression.exchange,
        landed.impression.auction_id,
        landed.impression.imp_id,
        landed.impression.bid_id,
        landed.impression.line_item_id,
        landed.impression.creative_id,
        landed.impression.placement_id,
        landed.impression.user_id as user_pseudonym,
        landed.impression.ip as ip_pseudonym,
        landed.impression.ip_prefix,
        landed.impression.user_agent,
        landed.impression.country as country_code,
        landed.impression.region,
        landed.impression.latitude,
        landed.impression.longitude,
        landed.impression.device_type,
        landed.impression.ad_format,
        landed.impression.width,
        landed.impression.height,
        landed.impression.clearing_price_micros,
        landed.impression.currency as currency_code,
        landed.impression.channel,
        landed.impression.experiment_arm,
        landed.impression.page_url,
        landed.impression.is_prefetch,
        landed.impression.consent.gdpr_applies as is_gdpr_applicable,
        landed.impression.consent.tcf as consent_tcf,
        landed.impression.consent.gpp as consent_gpp,
        landed.impression.consent.personal as has_personal_consent,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('ad_events', 'events', source_rank=1, position='kafka') }} as landed
    where landed.event_type = 'impression'
),

staged as (
    {{ stage(
        source='impressions',
        record_source="'ad_events.events'",
        hash_keys={
            'impression_hk': ['impression_id'],
            'bid_hk': ['bid_id'],
            'line_item_hk': ['line_item_id'],
            'creative_hk': ['creative_id'],
            'placement_hk': ['placement_id'],
            'user_hk': ['user_pseudonym'],
        }
    ) }}
)

select * from staged
