{#
    A scalar of a JSON document as text; null where the document is malformed, the path leads nowhere,
    or the value has another type. Both engines' own readers are lax: BigQuery's takes the first part
    of a broken document, DuckDB's gives an object as its text.
#}
{% macro _json_scalar(json, path, type) -%}
    {{ return(adapter.dispatch('_json_scalar')(json, path, type)) }}
{%- endmacro %}

{# DuckDB's parser takes a comma before a closing bracket, NaN and Infinity, which JSON does not know. #}
{% macro duckdb___json_scalar(json, path, type) -%}
    {%- set kinds = {
        'text': "= 'VARCHAR'", 'integer': "in ('BIGINT', 'UBIGINT')", 'boolean': "= 'BOOLEAN'"
    } -%}
    {%- set without_texts = "regexp_replace(" ~ json ~ ", '\"(\\\\.|[^\"\\\\])*\"', '', 'g')" -%}
    case
        when json_type(try_cast({{ json }} as json), '{{ path }}') {{ kinds[type] }}
            and not regexp_matches({{ without_texts }}, ',\s*[]}]|(?i)nan|inf')
            then json_extract_string({{ json }}, '{{ path }}')
    end
{%- endmacro %}

{% macro bigquery___json_scalar(json, path, type) -%}
    {%- set kinds = {'text': 'string', 'integer': 'number', 'boolean': 'boolean'} -%}
    {%- set parsed = 'safe.parse_json(' ~ json ~ ')' -%}
    {%- set value = 'json_value(' ~ parsed ~ ", '" ~ path ~ "')" -%}
    case
        when json_type(json_query({{ parsed }}, '{{ path }}')) = '{{ kinds[type] }}'
            {%- if type == 'integer' %}
            and {{ matches_pattern(value, '^-?[0-9]+$') }}
            {%- endif %}
            then {{ value }}
    end
{%- endmacro %}
