{#
    A foreign key of an event table, where it is filled, is found in a dimension: looked at on the dates
    that this build's new rows touch. Where `to` is an event table itself, `days_apart` says how far its
    rows may lie from those dates.
#}
{% test is_known_on_touched_dates(model, column_name, inputs, to, field, days_apart=none) %}
select facts.{{ column_name }}
from {{ model }} as facts
where
    {{ touched_dates(inputs, 'facts.event_date') }}
    and facts.{{ column_name }} is not null
    and facts.{{ column_name }} not in (
        select known.{{ field }}
        from {{ to }} as known
        where
            known.{{ field }} is not null
            {%- if days_apart is not none %}
            and {{ touched_dates(
                inputs, 'known.event_date', days_before=days_apart, days_after=days_apart
            ) }}
            {%- endif %}
    )
{% endtest %}
