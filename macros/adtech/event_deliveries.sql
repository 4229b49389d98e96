{#
    The event tables whose deliveries are counted: per staging model its event link, its key, and what
    the balance calls it. The one list of them.
#}
{% macro event_deliveries() %}
    {{ return([
        {'staging': 'stg_ad_events__impressions', 'link': 'nhl_impression__ad_events',
         'key': 'impression', 'input': 'ad_events.events'},
        {'staging': 'stg_ad_events__clicks', 'link': 'nhl_click__ad_events',
         'key': 'click', 'input': 'ad_events.events'},
        {'staging': 'stg_ad_events__viewability', 'link': 'nhl_viewability__ad_events',
         'key': 'viewability', 'input': 'ad_events.events'},
        {'staging': 'stg_ad_events__video_events', 'link': 'nhl_video_event__ad_events',
         'key': 'video_event', 'input': 'ad_events.events'},
        {'staging': 'stg_adserver__impressions', 'link': 'nhl_impression__adserver',
         'key': 'impression', 'input': 'adserver.impressions'},
        {'staging': 'stg_adserver__clicks', 'link': 'nhl_click__adserver',
         'key': 'click', 'input': 'adserver.clicks'},
        {'staging': 'stg_adserver__conversions', 'link': 'nhl_conversion__adserver',
         'key': 'conversion', 'input': 'adserver.conversions'},
        {'staging': 'stg_user_events__user_actions', 'link': 'nhl_user_action__user_events',
         'key': 'user_action', 'input': 'user_events.events'},
    ]) }}
{% endmacro %}
