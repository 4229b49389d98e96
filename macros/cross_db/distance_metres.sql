{#
    Great-circle distance in whole metres between two points in degrees, on a sphere of 6,371,008.8 m
    (the mean radius of the Earth); null where a part is null or out of range.

    Haversine's distance in its arctangent form, which keeps its digits for opposite points, too; rounded
    to metres because the last digits of sine and cosine differ between engines.
#}
{% macro distance_metres(latitude, longitude, other_latitude, other_longitude) -%}
    {%- set a = _radians(latitude) -%}
    {%- set b = _radians(other_latitude) -%}
    {%- set turn = _radians(other_longitude ~ ' - (' ~ longitude ~ ')') -%}
    case
        when {{ latitude }} between -90 and 90 and {{ other_latitude }} between -90 and 90
            and {{ longitude }} between -180 and 180 and {{ other_longitude }} between -180 and 180
            then cast(round(6371008.8e0 * atan2(
                sqrt(
                    power(cos({{ b }}) * sin({{ turn }}), 2)
                    + power(
                        cos({{ a }}) * sin({{ b }}) - sin({{ a }}) * cos({{ b }}) * cos({{ turn }}), 2
                    )
                ),
                sin({{ a }}) * sin({{ b }}) + cos({{ a }}) * cos({{ b }}) * cos({{ turn }})
            )) as bigint)
    end
{%- endmacro %}
