{#
    dbt's own test asks the database whether the table exists. The offline compile gate has no
    database, so it says itself which of the two forms it wants: ADX_COMPILE_AS = full | incremental.
#}
{% macro is_incremental() %}
    {%- set compile_as = env_var('ADX_COMPILE_AS', '') if execute else '' -%}
    {%- if compile_as -%}
        {{ return(compile_as == 'incremental' and model.config.materialized == 'incremental') }}
    {%- endif -%}
    {{ return(dbt.is_incremental()) }}
{% endmacro %}
