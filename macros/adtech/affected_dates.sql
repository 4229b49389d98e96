{#
    A literal predicate on a date column: the output dates of this model that this build's new rows
    can change. The model declares them per input, once:

        config(meta={'date_effects': [
            {'input': 'adserver.clicks', 'days_before': 30},
            {'input': 'campaigns.line_items', 'by': 'effective_from'},
        ]})

    A new row of the input changes the dates from `days_before` before to `days_after` after
    - by: event_date (default)   its own event date,
    - by: effective_from         the earliest effective date of the new rows, and all dates after it,
    - by: any                    (no date: every output date is affected).
    With `widen_to: month`, whole months are affected: for what is fitted by month; with `days_beyond`,
    so many days either side of them, too: for dates in other time zones.

    `days_before` and `days_after` of this macro widen the result, for inputs that are read beyond the
    output's own dates. `true` without a pin, in a rebuild, and while the table does not exist yet.
#}
{% macro affected_dates(column='event_date', days_before=0, days_after=0) %}
    {%- if not execute or not is_incremental() -%}
        {{ return('true') }}
    {%- endif -%}
    {%- set effects = model['config']['meta'].get('date_effects') -%}
    {%- if effects is none -%}
        {{ _argument_error("affected_dates needs config(meta={'date_effects': [...]})") }}
    {%- endif -%}
    {{ return(_dates_predicate(column, effects, days_before, days_after)) }}
{% endmacro %}
