{#
    Joins what the profile of a user id said at an event's time; nothing before the first and after a
    deletion.

        from {{ ref('fct_impressions') }} as impressions
        {{ profile_at(ref('bv_user_profiles'), 'profiles',
                      'impressions.user_key', 'impressions.event_at') }}

    `alias` names the joined profile.
#}
{% macro profile_at(profiles, alias, user_key, event_at) -%}
left join {{ profiles }} as {{ alias }}
        on
            {{ user_key }} = {{ hash_to_text(alias ~ '.user_hk') }}
            and {{ event_at }} >= {{ alias }}.valid_from
            and {{ event_at }} < {{ alias }}.valid_to
{%- endmacro %}
