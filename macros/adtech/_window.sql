{#
    The window of this build as `adx` hands it over, or none: not while parsing (a changed window must
    not re-parse the project), not without a pin, and not in a unit test, which judges code and not what
    is new. Nothing else reads ADX_WINDOW.

    {"pin": 3, "previous_pin": 2, "again": null, "is_first_of_day": false,
     "tables": {"ad_events.events": {
        "from_seq": 4, "to_seq": 9, "touched_dates": ["2026-03-28"], "min_effective_date": null}}}

    `again`: first and last event date that are to be built again, though nothing of them is new.
    `is_first_of_day`: the pin is of a later UTC day than the previous one.
#}
{% macro _window() %}
    {%- set is_unit_test = model is defined and model.resource_type == 'unit_test' -%}
    {%- set text = env_var('ADX_WINDOW', '') if execute and not is_unit_test else '' -%}
    {{ return(fromjson(text) if text else none) }}
{% endmacro %}


{# The window of one raw table, by `<source>.<table>`. #}
{% macro _window_of(input) %}
    {%- set tables = _window()['tables'] -%}
    {%- if input not in tables -%}
        {{ _argument_error("the window of this build has no table '" ~ input ~ "'; it has "
            ~ tables.keys() | sort | join(', ')) }}
    {%- endif -%}
    {{ return(tables[input]) }}
{% endmacro %}
