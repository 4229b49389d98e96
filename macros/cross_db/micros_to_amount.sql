{# Micro-units of a currency as decimal(38, 9), exactly. #}
{% macro micros_to_amount(micros) -%}
    {{ scaled_amount(micros, 6) }}
{%- endmacro %}
