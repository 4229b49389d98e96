{#
    What the profile of a user id said, and when. Unlike a dimension's versions, the first says nothing of
    the time before it: people are often described long after they were first seen. No row while there is
    no profile, nor after it was deleted.
#}
with versions as (
    {{ dimension_versions(
        hub=ref('hub_user'),
        satellite=ref('sat_user__campaigns'),
        hash_key='user_hk',
        business_key='user_bk',
        attributes=['age_band', 'gender']
    ) }}
),

profiles as (
    select
        user_hk,
        valid_from,
        valid_to,
        age_band,
        gender
    from versions
    where
        not is_inferred
        and not is_deleted
)

select * from profiles
