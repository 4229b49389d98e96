{#
    Which organisation an advertiser is (same-as link), as both are described now:
    - permalink: the organisation that has the permalink that the advertiser names;
    - domain: otherwise the organisation whose website has the advertiser's domain.
    Only if exactly one organisation that is not deleted has it: another company's figures are worse
    than none. A deleted advertiser keeps the organisation of its last description.
#}
with organizations as (
    {{ dimension_versions(
        hub=ref('hub_organization'),
        satellite=ref('sat_organization__crunchbase'),
        hash_key='organization_hk',
        business_key='organization_bk',
        attributes=['permalink', 'website_domain']
    ) }}
),

advertisers as (
    {{ dimension_versions(
        hub=ref('hub_advertiser'),
        satellite=ref('sat_advertiser__campaigns'),
        hash_key='advertiser_hk',
        business_key='advertiser_bk',
        attributes=['crunchbase_permalink', 'website_domain']
    ) }}
),

known_names as (
    select
        organization_hk,
        business_key as organization_bk,
        'permalink' as matched_by,
        nullif({{ lower_text(trim_space('permalink')) }}, '') as matched_value
    from organizations
    where is_current and not is_deleted
    union all
    select
        organization_hk,
        business_key as organization_bk,
        'domain' as matched_by,
        website_domain as matched_value
    from organizations
    where is_current and not is_deleted
),

{# A name that two organisations have decides nothing. #}
deciding_names as (
    select *
    from known_names
    qualify count(*) over (partition by matched_by, matched_value) = 1
),

wanted_names as (
    select
        advertiser_hk,
        business_key as advertiser_bk,
        1 as precedence,
        'permalink' as matched_by,
        nullif({{ lower_text(trim_space('crunchbase_permalink')) }}, '') as matched_value
    from advertisers
    where is_current
    union all
    select
        advertiser_hk,
        business_key as advertiser_bk,
        2 as precedence,
        'domain' as matched_by,
        {{ url_domain('website_domain') }} as matched_value
    from advertisers
    where is_current
),

matches as (
    select
        {{ hash_key(['deciding_names.organization_bk', 'wanted_names.advertiser_bk']) }}
            as organization_advertiser_hk,
        deciding_names.organization_hk,
        wanted_names.advertiser_hk,
        wanted_names.matched_by,
        wanted_names.matched_value
    from wanted_names
    inner join deciding_names
        on
            wanted_names.matched_by = deciding_names.matched_by
            and wanted_names.matched_value = deciding_names.matched_value
    qualify row_number() over (
        partition by wanted_names.advertiser_hk order by wanted_names.precedence
    ) = 1
)

select * from matches
