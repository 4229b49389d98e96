{#
    The one text form of a value, the same on every engine; null stays null.
    `type`: text, integer, decimal (nine decimals), timestamp (UTC, microseconds), date, boolean.
#}
{% macro text_of(expression, type='text') -%}
    {%- if type == 'text' -%}
        {{ expression }}
    {%- elif type in ('integer', 'date', 'boolean') -%}
        cast({{ expression }} as string)
    {%- elif type == 'decimal' -%}
        {{ adapter.dispatch('decimal_text')(expression) }}
    {%- elif type == 'timestamp' -%}
        {{ adapter.dispatch('timestamp_text')(expression) }}
    {%- else -%}
        {{ _argument_error("text_of: unknown type '" ~ type ~ "'") }}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__decimal_text(expression) -%}
    cast(cast({{ expression }} as decimal(38, 9)) as string)
{%- endmacro %}

{# A plain cast would drop trailing zeros. #}
{% macro bigquery__decimal_text(expression) -%}
    format('%.9f', cast({{ expression }} as numeric(38, 9)))
{%- endmacro %}

{% macro duckdb__timestamp_text(expression) -%}
    strftime({{ expression }}, '%Y-%m-%dT%H:%M:%S.%fZ')
{%- endmacro %}

{% macro bigquery__timestamp_text(expression) -%}
    format_timestamp('%Y-%m-%dT%H:%M:%E6SZ', {{ expression }}, 'UTC')
{%- endmacro %}
