-- What the attribution models read, for one month, in the shapes of the business vault and the marts.
-- Variables: conversions, views, clicks (of each converting id), weights (the seed's file).
create schema business_vault;
create schema core;
create schema analytics;
create schema utilities;

create temporary macro hashed(name) as cast(md5(name) as uuid);
create temporary macro key_of(hash) as replace(cast(hash as varchar), '-', '');
create temporary macro converted_at(n) as
    timestamp '2026-03-02 00:00:00' + to_seconds(cast(n % 2592000 as double));

create table business_vault.bv_conversions as
select
    hashed('conversion' || n) as conversion_hk,
    'cnv-' || n as conversion_id,
    converted_at(n) as event_at,
    cast(event_at as date) as event_date,
    hashed('advertiser' || (n % 40)) as advertiser_hk,
    hashed('user' || n) as user_hk,
    'purchase' as conversion_type,
    cast((n % 20000) / 100 as decimal(38, 9)) as conversion_value,
    'EUR' as currency_code
from range(getvariable('conversions')) as ids (n);

-- As many ids again saw and clicked as much, and did not convert.
create table business_vault.bv_impressions as
select
    hashed('view' || n || '-' || k) as impression_hk,
    'imp-' || n || '-' || k as impression_id,
    converted_at(n) - to_hours(cast(k + 1 as integer)) as event_at,
    cast(event_at as date) as event_date,
    hashed('user' || n) as user_hk,
    hashed('item' || (n % 40 * 10 + k % 10)) as line_item_hk,
    hashed('creative' || (n % 500)) as creative_hk,
    hashed('placement' || (n % 300)) as placement_hk,
    ['display', 'video', 'social', 'native', 'search', 'ctv'][1 + (n + k) % 6] as channel
from range(2 * getvariable('conversions')) as ids (n), range(getvariable('views')) as touches (k);

create table business_vault.bv_clicks as
select
    hashed('click' || n || '-' || k) as click_hk,
    'clk-' || n || '-' || k as click_id,
    hashed('clicked' || n || '-' || k) as impression_hk,
    converted_at(n) - to_hours(cast(100 * (k + 1) as integer)) as event_at,
    cast(event_at as date) as event_date,
    hashed('user' || n) as user_hk,
    hashed('item' || (n % 40 * 10 + k % 10)) as line_item_hk,
    hashed('creative' || (n % 500)) as creative_hk,
    hashed('placement' || (n % 300)) as placement_hk,
    ['display', 'video', 'social', 'native', 'search', 'ctv'][1 + (n + k) % 6] as channel
from range(2 * getvariable('conversions')) as ids (n), range(getvariable('clicks')) as touches (k);

create table business_vault.bv_click_classes as
select click_hk, event_date, 'net' as click_class from business_vault.bv_clicks;

create table business_vault.bv_impression_verdicts as
select impression_hk, event_date from business_vault.bv_impressions limit 0;

create table business_vault.bv_line_item_versions as
select
    hashed('item' || n) as line_item_hk,
    hashed('campaign' || (n // 5)) as campaign_hk,
    hashed('advertiser' || (n // 10)) as advertiser_hk,
    timestamp '1900-01-01 00:00:00' as as_of_from,
    timestamp '9999-12-31 00:00:00' as valid_to,
    'last' as attribution_model,
    cast(null as varchar) as conversion_types,
    cast(24 as bigint) as view_window_hours,
    cast(30 as bigint) as click_window_days
from range(400) as items (n);

create table utilities.time_decay_weights as
select cast(age_hours as bigint) as age_hours, cast(weight as bigint) as weight
from read_csv(getvariable('weights'));

create table core.fct_conversions as
select
    key_of(conversion_hk) as conversion_key,
    event_date,
    key_of(advertiser_hk) as advertiser_key,
    conversion_type,
    conversion_value as conversion_value_amount,
    currency_code
from business_vault.bv_conversions;

create table core.dim_line_items as
select key_of(hashed('item' || n)) as line_item_key, 'item' || n as line_item_id, true as is_current
from range(400) as items (n);

create table core.dim_campaigns as
select key_of(hashed('campaign' || n)) as campaign_key, 'campaign' || n as campaign_id, true as is_current
from range(80) as campaigns (n);

create table core.dim_advertisers as
select key_of(hashed('advertiser' || n)) as advertiser_key, 'adv' || n as advertiser_id, true as is_current
from range(40) as advertisers (n);
