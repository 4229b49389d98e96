with impressions as (
    select
        landed.impression_id,
        landed.event_id,
        cast(landed.event_ts as timestamp) as event_at,
        landed.event_date,
        landed.exchange,
        landed.auction_id,
        landed.imp_id,
        landed.bid_id,
        landed.line_item_id,
        landed.creative_id,
        landed.placement_id,
        landed.user_id as user_pseudonym,
        landed.ip as ip_pseudonym,
        landed.ip_prefix,
        landed.user_agent,
        landed.country as country_code,
        landed.region,
        landed.latitude,
        landed.longitude,
        landed.device_type,
        landed.ad_format,
        landed.width,
        landed.height,
        landed.clearing_price_micros,
        landed.currency as currency_code,
        landed.channel,
        landed.experiment_arm,
        landed.page_url,
        landed.is_prefetch,
        landed.consent.gdpr_applies as is_gdpr_applicable,
        landed.consent.tcf as consent_tcf,
        landed.consent.gpp as consent_gpp,
        landed.consent.personal as has_personal_consent,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('adserver', 'impressions', source_rank=2) }} as landed
),

staged as (
    {{ stage(
        source='impressions',
        record_source="'adserver.impressions'",
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
