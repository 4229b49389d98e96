{# A struct of {member: expression}. #}
{% macro struct_of(members) -%}
    {{ return(adapter.dispatch('struct_of')(members)) }}
{%- endmacro %}

{% macro duckdb__struct_of(members) -%}
    struct_pack({% for name, value in members.items() %}{{ name }} := {{ value }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{% macro bigquery__struct_of(members) -%}
    struct({% for name, value in members.items() %}{{ value }} as {{ name }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}
