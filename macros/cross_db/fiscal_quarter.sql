{# The quarter of a date in the fiscal year that begins with `start_month`, 1 to 4. #}
{% macro fiscal_quarter(date, start_month) -%}
    ({{ divide_truncated(fiscal_period(date, start_month) ~ ' - 1', '3') }} + 1)
{%- endmacro %}
