with reasons as (
    select
        reason_code,
        invalid_traffic_type,
        precedence,
        rule_version,
        reason_name
    from {{ ref('invalid_traffic_reasons') }}
)

select * from reasons
