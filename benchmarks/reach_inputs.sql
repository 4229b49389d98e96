-- What the models of reach read, for one month, in the shapes of the marts.
-- Variables: impressions, ids.
create schema core;
create schema analytics;

create temporary macro key_of(name) as md5(name);

-- Twenty-five impressions of every id, days apart, over the line items of a few campaigns.
create table core.fct_impressions as
select
    date '2026-03-02' + cast((n // getvariable('ids') * 7 + n % 30) % 30 as integer) as event_date,
    cast(event_date as timestamp) + to_seconds(cast(n % 86400 as double)) as event_at,
    key_of('user' || (n % getvariable('ids'))) as user_key,
    key_of('item' || (n % 400)) as line_item_key,
    key_of('creative' || (n % 500)) as creative_key,
    key_of('placement' || (n % 300)) as placement_key,
    ['display', 'video', 'social', 'native', 'search', 'ctv'][1 + n % 6] as channel,
    ['DE', 'FR', 'GB', 'IT', 'ES', 'US', 'IN'][1 + n % 7] as country_code,
    ['desktop', 'phone', 'tablet', 'tv'][1 + n % 4] as device_type,
    false as is_invalid
from range(getvariable('impressions')) as impressions (n);

create table core.dim_line_items as
select
    key_of('item' || n) as line_item_key,
    'item' || n as line_item_id,
    key_of('campaign' || (n // 5)) as campaign_key,
    'campaign' || (n // 5) as campaign_id,
    timestamp '1900-01-01 00:00:00' as as_of_from,
    timestamp '9999-12-31 00:00:00' as valid_to,
    true as is_current
from range(400) as items (n);

create table core.dim_campaigns as
select
    key_of('campaign' || n) as campaign_key,
    'adv' || (n // 2) as advertiser_id,
    timestamp '1900-01-01 00:00:00' as as_of_from,
    timestamp '9999-12-31 00:00:00' as valid_to
from range(80) as campaigns (n);

create table core.dim_placements as
select
    key_of('placement' || n) as placement_key,
    'site' || (n // 3) as site_id,
    timestamp '1900-01-01 00:00:00' as as_of_from,
    timestamp '9999-12-31 00:00:00' as valid_to
from range(300) as placements (n);

create table core.dim_creatives as
select key_of('creative' || n) as creative_key, 'creative' || n as creative_id, true as is_current
from range(500) as creatives (n);
