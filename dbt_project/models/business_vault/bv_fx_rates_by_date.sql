{#
    How to get from a currency to the base currency, from each date on which that changes. A date
    without a rate takes the last one before it. The path is the first of these that has a rate by
    then:
    - same: the base currency itself;
    - direct: the pair (currency, base), multiply;
    - inverse: the pair (base, currency), divide;
    - via_usd: to USD and from there to the base currency, each leg direct or inverse.
    A rate of zero is no rate.
#}
{% set base = "'" ~ var('base_currency') ~ "'" %}

with current_rates as (
    select
        hub_fx_rate.rate_date,
        hub_fx_rate.base_currency_code,
        hub_fx_rate.quote_currency_code,
        rates.rate
    from {{ ref('hub_fx_rate') }} as hub_fx_rate
    inner join {{ ref('sat_fx_rate__fx') }} as rates
        on hub_fx_rate.fx_rate_hk = rates.fx_rate_hk
    qualify row_number() over (
        partition by rates.fx_rate_hk
        order by
            rates.load_pin desc,
            rates.source_rank desc,
            rates.ingest_seq desc,
            rates.position_major desc,
            rates.position_minor desc
    ) = 1
),

usable_rates as (
    select * from current_rates
    where rate > 0 and base_currency_code <> quote_currency_code
),

pairs as (
    select
        base_currency_code as currency_code,
        quote_currency_code as target_code,
        rate_date,
        'multiply' as operation,
        rate
    from usable_rates
    where quote_currency_code in ({{ base }}, 'USD')
    union all
    select
        quote_currency_code as currency_code,
        base_currency_code as target_code,
        rate_date,
        'divide' as operation,
        rate
    from usable_rates
    where base_currency_code in ({{ base }}, 'USD')
),

pairs_with_first_direct as (
    select
        pairs.*,
        min(case when pairs.operation = 'multiply' then pairs.rate_date end) over (
            partition by pairs.currency_code, pairs.target_code
        ) as first_direct_date
    from pairs
),

{# An inverse rate counts only until there is a direct one. #}
legs as (
    select
        currency_code,
        target_code,
        operation,
        rate,
        rate_date as valid_from_date,
        coalesce(
            lead(rate_date) over (partition by currency_code, target_code order by rate_date),
            date '9999-12-31'
        ) as valid_to_date
    from pairs_with_first_direct
    where
        operation = 'multiply'
        or first_direct_date is null
        or rate_date < first_direct_date
),

to_base as (
    select * from legs
    where target_code = {{ base }}
),

to_usd as (
    select * from legs
    where
        target_code = 'USD'
        and currency_code <> {{ base }}
        and target_code <> {{ base }}
),

usd_to_base as (
    select * from to_base
    where currency_code = 'USD'
),

first_own_dates as (
    select
        currency_code,
        min(valid_from_date) as first_own_date
    from to_base
    group by currency_code
),

via_usd as (
    select
        to_usd.currency_code,
        greatest(to_usd.valid_from_date, usd_to_base.valid_from_date) as valid_from_date,
        to_usd.operation as first_operation,
        to_usd.rate as first_rate,
        usd_to_base.operation as second_operation,
        usd_to_base.rate as second_rate
    from to_usd
    inner join usd_to_base
        on
            to_usd.valid_from_date < usd_to_base.valid_to_date
            and usd_to_base.valid_from_date < to_usd.valid_to_date
),

paths as (
    select
        {{ base }} as currency_code,
        date '1900-01-01' as valid_from_date,
        'same' as conversion_path,
        'none' as first_operation,
        cast(null as numeric(38, 9)) as first_rate,
        'none' as second_operation,
        cast(null as numeric(38, 9)) as second_rate
    union all
    select
        currency_code,
        valid_from_date,
        case operation when 'multiply' then 'direct' else 'inverse' end as conversion_path,
        operation as first_operation,
        rate as first_rate,
        'none' as second_operation,
        cast(null as numeric(38, 9)) as second_rate
    from to_base
    union all
    select
        via_usd.currency_code,
        via_usd.valid_from_date,
        'via_usd' as conversion_path,
        via_usd.first_operation,
        via_usd.first_rate,
        via_usd.second_operation,
        via_usd.second_rate
    from via_usd
    left join first_own_dates
        on via_usd.currency_code = first_own_dates.currency_code
    where
        first_own_dates.first_own_date is null
        or via_usd.valid_from_date < first_own_dates.first_own_date
),

with_validity as (
    select
        paths.*,
        coalesce(
            lead(paths.valid_from_date) over (
                partition by paths.currency_code order by paths.valid_from_date
            ),
            date '9999-12-31'
        ) as valid_to_date
    from paths
)

select * from with_validity
