{#
    An amount in the base currency, by the row of bv_fx_rates_by_date that `rates` names: its one or two
    steps, each rounded half away from zero to nine decimals. Null where no rate is known, because a
    missing rate is never 1; nothing is nothing in every currency.
#}
{% macro base_amount(amount, rates) -%}
    cast(
        case
            when {{ amount }} = 0 then cast(0 as numeric(38, 9))
            else {{ convert_amount(
                convert_amount(amount, rates ~ '.first_operation', rates ~ '.first_rate'),
                rates ~ '.second_operation',
                rates ~ '.second_rate'
            ) }}
        end as numeric(38, 9)
    )
{%- endmacro %}
