-- No account has ids of two persons: otherwise `identity_rounds` is too small for a chain of
-- accounts.
with versions as (
    select
        user_hk,
        account_hk,
        is_deleted
    from {{ ref('masat_user__campaigns') }}
    qualify row_number() over (
        partition by user_hk, account_hk
        order by
            load_pin desc,
            source_rank desc,
            ingest_seq desc,
            position_major desc,
            position_minor desc
    ) = 1
)

select versions.account_hk
from versions
left join {{ ref('sal_user_person') }} as persons
    on versions.user_hk = persons.user_hk
where not versions.is_deleted
group by versions.account_hk
having
    min(persons.person_hk) <> max(persons.person_hk)
    or count(persons.person_hk) <> count(*)
