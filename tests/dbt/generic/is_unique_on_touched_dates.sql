{#
    A key of an event table is unique and not null on the dates that this build's new rows touch, and
    one day either side: the check costs what is new, not what is stored. Over all dates:
    assert_event_keys_are_unique. `together_with` names the further columns of a composite key.
#}
{% test is_unique_on_touched_dates(model, column_name, inputs, together_with=[]) %}
{%- set key = ([column_name] + together_with) | join(', ') %}
select
    {{ key }},
    count(*) as row_count
from {{ model }}
where {{ touched_dates(inputs, days_before=1, days_after=1) }}
group by {{ key }}
having count(*) > 1 or {{ column_name }} is null
{% endtest %}
