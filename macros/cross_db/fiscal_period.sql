{#
    The number of a date's month in the fiscal year, 1 to 12; `start_month` (a plain number, 1 to 12) is
    the month that the fiscal year begins with.
#}
{% macro fiscal_period(date, start_month) -%}
    {%- if start_month not in range(1, 13) -%}
        {{ _argument_error('fiscal_period: start_month is 1 to 12') }}
    {%- endif -%}
    (mod(cast(extract(month from {{ date }}) as bigint) + {{ 12 - start_month }}, 12) + 1)
{%- endmacro %}
