{# The models of attribution, each a pair of columns of a touch: `<model>_credit`, `<model>_value_micros`. #}
{% macro attribution_models() %}
    {{ return(['first', 'last', 'linear', 'position', 'time_decay', 'markov', 'shapley']) }}
{% endmacro %}
