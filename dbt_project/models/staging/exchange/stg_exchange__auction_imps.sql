{# The slots of the requests, of every delivery; their place in the request ends the load order. #}
with auction_imps as (
    select
        landed.exchange,
        landed.id as auction_id,
        offered.element.id as imp_id,
        cast(offered.place as bigint) as imp_number,
        cast(landed.received_ts as timestamp) as event_at,
        landed.event_date,
        offered.element.tagid as tag_id,
        offered.element.ad_format,
        offered.element.w as width,
        offered.element.h as height,
        offered.element.bidfloor as floor_price,
        offered.element.bidfloorcur as floor_currency_code,
        {{ list_length('offered.element.deals') }} as deal_count,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('exchange', 'bid_requests', source_rank=40) }} as landed
    cross join {{ list_elements('landed.imp', 'offered') }}
),

staged as (
    {{ stage(
        source='auction_imps',
        record_source="'exchange.bid_requests'",
        hash_keys={
            'auction_imp_hk': ['exchange', 'auction_id', 'imp_id'],
            'auction_hk': ['exchange', 'auction_id'],
        }
    ) }}
)

select * from staged
