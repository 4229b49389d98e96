{#
    Which user ids are one person (same-as link): ids that share an account, and ids that share one with
    those, and so on. The person goes by the smallest hash of its ids. An account that two people use
    makes them one; an id without an account is a person of its own and has no row. By the accounts that
    each id has now, computed anew in each build.

    In each round every id takes the smallest hash that an id of one of its accounts has; so a hash gets
    as many accounts further as there are rounds. assert_persons_are_whole says if one of them had to
    get further: no account has ids of two persons, so that what is here is exact.
#}
{%- set rounds = var('identity_rounds') %}
with versions as (
    {{ loaded_last(ref('masat_user__campaigns'), ['user_hk', 'account_hk'], ['is_deleted']) }}
),

accounts as (
    select
        user_hk,
        account_hk
    from versions
    where not is_deleted
),

persons_0 as (
    select distinct
        user_hk,
        user_hk as person_hk
    from accounts
),

{%- for round in range(1, rounds + 1) %}

account_persons_{{ round }} as (
    select
        accounts.account_hk,
        min(persons_{{ round - 1 }}.person_hk) as person_hk
    from accounts
    inner join persons_{{ round - 1 }}
        on accounts.user_hk = persons_{{ round - 1 }}.user_hk
    group by accounts.account_hk
),

persons_{{ round }} as (
    select
        accounts.user_hk,
        min(account_persons_{{ round }}.person_hk) as person_hk
    from accounts
    inner join account_persons_{{ round }}
        on accounts.account_hk = account_persons_{{ round }}.account_hk
    group by accounts.user_hk
),
{%- endfor %}

same_as as (
    select
        user_hk,
        person_hk
    from persons_{{ rounds }}
)

select * from same_as
