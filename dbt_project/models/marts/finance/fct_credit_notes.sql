{#
    What exchanges gave back, note by note, as the campaigns database has it now: a corrected note
    restates its month, a deleted one takes the credit away.

    A note names a month, not a day. It is booked on the first advertiser date of that month, with the
    campaign and advertiser that the line item had when that date began (UTC), and converted by the rate
    of that date or the last before it. So it never leaves its month, which closes right, and no rate of
    a later day changes it.
#}
{% set base = "'" ~ var('base_currency') ~ "'" %}

with versions as (
    {{ dimension_versions(
        hub=ref('hub_credit_note'),
        satellite=ref('sat_credit_note__campaigns'),
        hash_key='credit_note_hk',
        business_key='credit_note_bk',
        attributes=[
            'exchange',
            'line_item_id',
            'for_month',
            'amount_micros',
            'currency_code',
            'reason',
        ]
    ) }}
),

current_notes as (
    select
        versions.credit_note_hk,
        versions.business_key as credit_id,
        {{ hash_to_text(hash_key('versions.line_item_id')) }} as line_item_key,
        {{ date_start('versions.for_month', 'month') }} as advertiser_date,
        versions.exchange,
        versions.reason,
        coalesce(versions.currency_code, 'XXX') as currency_code,
        {{ micros_to_amount('versions.amount_micros') }} as credit_amount
    from versions
    where versions.is_current and not versions.is_deleted and not versions.is_inferred
),

dated_notes as (
    select
        current_notes.*,
        cast(current_notes.advertiser_date as timestamp) as booked_at
    from current_notes
),

credit_notes as (
    select
        {{ hash_to_text('dated_notes.credit_note_hk') }} as credit_note_key,
        dated_notes.credit_id,
        dated_notes.advertiser_date,
        dated_notes.line_item_key,
        line_items.line_item_id,
        line_items.campaign_key,
        campaigns.campaign_id,
        campaigns.advertiser_key,
        advertisers.advertiser_id,
        dated_notes.exchange,
        dated_notes.reason,
        dated_notes.currency_code,
        dated_notes.credit_amount,
        {{ base }} as base_currency_code,
        fx_rates.conversion_path,
        {{ base_amount('dated_notes.credit_amount', 'fx_rates') }} as credit_base_amount
    from dated_notes
    left join {{ ref('bv_fx_rates_by_date') }} as fx_rates
        on
            dated_notes.currency_code = fx_rates.currency_code
            and dated_notes.advertiser_date >= fx_rates.valid_from_date
            and dated_notes.advertiser_date < fx_rates.valid_to_date
    {{ as_of(ref('dim_line_items'), 'line_items', 'line_item_key',
             'dated_notes.line_item_key', 'dated_notes.booked_at') }}
    {{ as_of(ref('dim_campaigns'), 'campaigns', 'campaign_key',
             'line_items.campaign_key', 'dated_notes.booked_at') }}
    left join {{ ref('dim_advertisers') }} as advertisers
        on campaigns.advertiser_key = advertisers.advertiser_key and advertisers.is_current
)

select * from credit_notes
