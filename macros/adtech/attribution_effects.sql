{#
    The date effects of a model with a row per touch or credit of a conversion, by the conversion's date:
    those of verdicts (bv_impression_verdicts, bv_click_classes), and as many days more as a window
    reaches over: `max_click_window_days`, or those of `max_view_window_hours`. A conversion tells of
    floods of clicks, and so of other conversions.

    `clicks`: whether the model knows clicks, whose effects are the widest. `widen_to`: `month` where one
    conversion more changes what all conversions of its month are credited with.
#}
{% macro attribution_effects(clicks=true, widen_to=none) %}
    {%- set ahead = var('max_click_window_days') if clicks else (var('max_view_window_hours') + 23) // 24 -%}
    {%- set age = var('max_click_age_days') if clicks else 0 -%}
    {%- set effects = [
        {'input': 'ad_events.events', 'days_before': 2, 'days_after': age + 2 + ahead},
        {'input': 'adserver.impressions', 'days_before': 1, 'days_after': age + 1 + ahead},
        {'input': 'adserver.clicks', 'days_before': 1, 'days_after': age + 1 + ahead},
        {'input': 'adserver.conversions',
         'days_before': 1 if clicks else 0, 'days_after': ahead if clicks else 0},
    ] -%}
    {%- for table in ('line_items', 'campaigns') -%}
        {%- do effects.append({
            'input': 'campaigns.' ~ table,
            'by': 'effective_from',
            'days_before': var('late_dimension_days'),
        }) -%}
    {%- endfor -%}
    {%- for effect in effects if widen_to -%}
        {%- do effect.update({'widen_to': widen_to}) -%}
    {%- endfor -%}
    {{ return(effects) }}
{% endmacro %}
