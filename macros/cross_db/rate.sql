{# A rate of two counts or sums: decimal(38, 9), rounded half away from zero; null over 0. #}
{% macro rate(numerator, denominator) -%}
    {{ divide_rounded(numerator, denominator) }}
{%- endmacro %}
