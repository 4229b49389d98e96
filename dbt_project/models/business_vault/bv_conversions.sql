{# The ad server is the only source of conversions so far; a second one would join here. #}
with conversions as (
    select * from {{ ref('nhl_conversion__adserver') }}
)

select * from conversions
