{# The integer quotient of two integers, downwards (`-7` by `2` is `-4`); null over 0. #}
{% macro divide_floor(dividend, divisor) -%}
    (
        {{ divide_truncated(dividend, divisor) }}
        - case
            when (({{ dividend }}) < 0) <> (({{ divisor }}) < 0)
                and mod({{ dividend }}, nullif({{ divisor }}, 0)) <> 0 then 1
            else 0
        end
    )
{%- endmacro %}
