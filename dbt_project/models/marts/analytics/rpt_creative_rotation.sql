{#
    Which creatives a line item had at any time, and what each was then. A row ends where the assignment
    or the creative changes; there is none while the creative is not assigned. A creative that the
    campaigns database does not have (yet, or any longer) has no name.
#}
with stretches as (
    select
        links.line_item_hk,
        links.creative_hk,
        assignments.line_item_creative_hk,
        assignments.line_item_creative_hashdiff,
        assignments.line_item_creative_effective_from,
        creatives.creative_hashdiff,
        creatives.creative_effective_from,
        coalesce(creatives.is_present, false) as is_creative_present,
        greatest(assignments.valid_from, creatives.valid_from) as valid_from,
        least(assignments.valid_to, creatives.valid_to) as valid_to
    from {{ ref('pit_line_item_creative') }} as assignments
    inner join {{ ref('link_line_item_creative') }} as links
        on assignments.line_item_creative_hk = links.line_item_creative_hk
    inner join {{ ref('pit_creative') }} as creatives
        on links.creative_hk = creatives.creative_hk
    where assignments.is_active
),

rotation as (
    select
        {{ hash_to_text(hash_key([
            'hub_line_item.line_item_bk', 'hub_creative.creative_bk', 'stretches.valid_from:timestamp'
        ])) }} as creative_rotation_key,
        {{ hash_to_text('stretches.line_item_hk') }} as line_item_key,
        hub_line_item.line_item_bk as line_item_id,
        {{ hash_to_text('stretches.creative_hk') }} as creative_key,
        hub_creative.creative_bk as creative_id,
        assignments.experiment_arm,
        assignments.weight,
        assignments.start_at,
        assignments.end_at,
        creatives.creative_name,
        creatives.ad_format,
        creatives.width,
        creatives.height,
        stretches.is_creative_present,
        stretches.valid_from,
        stretches.valid_to,
        stretches.valid_to = timestamp '9999-12-31 00:00:00' as is_current
    from stretches
    inner join {{ ref('hub_line_item') }} as hub_line_item
        on stretches.line_item_hk = hub_line_item.line_item_hk
    inner join {{ ref('hub_creative') }} as hub_creative
        on stretches.creative_hk = hub_creative.creative_hk
    {{ pit_version(ref('sat_line_item_creative__campaigns'), 'assignments',
                   'line_item_creative', 'stretches') }}
    {{ pit_version(ref('sat_creative__campaigns'), 'creatives', 'creative', 'stretches') }}
    where stretches.valid_from < stretches.valid_to
)

select * from rotation
