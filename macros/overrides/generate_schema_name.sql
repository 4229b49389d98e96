{#
    A model's custom schema is its schema: every environment has a database of its own. Where several
    warehouses share a BigQuery project, each has a prefix.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ env_var('ADX_BIGQUERY_DATASET_PREFIX', '') }}{{ (custom_schema_name or 'main') | trim }}
{%- endmacro %}
