with geographies as (
    select
        country_code,
        country_name
    from {{ ref('countries') }}
)

select * from geographies
