with user_profiles as (
    select
        landed.user_id as user_pseudonym,
        landed.email as email_pseudonym,
        landed.age_band,
        landed.gender,
        landed.country as country_code,
        landed._is_deleted as is_deleted,
        cast(coalesce(landed.updated_at, landed._loaded_at) as timestamp) as effective_from,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('campaigns', 'user_profiles', source_rank=18) }} as landed
),

staged as (
    {{ stage(
        source='user_profiles',
        record_source="'campaigns.user_profiles'",
        hash_keys={
            'user_hk': ['user_pseudonym'],
        },
        hashdiffs={
            'user_hashdiff': [
                'email_pseudonym',
                'age_band',
                'gender',
                'country_code',
                'is_deleted:boolean',
                'effective_from:timestamp',
            ],
        }
    ) }}
)

select * from staged
