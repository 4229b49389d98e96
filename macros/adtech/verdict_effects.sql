{#
    The date effects of a model that shows net figures by the event's date: those of verdicts
    (bv_impression_verdicts: two clock hours around an event may turn them), and with `clicks` those of
    click classes (bv_click_classes: an impression up to `max_click_age_days` before its click, and
    conversions, which tell of floods of clicks).

    `days_before`, `days_after`: how much further the model looks. `dimensions`: tables of
    `campaigns` that it takes as of the event; their versions may come `late_dimension_days` late.
#}
{% macro verdict_effects(clicks=true, days_before=0, days_after=0, dimensions=[]) %}
    {%- set age = var('max_click_age_days') if clicks else 0 -%}
    {%- set click_age = age + 1 + days_after -%}
    {%- set effects = [
        {'input': 'ad_events.events', 'days_before': 2 + days_before, 'days_after': age + 2 + days_after},
        {'input': 'adserver.impressions', 'days_before': 1 + days_before, 'days_after': click_age},
        {'input': 'adserver.clicks', 'days_before': 1 + days_before, 'days_after': click_age},
    ] -%}
    {%- if clicks -%}
        {%- do effects.append({
            'input': 'adserver.conversions', 'days_before': 1 + days_before, 'days_after': days_after
        }) -%}
    {%- endif -%}
    {%- for table in dimensions -%}
        {%- do effects.append({
            'input': 'campaigns.' ~ table,
            'by': 'effective_from',
            'days_before': var('late_dimension_days') + days_before,
        }) -%}
    {%- endfor -%}
    {{ return(effects) }}
{% endmacro %}
