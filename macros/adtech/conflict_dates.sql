{#
    A literal predicate on a date column: where an earlier delivery of this build's new keys is looked
    for, `id_conflict_lookback_days` before and after the new rows' own dates. Only the keys of the
    window are looked up there, by their hash; an earlier delivery further away is not found, and stops
    the build in `assert_event_keys_are_unique`. Where reading is billed an environment looks less far:
    ADX_ID_CONFLICT_DAYS.
#}
{% macro conflict_dates(input, column='event_date') %}
    {%- set days = env_var('ADX_ID_CONFLICT_DAYS', '') if execute else '' -%}
    {%- set days = (days or var('id_conflict_lookback_days')) | int -%}
    {{ return(touched_dates(input, column, days_before=days, days_after=days)) }}
{% endmacro %}
