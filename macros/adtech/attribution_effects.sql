{#
    The date effects of a model with a row per touch or credit of a conversion, by the conversion's date:
    those of verdicts and click classes (verdict_effects), and as many days more as a window reaches
    over: `max_click_window_days`, or those of `max_view_window_hours`.

    `clicks`: whether the model knows clicks, whose effects are the widest. `widen_to`: `month` where one
    conversion more changes what all conversions of its month are credited with. `days_beyond`: days
    either side of that, where the model's own date may be another one (time zones).
#}
{% macro attribution_effects(clicks=true, widen_to=none, days_beyond=0) %}
    {%- set ahead = var('max_click_window_days') if clicks else (var('max_view_window_hours') + 23) // 24 -%}
    {%- set effects = verdict_effects(clicks=clicks, days_after=ahead, dimensions=['line_items', 'campaigns']) -%}
    {%- if not clicks -%}
        {%- do effects.append({'input': 'adserver.conversions'}) -%}
    {%- endif -%}
    {%- for effect in effects if widen_to -%}
        {%- do effect.update({'widen_to': widen_to, 'days_beyond': days_beyond}) -%}
    {%- endfor -%}
    {{ return(effects) }}
{% endmacro %}
