{# An action without a name says nothing about the product's name. #}
{{ satellite(
    sources={
        'relation': ref('stg_user_events__user_actions'),
        'where': 'product_name is not null',
    },
    parent_key='product_hk',
    hashdiff='product_hashdiff',
    payload=['product_name']
) }}
