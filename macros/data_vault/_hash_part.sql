{# Column specifications, as {column, type, case}. #}
{% macro _hash_columns(macro_name, columns) %}
    {%- set specified = [] -%}
    {%- for column in ([columns] if columns is string or columns is mapping else columns) -%}
        {%- if column is mapping -%}
            {%- do specified.append({
                'column': column['column'],
                'type': column.get('type', 'text'),
                'case': column.get('case', 'keep'),
            }) -%}
        {%- else -%}
            {%- set words = column.split(':') -%}
            {%- do specified.append({
                'column': words[0],
                'type': words[1] if words | length > 1 else 'text',
                'case': words[2] if words | length > 2 else 'keep',
            }) -%}
        {%- endif -%}
        {%- if specified[-1]['case'] not in ('keep', 'lower') -%}
            {{ _argument_error(macro_name ~ ": the case of '" ~ specified[-1]['column'] ~ "' is keep or lower") }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(specified) }}
{% endmacro %}


{#
    The text of one part. Only text can hold the delimiter `|` or the escape `^`; both are escaped,
    so that two different lists of parts never give the same text.
#}
{% macro _hash_part(column, empty_is_null) -%}
    {%- if column['type'] != 'text' -%}
        {{ text_of(column['column'], column['type']) }}
    {%- else -%}
        {%- set trimmed = trim_space(column['column']) -%}
        {%- set cased = lower_text(trimmed) if column['case'] == 'lower' else trimmed -%}
        {%- set known = 'nullif(' ~ cased ~ ", '')" if empty_is_null else cased -%}
        replace(replace({{ known }}, '^', '^^'), '|', '^|')
    {%- endif -%}
{%- endmacro %}
