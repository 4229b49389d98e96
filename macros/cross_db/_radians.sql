{# Degrees as radians, in double precision: BigQuery would make a decimal of a decimal by a literal. #}
{% macro _radians(degrees) -%}
    {{ return(adapter.dispatch('_radians')(degrees)) }}
{%- endmacro %}

{% macro duckdb___radians(degrees) -%}
    cast({{ degrees }} as double) * 1.7453292519943295e-2
{%- endmacro %}

{% macro bigquery___radians(degrees) -%}
    cast({{ degrees }} as float64) * 1.7453292519943295e-2
{%- endmacro %}
