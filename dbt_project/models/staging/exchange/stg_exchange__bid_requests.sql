{# The request without its slots, which stand in stg_exchange__auction_imps. #}
with bid_requests as (
    select
        landed.exchange,
        landed.id as auction_id,
        cast(landed.received_ts as timestamp) as event_at,
        landed.event_date,
        {{ list_length('landed.imp') }} as imp_count,
        case when landed.app is not null then 'app' else 'site' end as inventory_type,
        coalesce(landed.app.id, landed.site.id) as inventory_id,
        coalesce(landed.app.bundle, landed.site.domain) as domain_or_bundle,
        case
            when landed.app is not null then {{ list_to_text('landed.app.cat') }}
            else {{ list_to_text('landed.site.cat') }}
        end as iab_categories,
        coalesce(landed.app.publisher_id, landed.site.publisher_id) as exchange_publisher_id,
        landed.device.ua as user_agent,
        landed.device.ip as ip_pseudonym,
        landed.device.ip_prefix,
        landed.device.device_type,
        landed.device.os,
        landed.device.geo.country as country_code,
        landed.device.geo.region,
        landed.device.geo.lat as latitude,
        landed.device.geo.lon as longitude,
        landed.user.id as user_pseudonym,
        landed.user.age_band,
        landed.user.gender,
        landed.regs.gdpr as is_gdpr_applicable,
        landed.regs.coppa as is_coppa_applicable,
        landed.regs.gpp as consent_gpp,
        {{ list_length('landed.schain') }} as seller_count,
        landed.at as auction_type,
        {{ list_to_text('landed.cur') }} as bid_currency_codes,
        landed.tmax as max_response_ms,
        landed.ext as ext_json,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('exchange', 'bid_requests', source_rank=40) }} as landed
),

staged as (
    {{ stage(
        source='bid_requests',
        record_source="'exchange.bid_requests'",
        hash_keys={
            'auction_hk': ['exchange', 'auction_id'],
            'user_hk': ['user_pseudonym'],
        }
    ) }}
)

select * from staged
