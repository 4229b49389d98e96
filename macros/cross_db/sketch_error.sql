{#
    The relative standard error of estimates from sketches of a size, 1 / sqrt(size - 2): 3.1 % of 1024.
    Two of three estimates are nearer to the truth, 95 of 100 within twice that.
#}
{% macro sketch_error(size=1024) -%}
    cast('{{ '%.9f' | format((size - 2) ** -0.5) }}' as numeric(38, 9))
{%- endmacro %}
