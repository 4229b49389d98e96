{#
    Nothing that tells who a person is: no email, no address; the id itself is only known by its
    pseudonym.
#}
with profiles as (
    {{ dimension_versions(
        hub=ref('hub_user'),
        satellite=ref('sat_user__campaigns'),
        hash_key='user_hk',
        business_key='user_bk',
        attributes=['age_band', 'gender', 'country_code']
    ) }}
),

accounts as (
    select
        links.user_hk,
        count(distinct links.account_hk) as account_count
    from {{ ref('link_user_account') }} as links
    group by links.user_hk
),

users as (
    select
        {{ hash_to_text('profiles.user_hk') }} as user_key,
        {# Who had a profile deleted must not be described by it any longer. #}
        case when not profiles.is_deleted then profiles.age_band end as age_band,
        case when not profiles.is_deleted then profiles.gender end as gender,
        case when not profiles.is_deleted then profiles.country_code end as country_code,
        not profiles.is_inferred and not profiles.is_deleted as has_profile,
        coalesce(accounts.account_count, 0) as account_count,
        {{ hash_to_text('coalesce(persons.person_hk, profiles.user_hk)') }} as person_key
    from profiles
    left join accounts
        on profiles.user_hk = accounts.user_hk
    left join {{ ref('sal_user_person') }} as persons
        on profiles.user_hk = persons.user_hk
    where profiles.is_current
)

select * from users
