{#
    A literal predicate on a date column: where an earlier delivery of this build's new keys is looked
    for, `id_conflict_lookback_days` before and after the new rows' own dates. Only the keys of the
    window are looked up there, by their hash. What lies further away is found once a day
    (`proved_dates`), and stops the build (docs/decisions/adr-0014-ids-that-come-again.md).
#}
{% macro conflict_dates(input, column='event_date') %}
    {%- set days = var('id_conflict_lookback_days') -%}
    {{ return(touched_dates(input, column, days_before=days, days_after=days)) }}
{% endmacro %}
