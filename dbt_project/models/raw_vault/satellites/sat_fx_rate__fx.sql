{# The API gives no time of validity: a corrected rate replaces the one loaded before it. #}
{{ satellite(
    sources=ref('stg_fx__rates'),
    parent_key='fx_rate_hk',
    hashdiff='fx_rate_hashdiff',
    payload=['rate']
) }}
