{#
    The date effects of a model with a row per touch or credit of a conversion, by the conversion's date.
    A click is what it is by what came a day before to `max_click_age_days` + 1 after its impression, and
    then leads to conversions for up to `max_click_window_days`; an impression for as many days as
    `max_view_window_hours` reach over.

    `clicks`: whether the model knows clicks, whose effects are the widest. `widen_to`: `month` where one
    conversion more changes what all conversions of its month are credited with.
#}
{% macro attribution_effects(clicks=true, widen_to=none) %}
    {%- set ahead = var('max_click_window_days') if clicks else (var('max_view_window_hours') + 23) // 24 -%}
    {%- set age = var('max_click_age_days') if clicks else 0 -%}
    {%- set effects = [
        {'input': 'adserver.conversions'},
        {'input': 'ad_events.events', 'days_before': 1, 'days_after': age + 1 + ahead},
        {'input': 'adserver.impressions', 'days_after': age + ahead},
    ] -%}
    {%- if clicks -%}
        {%- do effects.append({'input': 'adserver.clicks', 'days_after': 1 + ahead}) -%}
    {%- endif -%}
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
