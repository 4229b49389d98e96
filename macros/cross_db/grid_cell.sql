{#
    Number of the cell of a decimal coordinate in a grid of `cells_per_degree`, counted from 0 degrees
    downwards and upwards; a point's cell is the pair for latitude and longitude. The cell begins at
    `rate(cell, cells_per_degree)` degrees.
#}
{% macro grid_cell(coordinate, cells_per_degree) -%}
    cast(floor({{ coordinate }} * {{ cells_per_degree }}) as bigint)
{%- endmacro %}
