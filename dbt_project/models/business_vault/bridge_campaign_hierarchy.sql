{{ bridge(
    hub=ref('hub_line_item'),
    hash_key='line_item_hk',
    walk=[
        {
            'link': ref('link_line_item_campaign'),
            'link_key': 'line_item_campaign_hk',
            'to': 'campaign_hk',
            'effectivity': ref('esat_line_item_campaign__campaigns'),
        },
        {
            'link': ref('link_campaign_advertiser'),
            'link_key': 'campaign_advertiser_hk',
            'to': 'advertiser_hk',
            'effectivity': ref('esat_campaign_advertiser__campaigns'),
        },
    ]
) }}
