{#
    The history of a dimension from a satellite, computed anew each time, so that a rebuild and a
    series of increments give the same rows. One row per version, with the columns

    - `<hash_key>`, `business_key`,
    - `valid_from` (included), `valid_to` (excluded; 9999-12-31 for the current version),
    - `as_of_from`: like `valid_from`, but the first version reaches back to 1900-01-01, because an
      event before the earliest version takes the earliest,
    - `is_current`, `is_deleted`,
    - `is_inferred`: events or other tables refer to the key, but its source has not delivered it,
    - the attributes; a deletion keeps those of the version before it.

    Two versions from the same time: the one loaded last. A deletion is found by a poll, whose clock
    need not agree with the source's: it never comes before a version that was loaded before it.
#}
{% macro dimension_versions(hub, satellite, hash_key, business_key, attributes) %}
{%- set load_order = 'satellite.load_pin, satellite.source_rank, satellite.ingest_seq, '
    ~ 'satellite.position_major, satellite.position_minor' -%}
with dated as (
    select
        satellite.*,
        case
            when satellite.is_deleted then greatest(
                satellite.effective_from,
                coalesce(
                    max(case when not satellite.is_deleted then satellite.effective_from end) over (
                        partition by satellite.{{ hash_key }}
                        order by {{ load_order }}
                        rows between unbounded preceding and current row
                    ),
                    satellite.effective_from
                )
            )
            else satellite.effective_from
        end as valid_from
    from {{ satellite }} as satellite
),

distinct_versions as (
    select *
    from dated as satellite
    qualify row_number() over (
        partition by satellite.{{ hash_key }}, satellite.valid_from, satellite.is_deleted
        order by
            satellite.load_pin desc,
            satellite.source_rank desc,
            satellite.ingest_seq desc,
            satellite.position_major desc,
            satellite.position_minor desc
    ) = 1
),

numbered as (
    select
        distinct_versions.*,
        row_number() over (
            partition by distinct_versions.{{ hash_key }}
            order by distinct_versions.valid_from, distinct_versions.is_deleted
        ) as version_number,
        lead(distinct_versions.valid_from) over (
            partition by distinct_versions.{{ hash_key }}
            order by distinct_versions.valid_from, distinct_versions.is_deleted
        ) as next_valid_from,
        sum(case when distinct_versions.is_deleted then 0 else 1 end) over (
            partition by distinct_versions.{{ hash_key }}
            order by distinct_versions.valid_from, distinct_versions.is_deleted
            rows between unbounded preceding and current row
        ) as live_version_number
    from distinct_versions
),

described as (
    select
        numbered.{{ hash_key }},
        numbered.version_number,
        numbered.valid_from,
        numbered.next_valid_from,
        numbered.is_deleted,
        {%- for attribute in attributes %}
        first_value(numbered.{{ attribute }}) over (
            partition by numbered.{{ hash_key }}, numbered.live_version_number
            order by numbered.valid_from, numbered.is_deleted
            rows between unbounded preceding and unbounded following
        ) as {{ attribute }}{{ ',' if not loop.last }}
        {%- endfor %}
    from numbered
)

select
    hub.{{ hash_key }},
    hub.{{ business_key }} as business_key,
    coalesce(described.valid_from, timestamp '1900-01-01 00:00:00') as valid_from,
    coalesce(described.next_valid_from, timestamp '9999-12-31 00:00:00') as valid_to,
    case
        when described.version_number > 1 then described.valid_from
        else timestamp '1900-01-01 00:00:00'
    end as as_of_from,
    described.next_valid_from is null as is_current,
    coalesce(described.is_deleted, false) as is_deleted,
    described.{{ hash_key }} is null as is_inferred,
    {%- for attribute in attributes %}
    described.{{ attribute }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ hub }} as hub
left join described on hub.{{ hash_key }} = described.{{ hash_key }}
{% endmacro %}
