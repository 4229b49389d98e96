-- Every chain, over all dates: each value is the one before it and its difference, and no figure of
-- a table differs from what the causes before it explain.
with steps as (
    select
        number_name,
        part_name,
        number_date,
        step_number,
        step_name,
        step_type,
        value,
        difference_to_previous,
        lag(value) over (
            partition by number_name, part_name, number_date
            order by step_number
        ) as previous_value
    from {{ ref('rpt_number_chain') }}
)

select *
from steps
where
    value <> coalesce(previous_value, 0) + difference_to_previous
    or (step_type = 'figure' and difference_to_previous <> 0)
