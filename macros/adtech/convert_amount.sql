{#
    One step of a currency conversion: `operation` (an expression) is none, multiply or divide.
    Rounded half away from zero to nine decimals; null without an operation, because a missing rate is
    never 1.
#}
{% macro convert_amount(amount, operation, rate) -%}
    case {{ operation }}
        when 'none' then {{ amount }}
        when 'multiply' then {{ multiply_rounded(amount, rate) }}
        when 'divide' then {{ divide_rounded(amount, rate) }}
    end
{%- endmacro %}
