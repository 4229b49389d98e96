-- On the dates that this build touches: an impression without personal consent carries no user.
select impression_key
from {{ ref('fct_impressions') }}
where
    {{ touched_dates(['ad_events.events', 'adserver.impressions']) }}
    and not has_personal_consent
    and user_key is not null
