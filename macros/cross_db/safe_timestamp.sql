{#
    A text as a timestamp in UTC; null where it is not RFC 3339 with an offset (`2026-03-09T12:00:00Z`,
    `2026-03-09T12:00:00.123456+02:00`), of the years 1000 to 2999. The guard keeps out what one engine
    takes and another does not: a second of 60, an hour of 24, an offset over 14 hours.
#}
{% macro safe_timestamp(text) -%}
    {%- set date = '[12][0-9]{3}-[0-9]{2}-[0-9]{2}' -%}
    {%- set time = '([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?' -%}
    {%- set offset = '(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)' -%}
    case
        when {{ matches_pattern(text, '^' ~ date ~ 'T' ~ time ~ offset ~ '$') }}
            then {{ adapter.dispatch('safe_timestamp')(text) }}
    end
{%- endmacro %}

{% macro duckdb__safe_timestamp(text) -%}
    timezone('UTC', try_cast({{ text }} as timestamptz))
{%- endmacro %}

{% macro bigquery__safe_timestamp(text) -%}
    safe_cast({{ text }} as timestamp)
{%- endmacro %}
