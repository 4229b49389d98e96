{#
    A literal predicate on a date column: the event dates that this build's new rows of `inputs`
    (`<source>.<table>`, one or a list) lie on, widened by some days either side.
    `true` without a pin and in a rebuild, `false` when nothing is new.
#}
{% macro touched_dates(inputs, column='event_date', days_before=0, days_after=0) %}
    {%- set effects = [] -%}
    {%- for input in ([inputs] if inputs is string else inputs) -%}
        {%- do effects.append({'input': input, 'by': 'event_date'}) -%}
    {%- endfor -%}
    {{ return(_dates_predicate(column, effects, days_before, days_after)) }}
{% endmacro %}
