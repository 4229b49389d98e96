{#
    For maps: what was delivered where, by cells of a grid. Clicks count at their own time, at the place
    of their impressions; orphans have none. A row without a cell is what came without coordinates, so
    that the cells of a region add up to the region.
#}
{%- set cells = var('map_cells_per_degree') %}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': verdict_effects()}
) }}

with impressions as (
    select
        event_date,
        country_code,
        region,
        {{ grid_cell('latitude', cells) }} as latitude_cell,
        {{ grid_cell('longitude', cells) }} as longitude_cell,
        is_invalid
    from {{ ref('fct_impressions') }}
    where {{ affected_dates('event_date') }}
),

clicks as (
    select
        event_date,
        country_code,
        region,
        {{ grid_cell('latitude', cells) }} as latitude_cell,
        {{ grid_cell('longitude', cells) }} as longitude_cell,
        click_class
    from {{ ref('fct_clicks') }}
    where {{ affected_dates('event_date') }}
),

delivery as (
    {{ delivery_counts(
        'impressions', 'clicks', ['country_code', 'region', 'latitude_cell', 'longitude_cell']
    ) }}
),

centred as (
    select
        delivery.event_date,
        delivery.country_code,
        delivery.region,
        delivery.latitude_cell,
        delivery.longitude_cell,
        {{ rate('2 * delivery.latitude_cell + 1', 2 * cells) }} as cell_latitude,
        {{ rate('2 * delivery.longitude_cell + 1', 2 * cells) }} as cell_longitude,
        geographies.latitude as country_latitude,
        geographies.longitude as country_longitude,
        delivery.gross_impression_count,
        delivery.net_impression_count,
        delivery.gross_click_count,
        delivery.net_click_count
    from delivery
    left join {{ ref('dim_geographies') }} as geographies
        on delivery.country_code = geographies.country_code
),

report as (
    select
        {{ hash_to_text(hashdiff([
            'centred.event_date:date', 'centred.country_code', 'centred.region',
            'centred.latitude_cell:integer', 'centred.longitude_cell:integer',
        ])) }} as geography_key,
        centred.event_date,
        centred.country_code,
        centred.region,
        centred.latitude_cell,
        centred.longitude_cell,
        centred.cell_latitude,
        centred.cell_longitude,
        {{ distance_metres(
            'centred.cell_latitude', 'centred.cell_longitude',
            'centred.country_latitude', 'centred.country_longitude'
        ) }} as country_centre_metres,
        centred.gross_impression_count,
        centred.net_impression_count,
        centred.gross_click_count,
        centred.net_click_count,
        {{ rate('centred.net_click_count', 'centred.net_impression_count') }} as ctr_rate
    from centred
)

select * from report
