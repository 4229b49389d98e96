with user_identities as (
    select
        landed.user_id as user_pseudonym,
        landed.account_id,
        cast(landed.first_seen_at as timestamp) as first_seen_at,
        landed._is_deleted as is_deleted,
        cast(coalesce(landed.updated_at, landed._loaded_at) as timestamp) as effective_from,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('campaigns', 'user_identities', source_rank=19) }} as landed
),

staged as (
    {{ stage(
        source='user_identities',
        record_source="'campaigns.user_identities'",
        hash_keys={
            'user_hk': ['user_pseudonym'],
            'account_hk': ['account_id'],
            'user_account_hk': ['user_pseudonym', 'account_id'],
        },
        hashdiffs={
            'user_account_hashdiff': [
                'first_seen_at:timestamp',
                'is_deleted:boolean',
                'effective_from:timestamp',
            ],
        }
    ) }}
)

select * from staged
