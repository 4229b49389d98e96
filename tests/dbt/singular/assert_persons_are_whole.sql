-- No account has ids of two persons: otherwise `identity_rounds` is too small for a chain of
-- accounts.
with versions as (
    {{ loaded_last(ref('masat_user__campaigns'), ['user_hk', 'account_hk'], ['is_deleted']) }}
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
