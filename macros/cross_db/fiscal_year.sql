{#
    The fiscal year of a date, named after the calendar year in which it ends: from April 2026 on it is
    2027 where `start_month` is 4. Where it begins in January it is the calendar year.
#}
{% macro fiscal_year(date, start_month) -%}
    {%- if start_month not in range(1, 13) -%}
        {{ _argument_error('fiscal_year: start_month is 1 to 12') }}
    {%- endif -%}
    {%- if start_month == 1 -%}
    cast(extract(year from {{ date }}) as bigint)
    {%- else -%}
    (
        cast(extract(year from {{ date }}) as bigint)
        + case when extract(month from {{ date }}) >= {{ start_month }} then 1 else 0 end
    )
    {%- endif -%}
{%- endmacro %}
