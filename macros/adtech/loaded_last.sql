{#
    The row of each key that was loaded last, as it stands: by load order, whatever times it names.

        versions as ({{ loaded_last(
            ref('masat_user__campaigns'), ['user_hk', 'account_hk'], ['is_deleted']) }})
#}
{% macro loaded_last(relation, keys, columns) -%}
    select
        {{ (keys + columns) | join(',\n        ') }}
    from {{ relation }}
    qualify row_number() over (
        partition by {{ keys | join(', ') }}
        order by
            load_pin desc,
            source_rank desc,
            ingest_seq desc,
            position_major desc,
            position_minor desc
    ) = 1
{%- endmacro %}
