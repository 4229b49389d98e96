{# What is said of every statement: the build and the node that it is for. #}
{% macro query_comment(node) %}
    {%- set comment = {'app': 'advertisex', 'target': target.name} -%}
    {%- set build = env_var('ADX_BUILD_ID', '') -%}
    {%- if build -%}
        {%- do comment.update(build_id=build) -%}
    {%- endif -%}
    {%- if node is not none -%}
        {%- do comment.update(node_id=node.unique_id, model=node.name) -%}
    {%- endif -%}
    {{ return(tojson(comment)) }}
{% endmacro %}
