{#
    The moment, in UTC, at which the hour, day, week (ISO), month, quarter or year of a UTC timestamp
    began in a named time zone (an expression, IANA name). An hour that clocks strike twice is two.
#}
{% macro truncate_in_zone(timestamp, unit, time_zone) -%}
    {%- if unit == 'hour' -%}
        {{ adapter.dispatch('truncate_hour')(timestamp, time_zone) }}
    {%- else -%}
        {{ start_of_date(date_start(date_in_zone(timestamp, time_zone), unit), time_zone) }}
    {%- endif -%}
{%- endmacro %}

{# From local time back to UTC an hour that is struck twice would be one; so the minutes are taken off. #}
{% macro duckdb__truncate_hour(timestamp, time_zone) -%}
    {%- set local = 'timezone(' ~ time_zone ~ ", timezone('UTC', " ~ timestamp ~ '))' -%}
    ({{ timestamp }} - ({{ local }} - date_trunc('hour', {{ local }})))
{%- endmacro %}

{% macro bigquery__truncate_hour(timestamp, time_zone) -%}
    timestamp_trunc({{ timestamp }}, hour, {{ time_zone }})
{%- endmacro %}
