{# The stream is the only source of user actions so far; a second one would join here. #}
with user_actions as (
    select * from {{ ref('nhl_user_action__user_events') }}
)

select * from user_actions
