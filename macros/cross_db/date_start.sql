{# The first date of the week (ISO, Monday), month, quarter or year of a date. #}
{% macro date_start(date, unit) -%}
    {%- if unit not in ('day', 'week', 'month', 'quarter', 'year') -%}
        {{ _argument_error("date_start: unit is day, week, month, quarter or year, not '" ~ unit ~ "'") }}
    {%- endif -%}
    {{ return(adapter.dispatch('date_start')(date, unit)) }}
{%- endmacro %}

{% macro duckdb__date_start(date, unit) -%}
    cast(date_trunc('{{ unit }}', {{ date }}) as date)
{%- endmacro %}

{#
    Its `isoweek` is Monday, too, but the emulator does not know it; and of a date the emulator makes a
    time where it is truncated.
#}
{% macro bigquery__date_start(date, unit) -%}
    {%- if unit == 'week' -%}
        {{ add_days(date, '1 - ' ~ iso_weekday(date)) }}
    {%- else -%}
        cast(date_trunc({{ date }}, {{ unit }}) as date)
    {%- endif -%}
{%- endmacro %}
