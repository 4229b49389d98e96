with geographies as (
    select
        country_code,
        country_name,
        {{ safe_decimal('latitude') }} as latitude,
        {{ safe_decimal('longitude') }} as longitude
    from {{ ref('countries') }}
)

select * from geographies
