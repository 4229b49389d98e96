{#
    What has changed of closed months since: restated - everything frozen so far, by line item
    (with the campaign and advertiser that it belongs to), advertiser date and currency. Late events,
    verdicts, credit notes and exchange rates all end here, and a line that moves to another campaign is
    taken back in one and booked in the other.

    Periods close in order, so all dates before the end of the last closed one are closed. An
    adjustment is booked in the month after it and is frozen when that closes; until then it moves with
    the figures.
#}
with closed as (
    select max(closed_to_date) as closed_to_date
    from {{ ref('bv_billing_periods') }}
),

both_sides as (
    select
        'restated' as side,
        spend.line_item_id,
        spend.campaign_id,
        spend.advertiser_id,
        spend.advertiser_date,
        spend.currency_code,
        spend.base_currency_code,
        spend.billed_amount,
        spend.billed_base_amount,
        spend.media_cost_amount,
        spend.media_cost_base_amount
    from {{ ref('fct_line_item_spend_daily') }} as spend
    cross join closed
    where spend.advertiser_date < closed.closed_to_date
    union all
    select
        'frozen' as side,
        line_item_id,
        campaign_id,
        advertiser_id,
        advertiser_date,
        currency_code,
        base_currency_code,
        billed_amount,
        billed_base_amount,
        media_cost_amount,
        media_cost_base_amount
    from {{ ref('fct_frozen_lines') }}
),

{# A base amount without a rate counts as nothing here; assert_fx_rates_are_known fails on it. #}
sums as (
    select
        line_item_id,
        campaign_id,
        advertiser_id,
        advertiser_date,
        currency_code,
        base_currency_code,
        coalesce(sum(case side when 'restated' then billed_amount end), 0)
            as restated_billed_amount,
        coalesce(sum(case side when 'frozen' then billed_amount end), 0)
            as frozen_billed_amount,
        coalesce(sum(case side when 'restated' then billed_base_amount end), 0)
            as restated_billed_base_amount,
        coalesce(sum(case side when 'frozen' then billed_base_amount end), 0)
            as frozen_billed_base_amount,
        coalesce(sum(case side when 'restated' then media_cost_amount end), 0)
            as restated_media_cost_amount,
        coalesce(sum(case side when 'frozen' then media_cost_amount end), 0)
            as frozen_media_cost_amount,
        coalesce(sum(case side when 'restated' then media_cost_base_amount end), 0)
            as restated_media_cost_base_amount,
        coalesce(sum(case side when 'frozen' then media_cost_base_amount end), 0)
            as frozen_media_cost_base_amount
    from both_sides
    group by
        line_item_id, campaign_id, advertiser_id, advertiser_date, currency_code,
        base_currency_code
),

adjustments as (
    select
        {{ hash_to_text(hashdiff([
            'sums.line_item_id', 'sums.campaign_id', 'sums.advertiser_id',
            'sums.advertiser_date:date', 'sums.currency_code', 'sums.base_currency_code',
        ])) }} as billing_adjustment_key,
        substr(cast(closed.closed_to_date as string), 1, 7) as billing_period,
        sums.line_item_id,
        sums.campaign_id,
        sums.advertiser_id,
        sums.advertiser_date,
        sums.currency_code,
        sums.base_currency_code,
        cast(sums.restated_billed_amount as numeric(38, 9)) as restated_billed_amount,
        cast(sums.frozen_billed_amount as numeric(38, 9)) as frozen_billed_amount,
        cast(sums.restated_billed_amount - sums.frozen_billed_amount as numeric(38, 9))
            as billed_amount,
        cast(sums.restated_billed_base_amount as numeric(38, 9)) as restated_billed_base_amount,
        cast(sums.frozen_billed_base_amount as numeric(38, 9)) as frozen_billed_base_amount,
        cast(sums.restated_billed_base_amount - sums.frozen_billed_base_amount as numeric(38, 9))
            as billed_base_amount,
        cast(sums.restated_media_cost_amount as numeric(38, 9)) as restated_media_cost_amount,
        cast(sums.frozen_media_cost_amount as numeric(38, 9)) as frozen_media_cost_amount,
        cast(sums.restated_media_cost_amount - sums.frozen_media_cost_amount as numeric(38, 9))
            as media_cost_amount,
        cast(sums.restated_media_cost_base_amount as numeric(38, 9))
            as restated_media_cost_base_amount,
        cast(sums.frozen_media_cost_base_amount as numeric(38, 9))
            as frozen_media_cost_base_amount,
        cast(
            sums.restated_media_cost_base_amount - sums.frozen_media_cost_base_amount
            as numeric(38, 9)
        ) as media_cost_base_amount
    from sums
    cross join closed
    where
        sums.restated_billed_amount <> sums.frozen_billed_amount
        or sums.restated_billed_base_amount <> sums.frozen_billed_base_amount
        or sums.restated_media_cost_amount <> sums.frozen_media_cost_amount
        or sums.restated_media_cost_base_amount <> sums.frozen_media_cost_base_amount
)

select * from adjustments
