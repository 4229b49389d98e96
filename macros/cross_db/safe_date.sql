{# A text as a date; null where it is not `2026-03-09`, a day of the calendar from the year 1000 on. #}
{% macro safe_date(text) -%}
    case
        when {{ matches_pattern(text, '^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}$') }}
            then {{ _safe_cast(text, 'date') }}
    end
{%- endmacro %}
