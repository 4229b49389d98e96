with names as (
    {{ loaded_last(ref('sat_product__user_events'), ['product_hk'], ['product_name']) }}
),

products as (
    select
        {{ hash_to_text('hub_product.product_hk') }} as product_key,
        hub_product.product_bk as sku,
        names.product_name
    from {{ ref('hub_product') }} as hub_product
    left join names
        on hub_product.product_hk = names.product_hk
)

select * from products
