{#
    The event tables whose deliveries are counted: per staging model its event link, its key, the
    column that names the event, what the balance calls the table, and, where another source reports
    the same events, that source and its event link. The one list of them.
#}
{% macro event_deliveries() %}
    {{ return([
        {'staging': 'stg_ad_events__impressions', 'link': 'nhl_impression__ad_events',
         'key': 'impression', 'id': 'impression_id', 'input': 'ad_events.events',
         'other_link': 'nhl_impression__adserver', 'other_input': 'adserver.impressions'},
        {'staging': 'stg_ad_events__clicks', 'link': 'nhl_click__ad_events',
         'key': 'click', 'id': 'click_id', 'input': 'ad_events.events',
         'other_link': 'nhl_click__adserver', 'other_input': 'adserver.clicks'},
        {'staging': 'stg_ad_events__viewability', 'link': 'nhl_viewability__ad_events',
         'key': 'viewability', 'id': 'impression_id', 'input': 'ad_events.events'},
        {'staging': 'stg_ad_events__video_events', 'link': 'nhl_video_event__ad_events',
         'key': 'video_event', 'id': 'impression_id', 'input': 'ad_events.events'},
        {'staging': 'stg_adserver__impressions', 'link': 'nhl_impression__adserver',
         'key': 'impression', 'id': 'impression_id', 'input': 'adserver.impressions',
         'other_link': 'nhl_impression__ad_events', 'other_input': 'ad_events.events'},
        {'staging': 'stg_adserver__clicks', 'link': 'nhl_click__adserver',
         'key': 'click', 'id': 'click_id', 'input': 'adserver.clicks',
         'other_link': 'nhl_click__ad_events', 'other_input': 'ad_events.events'},
        {'staging': 'stg_adserver__conversions', 'link': 'nhl_conversion__adserver',
         'key': 'conversion', 'id': 'conversion_id', 'input': 'adserver.conversions'},
        {'staging': 'stg_user_events__user_actions', 'link': 'nhl_user_action__user_events',
         'key': 'user_action', 'id': 'user_action_id', 'input': 'user_events.events'},
        {'staging': 'stg_exchange__bid_requests', 'link': 'nhl_auction__exchange',
         'key': 'auction', 'id': 'auction_id', 'input': 'exchange.bid_requests'},
        {'staging': 'stg_exchange__bids', 'link': 'nhl_bid__exchange',
         'key': 'bid', 'id': 'bid_id', 'input': 'exchange.bids'},
        {'staging': 'stg_exchange__wins', 'link': 'nhl_win__exchange',
         'key': 'win', 'id': 'bid_id', 'input': 'exchange.wins'},
        {'staging': 'stg_exchange__billing_notices', 'link': 'nhl_billing_notice__exchange',
         'key': 'billing_notice', 'id': 'bid_id', 'input': 'exchange.billing_notices'},
    ]) }}
{% endmacro %}
