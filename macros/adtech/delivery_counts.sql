{#
    Gross and net impressions and clicks of the model's affected dates by event_date and other columns
    that both facts have: gross_impression_count, net_impression_count, gross_click_count (orphans have
    no columns, and are left out), net_click_count.

        delivery as ({{ delivery_counts(
            ref('fct_impressions'), ref('fct_clicks'), ['event_hour', 'line_item_key']) }})
#}
{% macro delivery_counts(impressions, clicks, dimensions) -%}
    {%- set columns = dimensions | join(', ') -%}
    select
        event_date,
        {{ columns }},
        cast(sum(is_impression) as bigint) as gross_impression_count,
        cast(sum(is_net_impression) as bigint) as net_impression_count,
        cast(sum(is_click) as bigint) as gross_click_count,
        cast(sum(is_net_click) as bigint) as net_click_count
    from (
        select
            event_date,
            {{ columns }},
            1 as is_impression,
            case when is_invalid then 0 else 1 end as is_net_impression,
            0 as is_click,
            0 as is_net_click
        from {{ impressions }}
        where {{ affected_dates('event_date') }}
        union all
        select
            event_date,
            {{ columns }},
            0 as is_impression,
            0 as is_net_impression,
            1 as is_click,
            case when click_class = 'net' then 1 else 0 end as is_net_click
        from {{ clicks }}
        where
            {{ affected_dates('event_date') }}
            and click_class <> 'orphan'
    ) as deliveries
    group by event_date, {{ columns }}
{%- endmacro %}
