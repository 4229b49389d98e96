{#
    A text in lower case, letter by letter. BigQuery's `lower` looks at the word for a Greek sigma at its
    end, and makes two characters of the Turkish dotted I; the hash contract was frozen without that.
    There is no upper_text: 'ß' has a capital on one engine and two on another.
#}
{% macro lower_text(text) -%}
    {{ return(adapter.dispatch('lower_text')(text)) }}
{%- endmacro %}

{% macro duckdb__lower_text(text) -%}
    lower({{ text }})
{%- endmacro %}

{% macro bigquery__lower_text(text) -%}
    lower(replace(replace({{ text }}, 'Σ', 'σ'), 'İ', 'i'))
{%- endmacro %}
