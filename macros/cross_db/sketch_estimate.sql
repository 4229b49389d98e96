{#
    An aggregate over the rows of a sketch: how many distinct things it saw. Exact below `size`;
    otherwise (size - 1) / the largest value as a fraction of all, which is unbiased, with the
    relative standard error `sketch_error(size)` (Beyer et al., SIGMOD 2007).
#}
{% macro sketch_estimate(value='sketch_value', size=1024) -%}
    {%- if size < 3 -%}
        {{ _argument_error('sketch_estimate: size is 3 or more') }}
    {%- endif -%}
    case
        when count({{ value }}) < {{ size }} then count({{ value }})
        else cast(round({{ (size - 1) * 2 ** 60 }}e0 / nullif(max({{ value }}), 0)) as bigint)
    end
{%- endmacro %}
