{#
    A date moved by a number of months (an expression, may be negative); the last day of a shorter
    month where the day does not exist there: 31 January plus one month is the end of February.
#}
{% macro add_months(date, months) -%}
    {{ return(adapter.dispatch('add_months')(date, months)) }}
{%- endmacro %}

{% macro duckdb__add_months(date, months) -%}
    cast({{ date }} + to_months(cast({{ months }} as integer)) as date)
{%- endmacro %}

{% macro bigquery__add_months(date, months) -%}
    date_add({{ date }}, interval {{ months }} month)
{%- endmacro %}
