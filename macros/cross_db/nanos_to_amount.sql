{# Nano-units of a currency (a CPM's micro-units per impression) as decimal(38, 9), exactly. #}
{% macro nanos_to_amount(nanos) -%}
    {{ scaled_amount(nanos, 9) }}
{%- endmacro %}
