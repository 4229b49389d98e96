with names as (
    select
        product_hk,
        product_name
    from {{ ref('sat_product__user_events') }}
    qualify row_number() over (
        partition by product_hk
        order by
            load_pin desc, source_rank desc, ingest_seq desc, position_major desc,
            position_minor desc
    ) = 1
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
