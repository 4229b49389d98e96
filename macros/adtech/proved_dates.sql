{#
    A literal predicate on a date column, for a data test that must hold over all dates: the dates that
    `conflict_dates` looks at, and once a day all of them. The first build whose pin is of another UTC
    day than that of the build before it is the one; so is every build that has no window, or that
    is made from nothing. A proof that fails keeps the build from being published, so the
    next one continues the same build and proves all dates again.
#}
{% macro proved_dates(inputs, column='event_date') %}
    {%- set window = _window() -%}
    {%- if not window or window.get('is_first_of_day', true) -%}
        {{ return('true') }}
    {%- endif -%}
    {{ return(conflict_dates(inputs, column)) }}
{% endmacro %}
