{#
    A foreign key of an event table, where it is filled, is found in a dimension: looked at on the dates
    that this build's new rows touch.
#}
{% test is_known_on_touched_dates(model, column_name, inputs, to, field) %}
select facts.{{ column_name }}
from {{ model }} as facts
where
    {{ touched_dates(inputs, 'facts.event_date') }}
    and facts.{{ column_name }} is not null
    and facts.{{ column_name }} not in (
        select dimension.{{ field }} from {{ to }} as dimension where dimension.{{ field }} is not null
    )
{% endtest %}
