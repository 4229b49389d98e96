{# Stops with the model and the macro's complaint in one sentence. #}
{% macro _argument_error(message) %}
    {%- set name = model.name if model is defined and model else this -%}
    {{ exceptions.raise_compiler_error('Model ' ~ name ~ ': ' ~ message) }}
{% endmacro %}


{% macro _require_arguments(macro_name, arguments) %}
    {%- for name, value in arguments.items() -%}
        {%- if not value -%}
            {{ _argument_error(macro_name ~ " needs the argument '" ~ name ~ "'") }}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}


{# Columns given as one name, a list of names, or {name: expression}, as a list of [name, expression]. #}
{% macro _named_columns(columns) %}
    {%- set named = [] -%}
    {%- if columns is string -%}
        {%- do named.append([columns, columns]) -%}
    {%- elif columns is mapping -%}
        {%- for name, expression in columns.items() -%}
            {%- do named.append([name, expression]) -%}
        {%- endfor -%}
    {%- else -%}
        {%- for name in columns or [] -%}
            {%- do named.append([name, name]) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(named) }}
{% endmacro %}


{# Names given as one or as a list, as a list. #}
{% macro _column_names(columns) %}
    {{ return([columns] if columns is string else columns or []) }}
{% endmacro %}


{#
    Sources as a list of {relation, columns, where}. A source is a relation, the name of a CTE, or such
    a mapping itself, whose `columns` say what a column is called there ({name: expression}).
#}
{% macro _sources(macro_name, sources) %}
    {%- set listed = [] -%}
    {%- set given = sources if sources is sequence and sources is not string and sources is not mapping else [sources] -%}
    {%- for source in given -%}
        {%- if source is string or source.identifier is defined -%}
            {%- do listed.append({'relation': source, 'columns': {}, 'where': none}) -%}
        {%- elif source is mapping and source.get('relation') -%}
            {%- do listed.append({
                'relation': source['relation'],
                'columns': source.get('columns', {}),
                'where': source.get('where'),
            }) -%}
        {%- else -%}
            {{ _argument_error(macro_name ~ " takes as source a relation, the name of a CTE, or {relation, columns, where}") }}
        {%- endif -%}
    {%- endfor -%}
    {%- if not listed -%}
        {{ _argument_error(macro_name ~ " needs the argument 'sources'") }}
    {%- endif -%}
    {{ return(listed) }}
{% endmacro %}


{#
    One SELECT per source, UNION ALL, of `columns` ([name, expression]), rows with a null in one of
    `required` (names) left out: a key with a null or empty part gives no row.
#}
{% macro _union_of_sources(macro_name, sources, columns, required) %}
    {%- for source in _sources(macro_name, sources) -%}
    {%- set expressions = {} -%}
    {%- for name, expression in columns -%}
        {%- do expressions.update({name: source['columns'].get(name, expression)}) -%}
    {%- endfor %}
    select
        {%- for name, expression in expressions.items() %}
        {{ expression }}{{ ' as ' ~ name if expression != name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ source['relation'] }}
    where
        {%- for name in required %}
        {{ 'and ' if not loop.first }}{{ expressions[name] }} is not null
        {%- endfor %}
        {%- if source['where'] %}
        and ({{ source['where'] }})
        {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor -%}
{% endmacro %}


{# load_order without the columns that the table carries for another reason, each once. #}
{% macro _extra_order_columns(load_order, present) %}
    {{ return(load_order | reject('in', present) | list) }}
{% endmacro %}
