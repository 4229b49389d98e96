{#
    The integer square root of an integer, downwards: the largest integer whose square is at most `x`
    (of 8 it is 2); null below 0. `x` is at most 9,000,000,000,000,000,000, so that no square overflows.

    A root in double precision is right to a part in 2^53 and here wrong by one at most, at either side;
    integers then say which of the three it is, so that no engine's last digit matters. To have the root
    of a decimal with n decimals, take that of its count of 10^-2n: the root is in 10^-n, by less than
    one of which it is too small.
#}
{% macro integer_root(x) -%}
    {%- set guess = 'cast(floor(sqrt(abs(cast(' ~ x ~ ' as bigint)))) as bigint)' -%}
    case
        when ({{ x }}) < 0 then null
        when {{ guess }} * {{ guess }} > ({{ x }}) then {{ guess }} - 1
        when ({{ guess }} + 1) * ({{ guess }} + 1) <= ({{ x }}) then {{ guess }} + 1
        else {{ guess }}
    end
{%- endmacro %}
