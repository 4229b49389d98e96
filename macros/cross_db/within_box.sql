{#
    Whether a point in degrees lies in a box, its edges included. A box whose west is greater than its
    east crosses the date line.
#}
{% macro within_box(latitude, longitude, south, west, north, east) -%}
    (
        {{ latitude }} between {{ south }} and {{ north }}
        and (
            {{ longitude }} between {{ west }} and {{ east }}
            or ({{ west }} > {{ east }} and ({{ longitude }} >= {{ west }} or {{ longitude }} <= {{ east }}))
        )
    )
{%- endmacro %}
