with currencies as (
    select
        currency_code,
        currency_name,
        cast(minor_unit_digits as bigint) as minor_unit_digits
    from {{ ref('currencies') }}
)

select * from currencies
