{#
    A share of a whole number that is split by quotas, so that the shares sum to it: the floor of the
    quota, and one more where the remainder is among the largest.

        {{ largest_remainder('floors', 'rests', '1000000', 'conversion_hk', 'touch_number') }}

    `floors` and `rests` are the integer quotient and remainder of the quota, over one divisor for all
    of a partition; `total` is what the shares sum to; of equal remainders the first in `order_by`,
    which must be total within the partition, comes first. Null where the floor is.
#}
{% macro largest_remainder(floors, rests, total, partition_by, order_by) -%}
    (
        {{ floors }}
        + case
            when row_number() over (partition by {{ partition_by }} order by {{ rests }} desc, {{ order_by }})
                <= {{ total }} - sum({{ floors }}) over (partition by {{ partition_by }}) then 1
            else 0
        end
    )
{%- endmacro %}
