{#
    The moment, in UTC, at which a date begins in a named time zone (an expression, IANA name). Where
    clocks skip midnight that is the end of the gap, where they strike it twice the first time.
#}
{% macro start_of_date(date, time_zone) -%}
    {{ return(adapter.dispatch('start_of_date')(date, time_zone)) }}
{%- endmacro %}

{# DuckDB takes the second of two midnights, an hour late. #}
{% macro duckdb__start_of_date(date, time_zone) -%}
    {%- set midnight = 'cast(' ~ date ~ ' as timestamp)' -%}
    {%- set moment = 'timezone(' ~ time_zone ~ ', ' ~ midnight ~ ')' -%}
    timezone('UTC', case
        when timezone({{ time_zone }}, {{ moment }} - interval 1 hour) = {{ midnight }}
            then {{ moment }} - interval 1 hour
        else {{ moment }}
    end)
{%- endmacro %}

{% macro bigquery__start_of_date(date, time_zone) -%}
    timestamp({{ date }}, {{ time_zone }})
{%- endmacro %}
